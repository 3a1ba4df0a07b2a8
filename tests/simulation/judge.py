"""What must hold at every moment of every history; it knows the world, and not what the manager thinks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address

from balancer.routes import server_name
from manager.engine.containers import Container
from manager.state.ending import STEADY_S, backoff_s
from manager.state.model import Hurry, WorkerKey, WorkerRecord
from manager.state.world import is_current
from tests.simulation.edges import SimEngine, SimStore
from tests.simulation.faults import Broken
from tests.simulation.manager import TAG
from tests.simulation.network import FakeHosts, FakeNetwork, Link
from tests.simulation.proxy import FakeProxy, Traffic

STEP_S = 0.5  # from a look until a step that follows from it, at most
BOOT_S = 0.05  # a worker's program accepts connections this long after its start


@dataclass(frozen=True, slots=True)
class Endings:
    """How often in a row the container of one name ended by itself, and when it did last."""

    count: int
    at: float


@dataclass(frozen=True, slots=True)
class Known:
    """The containers of which the manager knew during a whole pass that they answer, or do not."""

    well: frozenset[str]
    unwell: frozenset[str]


@dataclass(slots=True)
class Judge:
    """Raises Broken; a witness of containers and a court for requests.

    hurt: workers that something was done to by the world since all was well. excused: apps that need not
    serve until all is well again. hurried: whom a command with --now named, and when. silent: ids of
    containers that accept connections and never answer. untouched: containers that must stay what they are.
    ended_frozen: when the worker was recorded whose container ended while its app was frozen: it must not
    start again.
    """

    clock: Callable[[], float]
    of_day: Callable[[], float]
    store: SimStore = field(init=False)
    engine: SimEngine = field(init=False)
    network: FakeNetwork = field(init=False)
    hosts: FakeHosts = field(init=False)
    proxy: FakeProxy = field(init=False)
    traffic: Traffic = field(init=False)
    silent: set[str] = field(default_factory=set)
    hurt: set[WorkerKey] = field(default_factory=set)
    hurt_in_pass: set[WorkerKey] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)
    hurried: list[tuple[str, Hurry]] = field(default_factory=list)
    untouched: dict[WorkerKey, str] = field(default_factory=dict)
    ended_frozen: dict[WorkerKey, float] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    _serving: set[str] = field(default_factory=set)
    _endings: dict[str, Endings] = field(default_factory=dict)
    _published: dict[str, dict[str, str]] = field(default_factory=dict)
    _links: Mapping[str, Link] = field(default_factory=dict)

    def excuse(self, app: str) -> None:
        self.excused.add(app)
        self._serving.discard(app)

    def harm(self, key: WorkerKey) -> None:
        """The world did something to a worker."""
        self.hurt.add(key)
        self.hurt_in_pass.add(key)
        self.excuse(key.app)

    def all_is_well(self) -> None:
        self.hurt.clear()
        self.excused.clear()
        self.hurried.clear()

    def starts(self, container: Container) -> None:
        endings = self._endings.get(container.name)
        if self.store.records().get(key_of(container)) is None:
            raise Broken(f"{container.name} starts without a record")
        if self.is_left_alone(key_of(container)):
            raise Broken(f"{container.name} starts again, and {container.app} is frozen")
        if endings is not None and self.clock() < endings.at + backoff_s(endings.count) - 1e-6:
            waited_s = self.clock() - endings.at
            raise Broken(f"{container.name} starts {waited_s:.1f} s after its ending number {endings.count}")

    def stops(self, container: Container) -> None:
        key = key_of(container)
        record = self.store.records().get(key)
        if record is None or record.leaving_since is None:
            raise Broken(f"{container.name} is stopped and was never told to leave")
        if self._is_published(key):
            raise Broken(f"{container.name} is stopped while its routes are published")
        if self.is_named(record):
            raise Broken(f"{container.name} is stopped while others find it by name")
        if self._is_hurried(record):
            return
        drains = self.clock() < record.leaving_since - self.store.ahead_s() + record.drain_s
        if server_name(*key) in self.proxy.taken.get(key.app, {}) and (drains or not self._was_mute()):
            raise Broken(f"{container.name} is stopped while the proxy serves it")
        if self.traffic.count(container.id) and drains:
            raise Broken(f"{container.name} is stopped with open requests before its drain time is over")

    def removes(self, container: Container) -> None:
        record = self.store.records().get(key_of(container))
        if container.state == "running":
            self.stops(container)
            self.traffic.lose(container.id)
        if record is None or record.leaving_since is not None:
            self._endings.pop(container.name, None)

    def pauses(self, container: Container) -> None:
        key = key_of(container)
        record = self.store.records().get(key)
        if record is None or not record.spare:
            raise Broken(f"{container.name} is paused and is no spare")
        if self._is_published(key) or self.traffic.count(container.id):
            raise Broken(f"{container.name} is paused and has requests")

    def ended(self, container: Container, *, by_itself: bool) -> None:
        self.traffic.lose(container.id)
        if not by_itself:
            return
        self.harm(key_of(container))
        self._note_frozen_end(key_of(container))
        if key_of(container) not in self.engine.all():  # removed by hand: nobody can tell how it ended
            self._endings.pop(container.name, None)
            return
        ran_s = self.clock() - (container.started_at or self.clock())
        before = self._endings.get(container.name, Endings(0, 0.0))
        self._endings[container.name] = Endings(1 if ran_s >= STEADY_S else before.count + 1, self.clock())

    def _note_frozen_end(self, key: WorkerKey) -> None:
        """An ending counts where the manager knew of the freeze, and a removal where it knew the worker."""
        record = self.store.records().get(key)
        known = record is not None and (record.was_up or key in self.engine.all())
        if record is not None and known and key.app in self.frozen:
            self.ended_frozen[key] = record.created_at

    def is_left_alone(self, key: WorkerKey) -> bool:
        """Return whether the worker ended in an app that has been frozen since."""
        record = self.store.records().get(key)
        return record is not None and self.ended_frozen.get(key) == record.created_at

    def knows_frozen(self, apps: Iterable[str]) -> None:
        """The manager's last whole pass saw these apps frozen."""
        self.frozen = frozenset(app for app in apps if self.store.is_frozen(app))

    def _forget_thawed(self) -> None:
        self.frozen = frozenset(app for app in self.frozen if self.store.is_frozen(app))
        for key in [key for key in self.ended_frozen if not self.store.is_frozen(key.app)]:
            del self.ended_frozen[key]

    def reached(self, address: str) -> Container | None:
        container = self.engine.namespaces().get(self.network.at(_host(address)))
        if container is None or container.started_at is None:
            return None
        return container if container.started_at + BOOT_S <= self.clock() else None

    def is_silent(self, container: str) -> bool:
        return container in self.silent or container in self._paused()

    def _paused(self) -> set[str]:
        return {each.id for each in self.engine.all().values() if each.state == "paused"}

    def answers(self, container: str, address: str) -> bool:
        """Return whether a probe of the container at its address would be answered well."""
        found = self.reached(address)
        return found is not None and found.id == container and not self.is_silent(container)

    def misled(self, app: str, container: Container) -> None:
        raise Broken(f"a request for {app} reached {container.name}")

    def served(self, app: str) -> None:
        if app not in self.excused:
            self._serving.add(app)

    def refused(self, app: str) -> None:
        if app in self._serving:
            raise Broken(f"a request for {app} was refused")

    def after_effect(self) -> None:
        """Check what every single effect must leave true."""
        self._forget_thawed()
        self._check_links(self.network.links)
        before, self._published = self._published, self.store.servers()
        for app, servers in before.items() if before is not self._published else ():
            for name in servers.keys() - self._published.get(app, {}).keys():
                self._check_unpublished(key_of_server(name))
        self._check_unused(self._published if before is not self._published else {})
        for key, container in self.untouched.items():
            found = self.engine.all().get(key)
            if found is None or found.id != container:
                raise Broken(f"{key.label} of an app that nobody touched is another now")

    def _check_links(self, links: Mapping[str, Link]) -> None:
        if links is self._links:
            return
        self._links = links
        if len({link.address for link in links.values()}) < len(links):
            raise Broken(f"two links have one address: {links}")

    def _check_unused(self, routes: Mapping[str, Collection[str]]) -> None:
        for key in (key_of_server(name) for servers in routes.values() for name in servers):
            record = self.store.records().get(key)
            if record is not None and record.spare:
                raise Broken(f"the routes lead to {key.label}, which is a spare")

    def begin_pass(self) -> None:
        self.hurt_in_pass.clear()

    def end_pass(self, busy: Collection[WorkerKey], known: Known) -> None:
        """Check what a pass must leave true that went through to its end."""
        for servers in self._published.values():
            for name, address in servers.items():
                self._check_published(key_of_server(name), address, known)
        self._check_counts(busy)

    def check_nothing_left(self) -> None:
        """Check that whatever there is has a record; for when all is well."""
        records = self.store.records()
        links = {key.port_name(TAG) for key in records}
        left = [
            *(f"container {key}" for key in self.engine.all().keys() - records.keys()),
            *(f"link {name}" for name in self.network.links.keys() - links),
            *(f"rules of {name}" for name in self.network.bound.keys() - links),
            *(f"names of {key}" for key in self.hosts.texts.keys() - records.keys()),
            *(f"record {key}" for key in records if key.app not in self.store.specs()),
            *(f"route of {app}" for app in self._published.keys() - self.store.specs().keys()),
        ]
        if left:
            raise Broken(f"left behind: {', '.join(left)}")

    def is_named(self, record: WorkerRecord) -> bool:
        """Return whether somebody who reaches the worker's app finds it there."""
        line = f"{record.host} {record.app} {record.key.label}\n"
        return any(line in text for text in self.hosts.texts.values())

    def _is_hurried(self, record: WorkerRecord) -> bool:
        """Return whether a command with --now named the worker, which was there by then."""
        return any(
            record.app == app
            and record.created_at <= hurry.at
            and record.slot in (hurry.slots or {record.slot})
            for app, hurry in self.hurried
        )

    def _was_mute(self) -> bool:
        """Return whether the proxy may have said nothing in the look that a step of now follows from."""
        return self.proxy.mute or self.clock() - self.proxy.unheard_at < STEP_S

    def _is_published(self, key: WorkerKey) -> bool:
        return server_name(*key) in self.store.servers().get(key.app, {})

    def _is_up(self, record: WorkerRecord) -> bool:
        """Return whether the worker runs and is joined to the bridge at its address."""
        container = self.engine.all().get(record.key)
        link = self.network.links.get(record.key.port_name(TAG))
        return bool(container and container.netns and link and link.address == record.address)

    def _check_unpublished(self, key: WorkerKey) -> None:
        record = self.store.records().get(key)
        if record is None or record.leaving_since is not None or key in self.hurt:
            return
        if self._is_up(record):
            raise Broken(f"{key.label} is taken out of the routes, healthy as it is")

    def _check_published(self, key: WorkerKey, address: str, known: Known) -> None:
        if key in self.hurt_in_pass:
            return
        record = self.store.records().get(key)
        container = self.reached(address)
        if container is None and self._is_cut_off(key) and not self._has_fit(key.app, known):
            return
        if record is None or container is None or key_of(container) != key:
            raise Broken(f"the routes lead to {key.label} at {address}, where it is not")
        if container.id in known.unwell and self._has_fit(key.app, known):  # else those that did may stay
            raise Broken(f"the routes lead to {key.label}, which does not answer")

    def _has_fit(self, app: str, known: Known) -> bool:
        """Return whether a worker of the app answers, as the manager knows."""
        mine = [r for r in self.store.records().values() if r.app == app and not r.spare]
        up = [r for r in mine if r.leaving_since is None and self._is_up(r)]
        return any(self.engine.all()[r.key].id in known.well for r in up)

    def _is_cut_off(self, key: WorkerKey) -> bool:
        """Return whether the worker runs and has lost its link, so that it is to be joined again."""
        container = self.engine.all().get(key)
        return (
            container is not None and bool(container.netns) and key.port_name(TAG) not in self.network.links
        )

    def _check_counts(self, busy: Collection[WorkerKey]) -> None:
        for spec in self.store.specs().values():
            staying = [
                record
                for record in self.store.records().values()
                if record.app == spec.name and record.leaving_since is None and record.key not in busy
            ]
            spares = [record for record in staying if record.spare and record.slot not in spec.slots]
            workers = [record for record in staying if record not in spares]
            more = 0 if all(is_current(spec, record) for record in workers) else spec.parallel
            if sum(self._is_up(record) for record in workers) > spec.wanted + more:
                raise Broken(f"{spec.name} wants {spec.wanted} and has {_named(staying)}")
            if len(spares) > spec.spares or {r.slot for r in spares} & {r.slot for r in workers}:
                raise Broken(f"{spec.name} has spares {spares} beside {_named(staying)}")


def _named(records: Iterable[WorkerRecord]) -> str:
    return ", ".join(f"{record.key.label} of revision {record.revision}" for record in records)


@cache
def _host(address: str) -> IPv4Address:
    return IPv4Address(address.partition(":")[0])


def key_of(container: Container) -> WorkerKey:
    return WorkerKey(container.app, container.slot, container.revision)


def key_of_server(name: str) -> WorkerKey:
    _, app, slot, revision = name.split("_")
    return WorkerKey(app, int(slot), int(revision))
