"""Where all is as asked nothing is looked at, and what nobody tells of is seen all the same."""

from __future__ import annotations

import pytest

from manager.loop.reconcile import LONGEST_REST_S, Picture
from manager.plan.draft import RESYNC_S
from manager.state.records import PROXY
from tests.simulation.cloud import Cloud
from tests.simulation.histories import APP, prepared
from tests.simulation.manager import TAG

SOON_S = 2 * RESYNC_S


@pytest.fixture
def cloud() -> Cloud:
    """A cloud that has been as asked for a while."""
    cloud = prepared(2)
    cloud.run_for(3 * RESYNC_S)
    return cloud


def picture(cloud: Cloud) -> Picture:
    assert cloud.manager is not None
    found = cloud.manager.reconciler.picture()
    assert found is not None
    return found


def looks(cloud: Cloud, seconds: float) -> int:
    """Return how often everything was looked at in so many seconds."""
    before = picture(cloud).number
    cloud.run_for(seconds)
    return picture(cloud).number - before


def test_nothing_is_looked_at_while_nothing_happens_but_once_in_a_while(cloud: Cloud) -> None:
    assert looks(cloud, 0.8 * LONGEST_REST_S) <= 1
    assert looks(cloud, 5 * LONGEST_REST_S) in (4, 5)


def test_a_picture_of_a_cloud_at_rest_is_of_now(cloud: Cloud) -> None:
    cloud.run_for(0.8 * LONGEST_REST_S)

    assert cloud.clock.now - picture(cloud).world.now <= RESYNC_S


def test_routes_that_were_deleted_by_hand_are_missed_soon(cloud: Cloud) -> None:
    before = cloud.store.read(PROXY).entries.keys()
    cloud.store.delete_prefix(PROXY)

    cloud.run_for(SOON_S)

    assert cloud.store.read(PROXY).entries.keys() == before


def test_a_link_that_was_deleted_by_hand_is_missed_soon(cloud: Cloud) -> None:
    worker = cloud.worker(APP, 1)
    cloud.judge.harm(worker)
    name = worker.port_name(TAG)
    cloud.network.cut(name)

    cloud.run_for(SOON_S)

    assert name in cloud.network.links


def test_a_lost_bridge_is_missed_soon(cloud: Cloud) -> None:
    cloud.harm_all()
    cloud.network.lose_bridge()

    cloud.run_for(SOON_S)

    assert cloud.network.bridge
