"""The parts of the cloud run, each for itself."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from manager.api.errors import CloudError
from manager.api.places import Places
from manager.engine.containers import Part, State
from manager.engine.contract import Engine
from manager.engine.orders import PartOrder
from manager.host.holds import held_s
from manager.host.parts import part_name
from manager.host.processes import is_stopped

LOOK_S = 1.0
REST_S = 10.0
PATIENCE_S = 3.0  # longer than Docker's first few waits before a restart
AGAIN_S = 30.0  # a part that ends sooner after it was started than that ends again and again
STOPPED_S = 2.0  # nothing but a signal stops a process, so this says nothing of how busy the machine is

log = logging.getLogger(__name__)


@dataclass(slots=True)
class PartsTender:
    """Starts the parts that do not run, and has those go on that a signal stopped, unless a drill holds them.

    stirred: set by whoever knows that a container changed. While all runs, Docker is asked again for that
    only, and every REST_S; twice, as Docker tells that a container has died before its listing shows it.
    """

    places: Places
    engine: Engine
    orders: Sequence[PartOrder]
    note: Callable[[str], None]
    stirred: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    stopped: Callable[[int], bool] = is_stopped
    go_on: Callable[[int], None] = lambda pid: os.kill(pid, signal.SIGCONT)
    _rests_until: float = 0.0
    _down_since: dict[str, float] = field(default_factory=dict)
    _stopped_since: dict[tuple[str, int], float] = field(default_factory=dict)
    _known: dict[str, Part] = field(default_factory=dict)
    _said_at: dict[str, float] = field(default_factory=dict)
    _met: bool = False
    _in_hand: str = ""

    def look(self) -> None:
        self._wake()
        told = self.stirred.is_set()
        if not told and self.clock() < self._rests_until:
            return
        self.stirred.clear()
        self._rests_until = 0.0  # also where Docker does not answer now
        self._mend()
        self._met = self._met and not told
        if not told and not self._down_since:
            if not self._met:  # no container of the cloud changes without a word of Docker's
                self._meet(self.engine.parts.list())
                self._met = True
            self._rests_until = self.clock() + REST_S

    def restart(self, name: str, why: str) -> None:
        """The part runs anew, and `events` says why."""
        log.warning("%s %s: restarting it", name, why)
        self._in_hand = name  # between its end and its start it does not run, and nobody else is to start it
        try:
            self.engine.parts.restart(name)
        finally:
            self._in_hand = ""
        self._tell(name, f"restarted: it {why}")

    def _mend(self) -> None:
        in_hand, states = self._in_hand, self.engine.parts.states()
        for order in self.orders:
            state = states.get(order.name)
            if state == "running":
                self._down_since.pop(order.name, None)
                continue
            since = self._down_since.setdefault(order.name, self.clock())
            if order.name in (in_hand, self._in_hand) or is_held(self.places, order.name):
                self._down_since[order.name] = self.clock()
                continue
            if self.clock() - since < PATIENCE_S and state == "restarting":
                continue
            self._start(order, state)

    def _start(self, order: PartOrder, state: State | None) -> None:
        """The part runs, or the log says why not: the others need not wait for it."""
        log.warning("%s does not run: starting it", order.name)
        try:
            self.engine.parts.start(order)
            self._tell(order.name, "unpaused" if state == "paused" else "started again: it did not run")
        except CloudError as error:
            log.warning("%s; next try in %.0f s", error, LOOK_S)

    def _tell(self, name: str, what: str) -> None:
        self._say(f"{label(self.places, name)}: {what}")
        fresh = {part.name: part for part in self.engine.parts.list() if part.name == name}
        self._known = {**self._known, **fresh}

    def _meet(self, parts: Sequence[Part]) -> None:
        """The processes of the parts are known, and `events` tells of a new one that nobody here started."""
        before, self._known = self._known, {part.name: part for part in parts}
        for part in parts:
            if part.pid and before.get(part.name, part).pid != part.pid:
                self._say(f"{label(self.places, part.name)}: its process ended, and it runs again")

    def _say(self, sentence: str) -> None:
        """`events` tell it, but of a part that ends again and again once: it would push out all else."""
        now = self.clock()
        if now - self._said_at.get(sentence, -math.inf) >= AGAIN_S:
            self.note(sentence)
        self._said_at[sentence] = now

    def _wake(self) -> None:
        """The parts go on that somebody has stopped: what waits for an answer of theirs gets it."""
        now = self.clock()
        stopped = [part for part in self._known.values() if part.pid and self.stopped(part.pid)]
        found = [(part.name, part.pid) for part in stopped]
        self._stopped_since = {process: self._stopped_since.get(process, now) for process in found}
        over = {process for process, since in self._stopped_since.items() if now - since >= STOPPED_S}
        for part in self.engine.parts.list() if over else ():  # asked anew: a pid may be another's by now
            if (part.name, part.pid) in over and not is_held(self.places, part.name):
                self._have_go_on(part)
        for process in over:
            del self._stopped_since[process]

    def _have_go_on(self, part: Part) -> None:
        log.warning("a signal has stopped %s: it is told to go on", part.name)
        with suppress(ProcessLookupError):
            self.go_on(part.pid)
        self.note(f"{label(self.places, part.name)}: told to go on: a signal had stopped it")


def is_held(places: Places, name: str) -> bool:
    """Return whether a drill holds the part down."""
    return held_s(places, name) > 0


def label(places: Places, name: str) -> str:
    """Return what the part of this container is called by `status` and `crash`: etcd2, proxy."""
    return name.removeprefix(part_name(places.cloud, "")).replace("_", "")
