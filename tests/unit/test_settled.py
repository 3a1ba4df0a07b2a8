"""Waiting until apps are as they are wanted: what is said when that takes too long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import WaitTimedOut
from manager.api.wire import Request
from manager.reconcile import Picture, Reconciler
from manager.server import Call
from manager.service.changes import Made
from manager.service.waiting import Waiting
from manager.world import World
from tests.simulation.worlds import SUBNET, a_worker, an_app, serving

SOON = Arguments({"wait": 0.001})


@dataclass(frozen=True, slots=True)
class Still:
    """A loop that sees the same again and again."""

    world: World

    def picture(self) -> Picture:
        return Picture(self.world, 1, False)

    def next_picture(self, after: Picture | None, within_s: float) -> Picture:
        return self.picture()


@dataclass(frozen=True, slots=True)
class Patient:
    """A client that stays on the line."""

    request: Request

    def check(self) -> None: ...

    def progress(self, line: str) -> None: ...


def complaint(world: World, method: str = "scale") -> tuple[str, str]:
    """Return what is said at last to somebody who waits for web."""
    waiting = Waiting(cast(Reconciler, Still(world)))
    with pytest.raises(WaitTimedOut) as caught:
        waiting.until_settled(cast(Call, Patient(Request(1, method, {}))), Made(("web",), "", 7), SOON)
    return caught.value.message.removeprefix("not ready within 0.001 s: "), caught.value.hint


def test_who_waits_in_vain_for_a_worker_is_told_what_it_waits_for() -> None:
    world = replace(serving([an_app()], [a_worker(1), a_worker(2)]), attached=frozenset())

    assert complaint(world, "run") == (
        "web.1 starting: its network is being connected",
        "logs web    (or: rm web -y)",
    )


def test_who_waits_in_vain_for_an_address_is_told_so() -> None:
    only = replace(a_worker(1), address=SUBNET[2])
    full = replace(serving([an_app()], [only]), subnet=IPv4Network("10.9.0.0/30"))

    assert complaint(full) == (
        "web lacks workers: all 1 addresses of 10.9.0.0/30 are used",
        "apps --sort want    (or: ps web)",
    )
