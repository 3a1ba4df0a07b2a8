"""Clouds and rooms, taken away again whatever a test did to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from manager.host.files import locked
from netsetup.nft import Nft
from netsetup.sysctl import current, settle
from tests.real.netsetup.lab import Cloud, CloudMaker, Room, links_of
from tests.turns import BRIDGE_NF


@pytest.fixture
def make_cloud() -> Iterator[CloudMaker]:
    """Makes clouds whose names and tags belong to this process, and to no cloud that is up."""
    with ExitStack() as clouds:
        tags = (f"{number & 0xFFFF:04x}" for number in count(os.getpid() * 4))

        def make() -> Cloud:
            tag = next(tag for tag in tags if not links_of(tag))
            cloud = Cloud(f"nettest-{tag}", tag)
            clouds.callback(cloud.close)
            cloud.network.ensure()
            return cloud

        yield make


@pytest.fixture
def cloud(make_cloud: CloudMaker) -> Cloud:
    return make_cloud()


@pytest.fixture(params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def bridge_nf(request: pytest.FixtureRequest) -> Iterator[None]:
    """Frames between ports do, and do not, pass Docker's and other IP rules of this host."""
    setting = "bridge/bridge-nf-call-iptables"
    with locked(BRIDGE_NF):
        before = current(setting)
        settle(setting, request.param)
        yield
        if before is not None:
            settle(setting, before)


@pytest.fixture
def room() -> Iterator[Room]:
    with Room() as made:
        yield made


@pytest.fixture
def nft() -> Iterator[Nft]:
    """Somebody else's hand on the rules."""
    by_hand = Nft()
    yield by_hand
    by_hand.close()
