"""The fake store and the fake engine with a fault at every effect, and a witness of workers' ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol, TypeVar

from manager.api.errors import EngineError
from manager.engine.containers import Container
from manager.state.model import AppSpec, Clock, WorkerKey, WorkerRecord
from manager.state.records import ALL, APPS, CLOCK_KEY, FROZEN, PROXY, WORKERS, decode
from manager.store import Entry, Fence, Snapshot
from manager.store.values import NO_REVISIONS
from tests.fakes.engine import Behaviour, FakeEngine, fake_image
from tests.fakes.store import FakeStore
from tests.simulation.faults import Faults
from tests.simulation.proxy import servers_of

IMAGE = "simplecloud/base"
CRASHES: tuple[str, ...] = ("crash",)  # a command that ends as soon as it runs

T = TypeVar("T", AppSpec, WorkerRecord)


class Witness(Protocol):
    """Sees what the manager does to containers, before it is done, and what becomes of them."""

    def starts(self, container: Container) -> None: ...

    def stops(self, container: Container) -> None: ...

    def removes(self, container: Container) -> None: ...

    def pauses(self, container: Container) -> None: ...

    def ended(self, container: Container, *, by_itself: bool) -> None: ...


class SimStore(FakeStore):
    """A store whose contents the simulation may see at any time, be it away or not."""

    def __init__(self, clock: Callable[[], float], faults: Faults) -> None:
        super().__init__(clock)
        self._faults = faults
        self._decoded: dict[tuple[str, int], AppSpec | WorkerRecord] = {}
        self._seen = 0
        self._specs: dict[str, AppSpec] = {}
        self._records: dict[WorkerKey, WorkerRecord] = {}
        self._entries_seen: dict[str, dict[str, Entry]] = {}
        self._servers: dict[str, dict[str, str]] = {}

    def read(self, prefix: str, *others: str) -> Snapshot:
        self._faults.look()
        return super().read(prefix, *others)

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
        gone, new = tuple(deletes), tuple(absent)

        def apply() -> int:
            return FakeStore.write(
                self, puts, gone, fence=fence, absent=new, unchanged=unchanged, lease=lease
            )

        return self._faults.write(_words(puts, gone), apply)

    def specs(self) -> dict[str, AppSpec]:
        self._see()
        return self._specs

    def records(self) -> dict[WorkerKey, WorkerRecord]:
        self._see()
        return self._records

    def ahead_s(self) -> float:
        """Return how far the clock by which the times of records are told is ahead of the one nobody sets."""
        told_by = self._entries.get(CLOCK_KEY)
        return decode(Clock, told_by.value).ahead_s if told_by is not None else 0.0

    def is_frozen(self, app: str) -> bool:
        return f"{FROZEN}{app}" in self._entries or f"{FROZEN}{ALL}" in self._entries

    def servers(self) -> dict[str, dict[str, str]]:
        """Return the workers that the routes lead to, by app, each with its address."""
        self._see()
        return self._servers

    def _see(self) -> None:
        """What the simulation asks for is of the newest revision."""
        if self._seen == self._revision:
            return
        self._seen = self._revision
        if self._is_new(APPS):
            self._specs = {spec.name: spec for spec in self._values(AppSpec, APPS)}
        if self._is_new(WORKERS):
            self._records = {record.key: record for record in self._values(WorkerRecord, WORKERS)}
        if self._is_new(PROXY):
            routes = self._entries_seen[PROXY]
            self._servers = servers_of({key.removeprefix(PROXY): e.value for key, e in routes.items()})

    def _is_new(self, prefix: str) -> bool:
        """Return whether anything under the prefix is another than at the last look."""
        entries = {key: self._entries[key] for key in self._keys_under(prefix)}
        before, self._entries_seen[prefix] = self._entries_seen.get(prefix), entries
        return entries != before

    def _values(self, cls: type[T], prefix: str) -> list[T]:
        found: list[T] = []
        for key, entry in self._entries_seen[prefix].items():
            at = (key, entry.mod_revision)
            if at not in self._decoded:
                self._decoded[at] = decode(cls, entry.value)
            value = self._decoded[at]
            assert isinstance(value, cls)
            found.append(value)
        return found


class SimEngine(FakeEngine):
    """Docker with a fault at every change."""

    def __init__(self, clock: Callable[[], float], faults: Faults, witness: Witness) -> None:
        behaviours = {CRASHES: Behaviour((("stderr", "cannot go on"),), exit_code=1)}
        super().__init__(now=clock, images=[fake_image(IMAGE)], behaviours=behaviours)
        self._faults = faults
        self._witness = witness
        self._under_order = False
        self._seen: dict[str, Container] = {}
        self._all: dict[WorkerKey, Container] = {}
        self._namespaces: dict[str, Container] = {}

    def workers(self) -> list[Container]:
        self._faults.look()
        return super().workers()

    @contextmanager
    def changing(self, change: str) -> Iterator[None]:
        verb, name = change.split(" ", 1)
        with self._faults.effect(change, EngineError):
            if verb != "create":
                self._tell(verb, self._workers[name])
            self._under_order = verb in ("stop", "kill", "remove")
            try:
                with super().changing(change):
                    yield
            finally:
                self._under_order = False

    def end(self, name: str, exit_code: int, *, oom_killed: bool = False) -> None:
        running = self._workers[name]
        super().end(name, exit_code, oom_killed=oom_killed)
        self._witness.ended(running, by_itself=not self._under_order)

    def vanish(self, name: str) -> None:
        running = self._workers[name]
        super().vanish(name)
        self._witness.ended(running, by_itself=True)

    def misname(self, name: str) -> None:
        """Somebody renamed the container by hand."""
        self._call(name, f"{name}_by_hand")
        self.tell()

    def wake(self, name: str) -> None:
        """Somebody unpaused the container by hand."""
        self._workers[name] = replace(self._workers[name], state="running")
        self.tell()

    def all(self) -> dict[WorkerKey, Container]:
        self._see()
        return self._all

    def namespaces(self) -> dict[str, Container]:
        """Return the container that runs in each network namespace, another mapping after every change."""
        self._see()
        return self._namespaces

    def _see(self) -> None:
        """What the simulation asks for is of this moment."""
        if self._seen != self._workers:
            self._seen = dict(self._workers)
            self._all = {c.key: c for c in self._seen.values()}
            self._namespaces = {c.netns: c for c in self._seen.values() if c.netns}

    def _tell(self, verb: str, container: Container) -> None:
        if verb == "start":
            self._witness.starts(container)
        elif verb == "remove":
            self._witness.removes(container)
        elif verb == "pause":
            self._witness.pauses(container)
        elif verb not in ("unpause", "rename"):
            self._witness.stops(container)


def _words(puts: Mapping[str, str], deletes: tuple[str, ...]) -> str:
    keys = [*puts, *deletes]
    return f"write {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else "")
