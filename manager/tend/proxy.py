"""The proxy listens to etcd, and answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from manager.api.places import Places
from manager.engine.containers import Part
from manager.loop.reconcile import Picture
from manager.state.model import WorkerKey
from manager.state.world import missed_by_proxy
from manager.store import Member
from manager.tend.parts import LOOK_S, is_held

DEAF_S = 10.0  # a change is live in the proxy after 0.4 s, unless it has too little CPU
SILENT_S = 30.0  # a process that waits for its turn on a full machine answers within that
TURNS_S = 30.0  # after a member began anew or kept silent: the proxy tries others ever more seldom
PUT_BACK_S = 2.0  # as DEAF_S, where the store has forgotten changes: there is a reason to think it deaf
PROMPT_S = 0.1  # it answers within 20 ms also on a full machine, unless requests wait in it for CPU


@dataclass(slots=True)
class ProxyTender:
    """Helps a proxy that takes up no change or answers nobody; nothing is tried twice before all was well.

    Its watch goes on from the last revision that it saw: when etcd lost its data and counts from 1 again, it
    would hear of nothing until there were as many changes as before. It also hangs on one member of etcd: a
    member that answers nobody is ended first, which breaks the watch, and the proxy turns to another. Its own
    restart comes last: for a few hundred ms there is nobody who takes a request. So it is not to blame soon
    after etcd kept silent, and a look counts for LOOK_S at most: one that is late tells of a full machine.
    It counts for less where the proxy is slow to answer: one that is short of CPU is late with changes too,
    and after a restart it would be without routes for seconds.
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
    _pace: float = 1.0
    _unwell_at_s: float = -math.inf
    _missed_since: dict[WorkerKey, float] = field(default_factory=dict)
    _silent_since: float | None = None
    _tried: set[str] = field(default_factory=set)
    _revision: int = 0
    _put_back: bool = False

    def look(self) -> None:
        now = self.clock()
        self._counted_s += self._pace * min(now - self._looked_at, LOOK_S)
        self._looked_at, self._pace = now, 1.0
        picture = self.picture()
        if picture is None or picture.trouble or is_held(self.places, self.name):
            self._missed_since, self._silent_since = {}, None
            if picture is not None and picture.trouble:
                self._unwell_at_s = self._counted_s
            return
        self._put_back |= picture.world.revision < self._revision
        self._revision = picture.world.revision
        if picture.world.live is None and not self._answers():
            self._bear_silence()
        else:
            self._silent_since = None
            self._listen(picture)

    def _answers(self) -> bool:
        """Return whether it answers; its pace is by how long that took."""
        asked_at = self.clock()
        answers = self.answers()
        self._pace = PROMPT_S / max(PROMPT_S, self.clock() - asked_at)
        return answers

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
        self._answers()
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
