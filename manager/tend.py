"""Keeps etcd's members and the proxy running, the proxy listening to etcd, and a keeper beside the managers.

Docker restarts a part that dies. It does not restart one that was stopped or removed by hand, and it waits
up to a minute for one that keeps dying; this does, by label, without needing etcd.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from manager.api.errors import CloudError
from manager.api.places import Places
from manager.engine.contract import Engine
from manager.engine.orders import PartOrder
from manager.host import systemd
from manager.host.keeper import held_s, hold_file_of, keeper_pid_file, running_pid, spawn
from manager.host.processes import Standstill, end
from manager.loop.reconcile import Picture
from manager.state.model import WorkerKey
from manager.state.world import missed_by_proxy

LOOK_S = 1.0
REST_S = 10.0
PATIENCE_S = 3.0  # longer than Docker's first few waits before a restart
DEAF_S = 10.0  # a change is live in the proxy after 0.4 s, and after few seconds where the machine is full
PUT_BACK_S = 2.0  # the same where the store has forgotten changes: there is a reason to think it deaf

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Looker:
    """Calls `look` every `every_s` seconds in a thread of its own until it is stopped."""

    name: str
    look: Callable[[], None]
    every_s: float = LOOK_S
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self.every_s):
            try:
                self.look()
            except (CloudError, OSError) as error:
                log.warning("%s: %s; next try in %.0f s", self.name, error, self.every_s)


@dataclass(slots=True)
class PartsTender:
    """Starts the parts that do not run, unless a drill holds them down.

    stirred: set by whoever knows that a container changed. While all runs, Docker is asked again for that
    only, and every REST_S; twice, as Docker tells that a container has died before its listing shows it.
    """

    places: Places
    engine: Engine
    orders: Sequence[PartOrder]
    stirred: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    _rests_until: float = 0.0
    _down_since: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        told = self.stirred.is_set()
        if not told and self.clock() < self._rests_until:
            return
        self.stirred.clear()
        self._rests_until = 0.0  # also where Docker does not answer now
        self._mend()
        if not told and not self._down_since:
            self._rests_until = self.clock() + REST_S

    def _mend(self) -> None:
        states = self.engine.parts.states()
        for order in self.orders:
            state = states.get(order.name)
            if state == "running":
                self._down_since.pop(order.name, None)
                continue
            since = self._down_since.setdefault(order.name, self.clock())
            if held_s(hold_file_of(self.places, order.name)) > 0:
                self._down_since[order.name] = self.clock()
                continue
            if self.clock() - since < PATIENCE_S and state == "restarting":
                continue
            self._start(order)

    def _start(self, order: PartOrder) -> None:
        """The part runs, or the log says why not: the others need not wait for it."""
        log.warning("%s does not run: starting it", order.name)
        try:
            self.engine.parts.start(order)
        except CloudError as error:
            log.warning("%s; next try in %.0f s", error, LOOK_S)


@dataclass(slots=True)
class ProxyTender:
    """Restarts a proxy that takes up no change any more, once until it does again.

    Its watch goes on from the last revision that it saw: when etcd lost its data and counts from 1 again, it
    would hear of nothing until there were as many changes as before.
    """

    name: str
    engine: Engine
    picture: Callable[[], Picture | None]
    clock: Callable[[], float] = time.monotonic
    _missed_since: dict[WorkerKey, float] = field(default_factory=dict)
    _restarted: bool = False
    _revision: int = 0
    _put_back: bool = False

    def look(self) -> None:
        picture = self.picture()
        if picture is None or picture.trouble:
            self._missed_since = {}
            return
        self._put_back |= picture.world.revision < self._revision
        self._revision = picture.world.revision
        missed = frozenset() if picture.calm else missed_by_proxy(picture.world)
        if self._missed_since and not missed:
            self._put_back = False  # it does hear
        now = self.clock()
        self._missed_since = {key: self._missed_since.get(key, now) for key in missed}
        deaf_s = PUT_BACK_S if self._put_back else DEAF_S
        if not missed:
            self._restarted = False
        elif not self._restarted and now - min(self._missed_since.values()) >= deaf_s:
            log.warning("the proxy has taken up no change for %.0f s: restarting it", deaf_s)
            self.engine.parts.restart(self.name)
            self._restarted, self._put_back = True, False


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
