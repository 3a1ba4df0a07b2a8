"""Who leads: of the managers of one cloud on this host, the one that holds the lock.

Three things, each for one danger. The flock tells a quick death at once. The leader key in the store,
under a lease, tells that a leader is frozen; and since every write compares the key's create revision, a
leader that was thought dead can change nothing in the store. But fencing does not reach Docker and the
kernel, so a successor ends a frozen leader through its pidfd, and waits for its exit, before it acts.

A leader without a key need not be frozen: a store that is full grants nobody a lease. So the holder of the
lock beats, too, and one that does is ended only by a standby that is granted what the holder does not have.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import os
import select
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from manager.api.errors import Conflict, StoreUnavailable
from manager.state.records import LEADER
from manager.store import Fence, Store, claim, seize

LEASE_S = 3
REFRESH_S = 0.5
TRUST_S = 3.0  # for so long a standby takes the beat of the lock as proof that its holder leads
SILENCE_S = 1.5  # a leader that is alive renews its key within REFRESH_S; this long without one: frozen

log = logging.getLogger(__name__)


@dataclass(slots=True)
class HostLock:
    """The lock of a cloud on this host; its file names the process that holds it."""

    path: Path
    _file: int = -1

    def take(self) -> float | None:
        """Hold the lock; blocks until whoever holds it is gone.

        Returns the seconds since that one beat last, None where nobody held it before.
        """
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        before = os.fstat(self._file)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        return max(0.0, time.time() - before.st_mtime) if before.st_size else None

    def beat(self) -> None:
        """Whoever looks at the lock can tell that its holder is not frozen."""
        os.utime(self._file)

    def beaten_ns(self) -> int:
        """Return when the lock was last taken or beaten, a time to compare with itself only; 0 without it."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def holder(self) -> int | None:
        """Return the pid of the process that holds the lock, as it wrote it."""
        try:
            return int(self.path.read_text())
        except (OSError, ValueError):
            return None

    def end_holder(self) -> None:
        """End the process that holds the lock, and return when it is gone."""
        pid = self.holder()
        if pid is None or pid == os.getpid():
            return
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if self.holder() != pid:  # it left meanwhile, and the pid may be somebody else's by now
                return
            log.warning("manager %d holds the lock but does not lead: ending it", pid)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], 5.0)
        finally:
            os.close(process)


@dataclass(slots=True)
class Vigil:
    """What a standby has seen of the leader: since when nobody leads, and when the lock was beaten last."""

    silent_since: float | None = None
    beaten_at: float = 0.0
    _beaten_ns: int = -1
    _asked_at: float = -math.inf

    def trusts(self, now: float, beaten_ns: int) -> bool:
        """Return whether the lock was beaten since the last look, so that the store need not be asked yet."""
        if beaten_ns == self._beaten_ns or self.silent_since is not None or now - self._asked_at >= TRUST_S:
            self._asked_at = now
            return False
        self._beaten_ns, self.beaten_at = beaten_ns, now
        return True

    def look(self, now: float, *, silent: bool, beaten_ns: int) -> Literal["well", "frozen", "idle"]:
        """Return what to think of the holder of the lock, after one more look at the store and at the lock.

        frozen: its lease has ended, and it did not beat for SILENCE_S, which its lease may have seen begin.
        idle: it beats, and did not come to lead for SILENCE_S.
        """
        if beaten_ns != self._beaten_ns:
            self._beaten_ns, self.beaten_at = beaten_ns, now
        if not silent:
            self.silent_since = None
            return "well"
        if now - self.beaten_at >= SILENCE_S:
            return "frozen"
        if self.silent_since is None:
            self.silent_since = now
        elif now - self.silent_since >= SILENCE_S:
            self.silent_since = None
            return "idle"
        return "well"


class Watchdog:
    """While this manager stands by: ends a leader that is frozen, so that the lock comes free."""

    def __init__(self, lock: HostLock, store: Store) -> None:
        self._lock, self._store = lock, store
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        vigil = Vigil()
        while not self._over.wait(REFRESH_S):
            now, beaten_ns = time.monotonic(), self._lock.beaten_ns()
            if vigil.trusts(now, beaten_ns):
                continue
            seen = vigil.look(now, silent=self._is_silent(), beaten_ns=beaten_ns)
            wanted = seen == "frozen" or (seen == "idle" and self._stays_idle())
            if wanted and not self._over.is_set():
                self._lock.end_holder()

    def _is_silent(self) -> bool:
        """Return whether nobody leads; False while the store says nothing, and nothing is known."""
        try:
            return LEADER not in self._store.read(LEADER).entries
        except StoreUnavailable:
            return False

    def _stays_idle(self) -> bool:
        """Return whether leases are granted, maybe since just now, and nobody leads SILENCE_S later."""
        return self._grants() and not self._over.wait(SILENCE_S) and self._is_silent()

    def _grants(self) -> bool:
        """Return whether the store grants leases, so that the holder of the lock could have one."""
        try:
            self._store.revoke(self._store.grant(LEASE_S))
        except StoreUnavailable as error:
            log.warning("no manager leads, and none can: %s", error)
            return False
        return True


@dataclass(slots=True)
class Leadership:
    """Keeps the leader key, under a lease, for the manager that holds the host's lock.

    `fence` is what every write compares; None while the store has not confirmed that this manager leads.
    """

    store: Store
    name: str
    gained: threading.Event = field(default_factory=threading.Event)
    fence: Fence | None = None
    _lease: int | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def held(self) -> Fence:
        """Return the fence; raises StoreUnavailable while this manager does not lead."""
        fence = self.fence
        if fence is None:
            raise StoreUnavailable("this manager does not lead now", hint="status")
        return fence

    def start(self) -> None:
        self._thread = threading.Thread(target=self._keep, name="leadership", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give the lease back, so that the next manager need not wait for its end."""
        self._stopping.set()
        self._thread.join()
        if self._lease is not None:
            with contextlib.suppress(StoreUnavailable):
                self.store.revoke(self._lease)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._renew()
            except (StoreUnavailable, Conflict) as error:
                log.warning("cannot renew the leader key: %s; next try in %.1f s", error, REFRESH_S)
            self._stopping.wait(REFRESH_S)

    def _renew(self) -> None:
        # without a fence the lease may hold the key of a claim whose answer was lost: seize it anew
        if self.fence is not None and self._lease is not None and self.store.refresh(self._lease):
            return
        self.gained.clear()  # before the fence goes: who finds none waits for the next
        self.fence = None
        self._lease = self.store.grant(LEASE_S)
        entry = self.store.read(LEADER).entries.get(LEADER)
        # Whoever wrote the key that is there is dead, or this manager: it holds the host's lock.
        if entry is None:
            self.fence = claim(self.store, LEADER, self.name, self._lease)
        else:
            ended = Fence(LEADER, entry.create_revision)
            self.fence = seize(self.store, ended, self.name, self._lease)
        log.info("leads, fence %d", self.fence.create_revision)
        self.gained.set()
