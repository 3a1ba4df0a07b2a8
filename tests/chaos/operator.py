"""The operator: gives the orders of the schedule, and keeps what may be, after what each of them answered.

A command that ends with 0 is done and holds. One that was refused changed nothing. Of any other, nobody
knows: both what was before and what it asked for may be. So with an update that nobody waited for: it is
taken back when its workers do not get ready.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.chaos.schedule import BUSY, Order

if TYPE_CHECKING:  # what it does with commands is tested without the real parts
    from tests.real.cloud import Cloud, Outcome

REFUSED = ("no app is named", "an app is named", "being removed")
UNREACHABLE = 3  # the exit code of a command that finds no manager


@dataclass(frozen=True, slots=True)
class State:
    """An app as it may be: workers wanted, and the mark that its last update gave it."""

    want: int
    mark: str = ""


Possible = frozenset[State | None]  # None: the app is not there


def after(words: tuple[str, ...], before: Possible) -> Possible:
    """Return what an app may be when the command has been carried out."""
    there = [state for state in before if state is not None]
    match words:
        case ("scale", change):
            return frozenset(replace(state, want=int(change.partition("=")[2])) for state in there)
        case ("update", _, "-e", mark, *_):
            return frozenset(replace(state, mark=mark.partition("=")[2]) for state in there)
        case ("run", "-n", count, *_):
            return frozenset({State(int(count))})
        case ("rm", *_):
            return frozenset({None})
        case _:
            return before


def app_of(words: tuple[str, ...]) -> str:
    match words:
        case ("scale", change):
            return change.partition("=")[0]
        case ("run", *rest):
            return rest[-3]
        case _:
            return words[1]


@dataclass(slots=True)
class Operator:
    """Works in a thread of its own from entering to leaving, which waits for the command under way.

    given: each command and what it did.  possible: what each app may be now.
    """

    cloud: Cloud
    orders: Iterable[Order]
    given: list[tuple[tuple[str, ...], Outcome]] = field(default_factory=list)
    possible: dict[str, Possible] = field(default_factory=lambda: {BUSY: frozenset({State(2)})})
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._work, name="operator")
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        began_at = time.monotonic()
        for order in self.orders:
            if self._over.wait(max(0.0, began_at + order.at_s - time.monotonic())):
                return
            self._give(order)

    def _give(self, order: Order) -> None:
        words = order.words
        verb, *rest = words
        outcome = self.cloud.run(verb, "--wait=15s" if order.waits else "--detach", *rest)
        if outcome.code == UNREACHABLE:
            self.given.append((("up",), self.cloud.run("up")))  # as the hint says
        app = app_of(words)
        before = self.possible.get(app, frozenset({None}))
        then = after(words, before)
        may_fall_back = verb == "update" and not order.waits
        if outcome.code == 0 and not may_fall_back:
            self.possible[app] = then
        elif not any(refusal in outcome.stderr for refusal in REFUSED):
            self.possible[app] = before | then
        self.given.append((words, outcome))
