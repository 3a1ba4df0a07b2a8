"""Keeps etcd's members and the proxy running, the proxy listening to etcd, and a keeper beside the managers.

Docker restarts a part that dies. It does not restart one that was stopped or removed by hand, knows nothing
of one that a signal has stopped, and waits up to a minute for one that keeps dying; this does, by label,
without needing etcd. `note` is told what was done, in a sentence for `events`.
"""

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
from manager.host import systemd
from manager.host.holds import held_s
from manager.host.keeper import keeper_pid_file, running_pid, spawn
from manager.host.parts import part_name
from manager.host.processes import Standstill, end, is_stopped
from manager.loop.reconcile import Picture
from manager.state.model import WorkerKey
from manager.state.world import missed_by_proxy
from manager.store import Member

LOOK_S = 1.0
REST_S = 10.0
PATIENCE_S = 3.0  # longer than Docker's first few waits before a restart
AGAIN_S = 30.0  # a part that ends sooner after it was started than that ends again and again
STOPPED_S = 2.0  # nothing but a signal stops a process, so this says nothing of how busy the machine is
DEAF_S = 10.0  # a change is live in the proxy after 0.4 s, and after few seconds where the machine is full
SILENT_S = 30.0  # a process that waits for its turn on a full machine answers within that
TURNS_S = 30.0  # after a member began anew or kept silent: the proxy tries others ever more seldom
PUT_BACK_S = 2.0  # as DEAF_S, where the store has forgotten changes: there is a reason to think it deaf

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


@dataclass(slots=True)
class ProxyTender:
    """Helps a proxy that takes up no change or answers nobody; nothing is tried twice before all was well.

    Its watch goes on from the last revision that it saw: when etcd lost its data and counts from 1 again, it
    would hear of nothing until there were as many changes as before. It also hangs on one member of etcd: a
    member that answers nobody is ended first, which breaks the watch, and the proxy turns to another. Its own
    restart comes last: for a few hundred ms there is nobody who takes a request. So it is not to blame soon
    after etcd kept silent, and a look counts for LOOK_S at most: one that is late tells of a full machine.
    """

    places: Places
    name: str
    etcd: Sequence[str]
    parts: Callable[[], Sequence[Part]]
    restart: Callable[[str, str], None]
    picture: Callable[[], Picture | None]
    answers: Callable[[], bool]
    members: Callable[[], Sequence[Member]]
    clock: Callable[[], float] = time.monotonic
    _looked_at: float = -math.inf
    _counted_s: float = 0.0
    _unwell_at_s: float = -math.inf
    _missed_since: dict[WorkerKey, float] = field(default_factory=dict)
    _silent_since: float | None = None
    _tried: set[str] = field(default_factory=set)
    _revision: int = 0
    _put_back: bool = False

    def look(self) -> None:
        now = self.clock()
        self._counted_s += min(now - self._looked_at, LOOK_S)
        self._looked_at = now
        picture = self.picture()
        if picture is None or picture.trouble or is_held(self.places, self.name):
            self._missed_since, self._silent_since = {}, None
            if picture is not None and picture.trouble:
                self._unwell_at_s = self._counted_s
            return
        self._put_back |= picture.world.revision < self._revision
        self._revision = picture.world.revision
        if picture.world.live is None and not self.answers():
            self._bear_silence()
        else:
            self._silent_since = None
            self._listen(picture)

    def _bear_silence(self) -> None:
        now = self.clock()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if now - self._silent_since >= SILENT_S:
            self._restart_it(f"answered nobody for {SILENT_S:.0f} s")

    def _listen(self, picture: Picture) -> None:
        if picture.world.live is None:
            return  # it did not tell this time what it has
        missed = frozenset() if picture.calm else missed_by_proxy(picture.world)
        if self._missed_since and not missed:
            self._put_back = False  # it does hear
        now_s = self._counted_s
        self._missed_since = {key: self._missed_since.get(key, now_s) for key in missed}
        if not missed:
            self._tried.clear()
            return
        deaf_s = now_s - min(self._missed_since.values())
        if deaf_s < PUT_BACK_S:
            return
        members = self._ask_members()
        patience_s = PUT_BACK_S if self._put_back else DEAF_S
        if deaf_s >= patience_s and not self._may_turn(members, picture.world.now, deaf_s):
            self._restart_it(f"had taken up no change for {deaf_s:.0f} s")

    def _ask_members(self) -> Sequence[Member]:
        """Return how etcd's members are; that a silent one takes its time makes no look late."""
        asked_at = self.clock()
        members = self.members()
        self._counted_s += self.clock() - asked_at
        if not all(member.healthy for member in members):
            self._unwell_at_s = self._counted_s
        return members

    def _may_turn(self, members: Sequence[Member], now: float, deaf_s: float) -> bool:
        """Return whether the proxy may still turn to another member by itself; one that keeps it is ended."""
        if self._put_back or self.name in self._tried:
            return False
        if members and 2 * sum(not member.healthy for member in members) >= len(members):
            # nobody can tell who is to blame: on a full machine this passes
            self._missed_since = dict.fromkeys(self._missed_since, self._counted_s)
            return True
        parts = [part for part in self.parts() if part.name in self.etcd]
        hung = hung_members(self.etcd, members, parts, now - DEAF_S)
        fresh = [name for name in hung if name not in self._tried and not is_held(self.places, name)]
        self._tried.update(fresh)  # first: who cannot be ended keeps nobody from what comes next
        for name in fresh:
            self.restart(name, "answered nobody, and the proxy waited for it")
        old = [part.started_at is not None and part.started_at <= now - TURNS_S for part in parts]
        unwell = self._counted_s - self._unwell_at_s < TURNS_S or (any(old) and not all(old))
        return bool(fresh) or (unwell and deaf_s < 2 * TURNS_S)

    def _restart_it(self, why: str) -> None:
        if self.name not in self._tried:
            self.restart(self.name, why)
            self._tried.add(self.name)
            self._put_back = False


def hung_members(
    names: Sequence[str], members: Sequence[Member], parts: Sequence[Part], since: float
) -> list[str]:
    """Return the names of the members that answer nobody while most do.

    names: of their parts, none where etcd is another's.  since: unix seconds; one that began later has closed
    what hung on it, and may be making its first data.
    """
    silent = [name for name, member in zip(names, members, strict=False) if not member.healthy]
    began = {part.name: part.started_at for part in parts if part.state == "running"}
    if 2 * len(silent) >= len(members):
        return []
    return [name for name in silent if (at := began.get(name)) is not None and at <= since]


def is_held(places: Places, name: str) -> bool:
    """Return whether a drill holds the part down."""
    return held_s(places, name) > 0


def label(places: Places, name: str) -> str:
    """Return what the part of this container is called by `status` and `crash`: etcd2, proxy."""
    return name.removeprefix(part_name(places.cloud, "")).replace("_", "")


@dataclass(slots=True)
class KeeperTender:
    """Starts a keeper when the one that there was has died; after a clean end there is no pid file.

    One that a signal has stopped keeps nobody running: it is ended first.
    """

    places: Places
    start: Callable[[Places, str], object] = spawn
    clock: Callable[[], float] = time.monotonic
    _standstill: Standstill = field(default_factory=Standstill)

    def look(self) -> None:
        file = keeper_pid_file(self.places)
        pid = running_pid(file)
        if pid is not None and self._standstill.lasts(pid, self.clock()):
            log.warning("the keeper was stopped by a signal, and does nothing: ending it")
            end([pid], by=signal.SIGKILL)
            pid = None
        if systemd.is_enabled(self.places):
            return  # it restarts the keeper itself
        if file.exists() and pid is None:
            log.warning("the keeper is gone: starting another")
            self.start(self.places, "keeper")
