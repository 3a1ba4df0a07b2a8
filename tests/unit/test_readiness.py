"""Which changes of workers' health are events, and how many of them there are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from manager.journal import Journal
from manager.loop.readiness import ONCE_IN_S, Readiness
from manager.loop.reconcile import Picture
from manager.observe.verdicts import Verdict
from manager.state.model import WorkerKey
from manager.state.world import World
from tests.simulation.worlds import NOW, a_worker, an_app, ended, serving

WEB_1 = WorkerKey("web", 1, 1)


@dataclass(slots=True)
class Listener:
    """A cloud that is looked at, and the events that come of it."""

    told: list[tuple[str | None, str]] = field(default_factory=list)
    readiness: Readiness = field(init=False)
    looks: int = 0

    def __post_init__(self) -> None:
        self.readiness = Readiness(lambda: None, cast(Journal, self))

    def note(self, text: str, *, app: str, worker: str | None = None) -> None:
        assert app == "web"
        self.told.append((worker, text))

    def look(self, world: World, after_s: float) -> None:
        self.looks += 1
        picture = Picture(replace(world, now=NOW + after_s), self.looks, converged=True)
        self.readiness.picture = lambda: picture
        self.readiness.look()


@pytest.fixture
def listener() -> Listener:
    return Listener()


def well(workers: int = 2) -> World:
    return serving([an_app(want=workers)], [a_worker(slot) for slot in range(1, workers + 1)])


def unwell(world: World, *keys: WorkerKey) -> World:
    """Return the picture in which these workers answer with an error."""
    bad = Verdict(False, "GET / 503", NOW, 0.001)
    return replace(world, verdicts={**world.verdicts, **dict.fromkeys(keys, bad)})


def test_a_worker_that_gets_unready_and_ready_again_is_told_twice(listener: Listener) -> None:
    listener.look(well(), 0.0)
    listener.look(unwell(well(), WEB_1), 1.0)
    listener.look(unwell(well(), WEB_1), 2.0)
    listener.look(well(), 31.0)
    listener.look(well(), 32.0)

    assert listener.told == [("web.1", "unready: GET / 503"), ("web.1", "ready again after 30 s")]


def test_a_worker_that_wavers_is_told_of_once_in_a_minute(listener: Listener) -> None:
    for second in range(int(2 * ONCE_IN_S)):
        listener.look(unwell(well(), WEB_1) if second % 2 else well(), float(second))

    assert [text.partition(":")[0] for _, text in listener.told] == ["unready", "ready again after 1 s"] * 2


def test_many_workers_at_once_are_one_event(listener: Listener) -> None:
    world = well(8)

    listener.look(unwell(world, *world.records), 0.0)

    assert listener.told == [(None, "web.1 unready: GET / 503; and 7 other workers changed at that time")]


def test_an_unready_worker_that_ends_is_not_called_ready_again(listener: Listener) -> None:
    listener.look(unwell(well(), WEB_1), 0.0)
    listener.look(ended(well(), WEB_1), 1.0)
    listener.look(well(), 2.0)

    assert listener.told == [("web.1", "unready: GET / 503")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "another"}, "its container was removed by hand: another one runs"),
        ({"pid": 99}, "its container was restarted by hand"),
    ],
    ids=["removed", "restarted"],
)
def test_what_somebody_did_to_a_container_is_told_once(
    listener: Listener, change: dict[str, Any], told: str
) -> None:
    world = well()
    other = replace(world.containers[WEB_1], **change)
    after = replace(world, containers={**world.containers, WEB_1: other})

    for at, seen in enumerate((world, after, after)):
        listener.look(seen, float(at))

    assert listener.told == [("web.1", told)]


def test_a_worker_that_ended_by_itself_was_not_removed_by_hand(listener: Listener) -> None:
    world = well()
    other = replace(world.containers[WEB_1], id="another")
    again = replace(a_worker(1), restarts=1)
    after = replace(
        world, containers={**world.containers, WEB_1: other}, records={**world.records, WEB_1: again}
    )

    listener.look(world, 0.0)
    listener.look(after, 1.0)

    assert listener.told == []
