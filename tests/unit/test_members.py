"""Members of the embedded etcd that do not answer: which of them are ended, and which keep their data."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from manager.api.errors import StoreUnavailable
from manager.host.members import BEGINS_S, bring_back, has_log, renew
from manager.host.parts import ETCD_IMAGE, etcd_orders
from manager.host.settings import Settings
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesWithState

SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), "10.200.0.0/22")


@pytest.mark.parametrize(
    ("age_s", "what"), [(BEGINS_S + 1, "restarted"), (BEGINS_S / 2, "started")], ids=["old", "young"]
)
def test_a_silent_member_is_killed_unless_it_may_be_making_its_first_data(
    tmp_path: Path, age_s: float, what: str
) -> None:
    places = PlacesWithState("test", directory=tmp_path)
    engine = FakeEngine(now=lambda: time.time() - age_s, images=[fake_image(ETCD_IMAGE)])
    places.state.mkdir()
    (order,) = etcd_orders(places, SETTINGS)
    engine.parts.start(order)

    done = bring_back(places, SETTINGS, SETTINGS.etcd_endpoints, engine)

    assert done == f"{what} {order.name}"
    assert (f"restart {order.name}" in engine.changes) == (what == "restarted")


def test_a_member_keeps_its_data_until_the_others_have_agreed_to_give_it_theirs(tmp_path: Path) -> None:
    places = PlacesWithState("test", directory=tmp_path)
    engine = FakeEngine(now=time.time, images=[fake_image(ETCD_IMAGE)])
    log = places.state / "etcd2" / "member" / "wal"
    log.mkdir(parents=True)
    (log / "0.wal").touch()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens there
        settings = replace(SETTINGS, etcd_ports=((bound.getsockname()[1], 23002), (23003, 23004)))
        order = etcd_orders(places, settings)[1]
        engine.parts.start(order)
        with pytest.raises(StoreUnavailable):
            renew(places, settings, settings.etcd_endpoints[1:], engine)

    assert has_log(places.state / "etcd2")
    assert [part.name for part in engine.parts.list()] == [order.name]
