"""When the loop looks, and when it may rest."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Event
from types import SimpleNamespace
from typing import cast

from manager.lead import Leadership
from manager.loop.apply import Effects
from manager.loop.look import Sight
from manager.loop.reconcile import Reconciler
from manager.state.model import WorkerKey
from manager.state.world import World
from tests.simulation.worlds import NOW, a_worker, an_app, serving


class Bell(Event):
    """What tells the loop of a change as a script says, and then not before the loop is stopped."""

    def __init__(self, *told: bool) -> None:
        super().__init__()
        self.over = Event()
        self._told = deque(told)

    def wait(self, timeout: float | None = None) -> bool:
        if self._told:
            return self._told.popleft()
        self.over.set()
        return super().wait()


@dataclass(slots=True)
class CalmSight:
    """Each look shows a cloud that is as asked."""

    looks: int = 0

    def look(self, busy: frozenset[WorkerKey]) -> World:
        self.looks += 1
        return serving([an_app()], [a_worker(1), a_worker(2)])

    def is_outdated(self, world: World) -> bool:
        return False

    def clock(self) -> float:
        return NOW

    def steady(self) -> float:
        return 0.0


def looks(*told: bool) -> int:
    """Return how often a loop looks that wakes as often, each time told of a change or not."""
    bell, sight = Bell(*told), CalmSight()
    leadership = cast(Leadership, SimpleNamespace(fence=object()))
    reconciler = Reconciler(cast(Sight, sight), cast(Effects, None), leadership, bell)
    reconciler.start()
    bell.over.wait()
    seen = sight.looks
    reconciler.stop()
    return seen


def test_where_nothing_tells_of_a_change_one_look_is_enough() -> None:
    assert looks(False, False, False) == 1


def test_a_look_that_was_told_of_a_change_is_followed_by_one_that_was_not() -> None:
    """Docker tells of a pause before its listing shows it: the first look may show what was before."""
    assert looks(False, True, False, False) == 3
