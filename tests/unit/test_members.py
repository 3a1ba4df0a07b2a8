"""Members of the embedded etcd that do not answer: which of them are ended, and which keep their data."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from manager.api.errors import StoreUnavailable
from manager.engine.docker_engine import DockerEngine
from manager.host.checks.parts import etcd
from manager.host.members import BEGINS_S, bring_back, has_log, renew
from manager.host.parts import ETCD_IMAGE, etcd_orders
from manager.host.settings import Settings
from manager.store import Member
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesWithState

SOON = "(in half a minute, when they have ended)"
NOW = "(within half a minute, before they end)"
FIRST = "(put the data back before; else: restore FILE, or adopt -y)"
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


@pytest.mark.parametrize(
    ("healthy", "kept", "fix", "mends"),
    [
        ((1, 2, 3), (1, 2, 3), "", False),
        ((1, 2, 3), (1, 3), f"simplecloud --cloud test doctor --fix    {SOON}", False),
        ((1, 3), (1, 3), "simplecloud --cloud test doctor --fix", True),
        ((1, 2, 3), (), f"simplecloud --cloud test backup FILE    {NOW}", False),
        ((), (), f"simplecloud --cloud test doctor --fix    {FIRST}", True),
    ],
)
def test_data_that_members_lack_are_told_with_the_way_to_get_them_or_do_without(
    tmp_path: Path, healthy: tuple[int, ...], kept: tuple[int, ...], fix: str, mends: bool
) -> None:
    places = PlacesWithState("test", directory=tmp_path)
    settings = replace(SETTINGS, etcd_ports=((23001, 23002), (23003, 23004), (23005, 23006)))
    for number in kept:
        log = places.state / f"etcd{number}" / "member" / "wal"
        log.mkdir(parents=True)
        (log / "0.wal").touch()
    numbered = enumerate(settings.etcd_endpoints, start=1)
    members = [Member(endpoint, healthy=number in healthy) for number, endpoint in numbered]

    found = etcd(places, settings, members, cast(DockerEngine, FakeEngine(now=time.time)))

    assert (found.view.fix, found.mend is not None) == (fix, mends)
    lost = [number for number in (1, 2, 3) if number not in kept]
    assert all(f"etcd{number}" in found.view.fact for number in lost)
