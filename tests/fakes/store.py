"""A store in memory that answers as etcd does, with a clock of its own and faults to switch on."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import RLock

from manager.api.errors import Conflict, NotConfirmed, StoreUnavailable
from manager.store.change import Change, change_of, refusal
from manager.store.values import NO_REVISIONS, Entry, Fence, Member, Snapshot

_AFTER_EVERY_KEY = chr(0x10FFFF)


@dataclass(slots=True)
class _Lease:
    ttl_s: int
    expires_at: float
    keys: set[str]


class FakeWatch:
    """Stands in the store's list of watches until it is closed."""

    def __init__(self, watches: dict[FakeWatch, tuple[str, Callable[[], None]]]) -> None:
        self._watches = watches

    def close(self) -> None:
        self._watches.pop(self, None)


class FakeStore:
    """The entries of one root.  Unlike the real one it has a watch, for a fake proxy that follows etcd;
    `changed` of it is called before the write returns.

    clock: seconds; leases expire by it, at the next call of any method (expire_leases, when nothing else).
    Faults: while `away`, nothing is answered and nothing applied; `lose_next_answer` applies the next write
    and raises NotConfirmed, whatever came of it; `lose_next_request` raises the same and applies nothing;
    while `full`, puts and new leases are refused.  refused: how many were.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.away = False
        self.lose_next_answer = False
        self.lose_next_request = False
        self.full = False
        self.refused = 0
        self._clock = clock
        self._lock = RLock()
        self._revision = 1
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []  # sorted, as etcd lists them
        self._leases: dict[int, _Lease] = {}
        self._lease_of: dict[str, int] = {}
        self._leases_granted = 0
        self._watches: dict[FakeWatch, tuple[str, Callable[[], None]]] = {}

    @property
    def available(self) -> bool:
        return not self.away

    def read(self, prefix: str, *others: str) -> Snapshot:
        with self._lock:
            self._arrive()
            keys = (key for each in (prefix, *others) for key in self._keys_under(each))
            return Snapshot(self._revision, {key: self._entries[key] for key in keys})

    def revision(self) -> int:
        with self._lock:
            self._arrive()
            return self._revision

    def write(
        self,
        puts: Mapping[str, str],
        deletes: Iterable[str] = (),
        *,
        fence: Fence | None = None,
        absent: Iterable[str] = (),
        unchanged: Mapping[str, int] = NO_REVISIONS,
        lease: int | None = None,
    ) -> int:
        change = change_of(puts, deletes, fence=fence, absent=absent, unchanged=unchanged, lease=lease)
        with self._lock:
            return self._deliver(change)

    def delete_prefix(self, prefix: str) -> int:
        with self._lock:
            return self._deliver(Change({}, tuple(self._keys_under(prefix))))

    def grant(self, ttl_s: int) -> int:
        with self._lock:
            self._arrive()
            self._refuse_if_full()
            self._leases_granted += 1
            self._leases[self._leases_granted] = _Lease(ttl_s, self._clock() + ttl_s, set())
            return self._leases_granted

    def refresh(self, lease: int) -> bool:
        with self._lock:
            self._arrive()
            held = self._leases.get(lease)
            if held is None:
                return False
            held.expires_at = self._clock() + held.ttl_s
            return True

    def revoke(self, lease: int) -> None:
        with self._lock:
            self._arrive()
            self._end(lease)

    def watch(self, prefix: str, changed: Callable[[], None]) -> FakeWatch:
        watch = FakeWatch(self._watches)
        self._watches[watch] = (prefix, changed)
        changed()
        return watch

    def members(self) -> list[Member]:
        return [Member("fake:2379", not self.away)]

    def close(self) -> None:
        """Nothing is held open."""

    def expire_leases(self) -> None:
        """Leases whose time is over are gone, with their keys."""
        with self._lock:
            now = self._clock()
            for lease in [lease for lease, held in self._leases.items() if held.expires_at <= now]:
                self._end(lease)

    def _arrive(self) -> None:
        if self.away:
            raise StoreUnavailable("etcd at fake:2379 does not answer", hint="status")
        self.expire_leases()

    def _refuse_if_full(self) -> None:
        if self.full:
            self.refused += 1
            raise StoreUnavailable("etcd refuses: space exceeded; nothing was changed", hint="doctor")

    def _deliver(self, change: Change) -> int:
        self._arrive()
        if change.puts:
            self._refuse_if_full()
        if self.lose_next_request:
            self.lose_next_request = False
            raise _unanswered()
        if self.lose_next_answer:
            self.lose_next_answer = False
            with suppress(Conflict):
                self._commit(change)
            raise _unanswered()
        return self._commit(change)

    def _commit(self, change: Change) -> int:
        reason = refusal(change, self._entries)
        if reason is not None:
            raise reason
        if change.puts and change.lease is not None and change.lease not in self._leases:
            raise Conflict("the lease has ended; nothing was changed", hint="status")
        gone = [key for key in change.deletes if key in self._entries]
        if gone or change.puts:
            self._revision += 1
            self._remove(gone)
            for key, value in change.puts.items():
                self._put(key, value, change.lease)
            self._notify([*gone, *change.puts])
        return self._revision

    def _put(self, key: str, value: str, lease: int | None) -> None:
        old = self._entries.get(key)
        if old is None:
            insort(self._keys, key)
        self._entries[key] = Entry(value, old.create_revision if old else self._revision, self._revision)
        self._detach(key)
        if lease is not None:
            self._leases[lease].keys.add(key)
            self._lease_of[key] = lease

    def _remove(self, keys: list[str]) -> None:
        for key in keys:
            del self._entries[key]
            del self._keys[bisect_left(self._keys, key)]
            self._detach(key)

    def _detach(self, key: str) -> None:
        lease = self._lease_of.pop(key, None)
        if lease in self._leases:
            self._leases[lease].keys.discard(key)

    def _end(self, lease: int) -> None:
        held = self._leases.pop(lease, None)
        if held is not None and held.keys:
            keys = sorted(held.keys)
            self._revision += 1
            self._remove(keys)
            self._notify(keys)

    def _notify(self, keys: list[str]) -> None:
        for prefix, changed in list(self._watches.values()):
            if any(key.startswith(prefix) for key in keys):
                changed()

    def _keys_under(self, prefix: str) -> list[str]:
        start, end = (bisect_left(self._keys, bound) for bound in (prefix, prefix + _AFTER_EVERY_KEY))
        return self._keys[start:end]


def _unanswered() -> NotConfirmed:
    return NotConfirmed("not confirmed, it may still be applied: etcd did not answer", hint="status")
