"""Who leads, on a store in memory: who has the fence, and whom a standby ends for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from threading import Event

import pytest

from manager import lead
from manager.lead import LEASE_S, REFRESH_S, HostLock, Leadership, Vigil, Watchdog
from manager.state.records import LEADER
from manager.store import Fenced, Snapshot
from tests.eventually import eventually
from tests.fakes.store import FakeStore


@pytest.fixture
def store() -> FakeStore:
    """Lend a store in which no lease ends: one of three seconds may on a busy machine."""
    return FakeStore(lambda: 0.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the key renewed, and the lock looked at, every fiftieth of a second in place of every half."""
    monkeypatch.setattr(lead, "REFRESH_S", 0.02)


@pytest.fixture
def leadership(store: FakeStore) -> Iterator[Leadership]:
    leadership = Leadership(store, "one")
    yield leadership
    leadership.stop()


@pytest.mark.usefixtures("quick")
def test_a_claim_whose_answer_is_lost_still_gives_a_fence(store: FakeStore, leadership: Leadership) -> None:
    store.lose_next_answer = True

    leadership.start()

    eventually(lambda: leadership.fence is not None, within_s=5)
    fence = leadership.fence
    assert fence is not None
    assert store.read(LEADER).entries[LEADER].create_revision == fence.create_revision


class Gained(Event):
    """Asks its leadership for the fence at each moment from which on whoever finds none waits."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bool] = []
        self.leadership: Leadership | None = None

    def clear(self) -> None:
        super().clear()
        assert self.leadership is not None
        self.asked.append(self.leadership.fence is not None)


@pytest.mark.usefixtures("quick")
def test_a_fence_goes_only_when_who_finds_none_waits_for_the_next() -> None:
    now, gained = [0.0], Gained()
    gained.leadership = leadership = Leadership(FakeStore(lambda: now[0]), "one", gained)
    leadership.start()
    eventually(gained.is_set, within_s=5)
    first = leadership.fence

    now[0] += 2 * LEASE_S
    eventually(lambda: leadership.fence not in (None, first), within_s=5)
    leadership.stop()

    assert gained.asked == [False, True]


class LockOfOneThatLeaves(HostLock):
    """Its holder has ended by the time that it is named for the second time."""

    leaver: Popen[bytes]
    looks = 0

    def holder(self) -> int | None:
        self.looks += 1
        if self.looks == 2:
            self.leaver.kill()
            self.leaver.wait()
        return self.leaver.pid


def test_a_holder_that_ends_while_it_is_being_ended_is_no_trouble(tmp_path: Path) -> None:
    lock = LockOfOneThatLeaves(tmp_path / "lock")
    lock.leaver = Popen(["sleep", "60"])

    lock.end_holder()

    assert lock.looks == 2


def test_who_takes_the_lock_knows_how_long_ago_the_one_before_was_seen(tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.write_text("4711\n")
    beat_at = time.time() - 5
    os.utime(left, (beat_at, beat_at))

    least_s = time.time() - beat_at
    taken_s = HostLock(left).take()
    assert taken_s is not None
    assert least_s - 0.01 <= taken_s <= time.time() - beat_at + 0.01
    assert HostLock(tmp_path / "fresh").take() is None


def test_who_looks_at_the_lock_sees_that_its_holder_beats(tmp_path: Path) -> None:
    lock = HostLock(tmp_path / "lock")
    lock.take()
    os.utime(lock.path, (0, 0))
    before = lock.beaten_ns()

    lock.beat()

    assert lock.beaten_ns() > before


class LockThatIsBeaten(HostLock):
    """Its holder beats between any two looks, unless it is frozen."""

    frozen = False
    looks = 0

    def beaten_ns(self) -> int:
        self.looks += 1
        return 0 if self.frozen else self.looks


Holds = Callable[[bool], Popen[bytes]]


@pytest.fixture
def lock(tmp_path: Path) -> LockThatIsBeaten:
    return LockThatIsBeaten(tmp_path / "lock")


@pytest.fixture
def holds(lock: LockThatIsBeaten, monkeypatch: pytest.MonkeyPatch) -> Iterator[Holds]:
    """Lend a process that the lock names, and which beats or does not; a standby looks ten times as often."""
    for name in ("REFRESH_S", "TRUST_S", "SILENCE_S"):
        monkeypatch.setattr(lead, name, getattr(lead, name) / 10)
    with ExitStack() as over:

        def begin(beats: bool) -> Popen[bytes]:
            holder = over.enter_context(Popen(["sleep", "60"]))
            over.callback(holder.kill)
            lock.path.write_text(f"{holder.pid}\n")
            lock.frozen = not beats
            return holder

        yield begin


def test_a_leader_that_nobody_ended_changes_nothing_once_another_leads(
    store: FakeStore, leadership: Leadership
) -> None:
    leadership.start()
    eventually(lambda: leadership.fence is not None, within_s=5)
    new = Leadership(store, "two")
    new.start()  # as if the first were dead, which it is not
    eventually(lambda: new.fence is not None, within_s=5)

    assert leadership.fence is not None, "it still believes that it leads"
    with pytest.raises(Fenced):
        store.write({"apps/web": "old"}, fence=leadership.fence)
    store.write({"apps/web": "new"}, fence=new.fence)
    new.stop()

    assert store.read("apps/").entries["apps/web"].value == "new"


def test_a_leader_that_froze_is_known_to_be_as_soon_as_its_lease_ends() -> None:
    vigil, told = Vigil(), []

    for look in range(8):  # it beats until 1 s, and its lease ends at 3 s
        now = look * REFRESH_S
        told.append(vigil.look(now, silent=now >= 3.0, beaten_ns=min(look, 2)))

    assert told == ["well"] * 6 + ["frozen"] * 2


def test_a_leader_that_loses_its_lease_and_beats_is_given_time() -> None:
    vigil, told = Vigil(), []

    for look in range(8):
        told.append(vigil.look(look * REFRESH_S, silent=look >= 2, beaten_ns=look))

    assert told == ["well"] * 5 + ["idle"] + ["well"] * 2


def test_a_lock_that_is_taken_anew_gives_its_holder_time() -> None:
    vigil = Vigil()
    vigil.look(0.0, silent=True, beaten_ns=1)

    assert vigil.look(10.0, silent=True, beaten_ns=2) != "frozen"


class CountingStore(FakeStore):
    """It knows how often it was read."""

    reads = 0

    def read(self, prefix: str, *others: str) -> Snapshot:
        self.reads += 1
        return super().read(prefix, *others)


@pytest.mark.usefixtures("quick")
def test_the_store_is_asked_seldom_while_the_holder_beats(
    lock: LockThatIsBeaten, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead, "TRUST_S", 30.0)  # however late a look is on a busy machine
    store = CountingStore(time.monotonic)
    store.write({LEADER: "the holder"})

    with Watchdog(lock, store):
        eventually(lambda: lock.looks >= 5, within_s=20)

    assert 1 <= store.reads <= lock.looks / 2


def test_a_holder_that_does_not_beat_is_ended_though_nobody_is_granted_a_lease(
    store: FakeStore, lock: HostLock, holds: Holds
) -> None:
    holder, store.full = holds(False), True

    with Watchdog(lock, store):
        eventually(lambda: holder.poll() is not None, within_s=10)


def test_a_holder_that_beats_is_spared_while_nobody_is_granted_a_lease(
    store: FakeStore, lock: HostLock, holds: Holds
) -> None:
    holder, store.full = holds(True), True

    with Watchdog(lock, store):
        eventually(lambda: store.refused, within_s=10)

    assert holder.poll() is None


class JustEmptied(FakeStore):
    """It grants leases again, and whoever holds the lock comes to lead at its next try."""

    def grant(self, ttl_s: int) -> int:
        lease = super().grant(ttl_s)
        self.write({LEADER: "the holder"})
        return lease


def test_a_holder_that_comes_to_lead_once_leases_are_granted_again_is_spared(
    lock: LockThatIsBeaten, holds: Holds
) -> None:
    holder, store = holds(True), JustEmptied(time.monotonic)

    with Watchdog(lock, store):
        eventually(lambda: LEADER in store.read(LEADER).entries, within_s=10, what="a lease")
        looks = lock.looks
        eventually(lambda: lock.looks > looks + 1, within_s=10, what="another look")

    assert holder.poll() is None


def test_a_holder_that_does_not_lead_though_it_could_is_ended(
    store: FakeStore, lock: HostLock, holds: Holds
) -> None:
    holder = holds(True)

    with Watchdog(lock, store):
        eventually(lambda: holder.poll() is not None, within_s=10)
