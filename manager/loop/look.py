"""Looks at everything once: the store at one revision, Docker, the network, health, the proxy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TypeVar

from manager.engine.containers import Container
from manager.engine.contract import Engine
from manager.loop.hosts import HostsFiles
from manager.observe.health import Prober
from manager.observe.proxy import ProxyApi
from manager.observe.verdicts import Target, Verdict
from manager.plan.wiring import is_as_recorded, misplaced
from manager.state.model import AppSpec, Clock, ScalingTarget, WorkerKey, WorkerRecord, container_name
from manager.state.records import (
    APPS,
    CLOCK,
    FROZEN,
    PROXY,
    TARGETS,
    WORKERS,
    UnreadableRecord,
    decode_at,
    worker_key,
)
from manager.state.world import SET_S, STARTUP_S, World, as_scaled, is_live, is_published
from manager.store import Entry, Store
from netsetup.errors import NetworkError
from netsetup.network import Network, NetworkPicture
from netsetup.port import Port

APART_S = 0.015
_READ = (APPS, WORKERS, PROXY, TARGETS, FROZEN, CLOCK)

log = logging.getLogger(__name__)

Stored = AppSpec | WorkerRecord | ScalingTarget | Clock
T = TypeVar("T", bound=Stored)


def _boot() -> str:
    """Return the kernel's name for the time since it was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(slots=True)
class Sight:
    """The edges that a look reads. Decoded records are kept until their text changes.

    clock: unix seconds, which may be set.  steady: seconds since a boot, which nobody sets.  boot: its name.
    """

    cloud: str
    tag: str
    subnet: IPv4Network
    store: Store
    engine: Engine
    network: Network
    hosts: HostsFiles
    prober: Prober
    proxy: ProxyApi
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    boot: str = field(default_factory=_boot)
    _decoded: dict[str, tuple[int, Stored | None]] = field(default_factory=dict)
    _misplaced: frozenset[WorkerKey] = frozenset()
    _answered: set[str] = field(default_factory=set)
    _counted: dict[WorkerKey, tuple[float, int | None]] = field(default_factory=dict)

    def look(self, busy: frozenset[WorkerKey]) -> World:
        """Return the cloud as it is now; raises StoreUnavailable, EngineError or NetworkError."""
        snapshot = self.store.read(*_READ)
        containers, misnamed = by_worker(self.cloud, self.engine.workers())
        picture = self.network.look()
        now = self.clock()
        stored = _by_prefix(snapshot.entries)
        targets = self._read(ScalingTarget, TARGETS, stored[TARGETS])
        records, taken = self._placed(stored[WORKERS], picture)
        world = World(
            now=now,
            clock=self._clock_now(),
            told_by=next(iter(self._read(Clock, CLOCK, stored[CLOCK]).values()), None),
            revision=snapshot.revision,
            subnet=self.subnet,
            specs={
                spec.name: as_scaled(spec, targets.get(spec.name))
                for spec in self._read(AppSpec, APPS, stored[APPS]).values()
            },
            targets=targets,
            frozen=frozenset(stored[FROZEN]),
            records=records,
            routes={key: entry.value for key, entry in stored[PROXY].items()},
            containers=containers,
            misnamed=misnamed,
            spec_versions={name: entry.mod_revision for name, entry in stored[APPS].items()},
            unreadable=self._unreadable(snapshot.entries) | taken,
            live=self.proxy.live(),
            busy=busy,
            hosts=self.hosts.read(),
            network_intact=picture.bridge_intact and picture.rules_intact,
        )
        return self._with_workers(world, picture)

    def is_outdated(self, world: World) -> bool:
        """Return whether what sends no events may have changed since the picture was taken.

        Docker and the prober tell of changes. The store, the network and the clock are asked for a mark that
        moves with any change, which takes a thirtieth of a look. What has no mark (the files of names, a
        setting of the bridge) waits for the next look.  Raises StoreUnavailable or NetworkError.
        """
        if world.clock is None or abs(self._clock_now().ahead_s - world.clock.ahead_s) >= SET_S:
            return True
        return self.store.revision() != world.revision or self.network.stirred()

    def _clock_now(self) -> Clock:
        return Clock(self.boot, round(self.clock() - self.steady(), 3))

    def _with_workers(self, world: World, picture: NetworkPicture) -> World:
        """Return the world with what is known of each worker's port, health and open requests."""
        names = {key: key.port_name(self.tag) for key in {*world.records, *world.containers}}
        attached = frozenset(key for key, name in names.items() if picture.ports.get(name))
        wired = frozenset(
            key for key in attached if self._is_wired(world, key, picture.bound.get(names[key]))
        )
        stray = {*picture.ports, *picture.bound}.difference(names.values())
        verdicts = self._probe(world, attached)
        self._answered |= {world.containers[key].id for key, verdict in verdicts.items() if verdict.ok}
        self._answered &= {container.id for container in world.containers.values()}
        return replace(
            world,
            attached=attached,
            wired=wired,
            verdicts=verdicts,
            stray_ports=frozenset(stray),
            bound=tuple(picture.bound.values()),
            answered=frozenset(key for key, c in world.containers.items() if c.id in self._answered),
            inflight=self._inflight(world),
        )

    def _is_wired(self, world: World, key: WorkerKey, bound: Port | None) -> bool:
        """Return whether the rules let pass what the worker's record says, no less and no more."""
        record = world.records.get(key)
        return bound is not None and (record is None or is_as_recorded(world, record, bound, self.tag))

    def _probe(self, world: World, attached: frozenset[WorkerKey]) -> Mapping[WorkerKey, Verdict]:
        """Tell the prober whom to ask; return the verdicts on the containers that are there now.

        A target is named by its container, so that a verdict never outlives what it was about.
        """
        targets: dict[str, Target] = {}
        keys: dict[str, WorkerKey] = {}
        for key in attached:
            container, record = world.containers.get(key), world.records.get(key)
            if container is not None and container.state == "running" and record is not None:
                target = target_of(world, record, container, answered=container.id in self._answered)
                if target is not None:
                    targets[container.id], keys[container.id] = target, key
        self.prober.watch(targets)
        verdicts = self.prober.verdicts()
        return {keys[name]: verdicts[name] for name in targets if name in verdicts}

    def _inflight(self, world: World) -> dict[WorkerKey, int | None]:
        """Return the open requests of the leaving workers that the proxy has dropped.

        Where one counts none, the count before it, at least APART_S earlier: the kernel's ages are so coarse
        that a request which arrives right behind an answer may look like none. None while there is no such.
        """
        counts: dict[WorkerKey, int] = {}
        for record in world.records.values():
            container = world.containers.get(record.key)
            if record.leaving_since is None or record.port is None or record.spare or container is None:
                continue
            if container.netns and not is_published(world, record) and not is_live(world, record):
                counts[record.key] = self._open_requests(record, container.netns)
        for key in self._counted.keys() - counts.keys():
            del self._counted[key]
        return {key: self._larger(key, count, world.now) for key, count in counts.items()}

    def _open_requests(self, record: WorkerRecord, netns: str) -> int:
        """Return the open requests of a worker; 1 where nobody can count them: its drain time goes on.

        The proxy holds a connection of http for as long as there is an answer on it, and hardly longer; one
        of tcp for as long as its client does, who may be between two requests of one transaction.
        """
        assert record.port is not None
        try:
            return self.network.in_flight(netns, record.port)
        except NetworkError as error:
            if record.key not in self._counted:
                log.warning("open requests of %s cannot be counted: %s", record.key.label, error)
            return 1

    def _larger(self, key: WorkerKey, count: int, now: float) -> int | None:
        at, before = self._counted.setdefault(key, (now, None))
        if count or now - at >= APART_S:
            self._counted[key] = (now, count)
        return count or before

    def _read(self, cls: type[T], prefix: str, entries: Mapping[str, Entry]) -> dict[str, T]:
        """Return the readable ones of the records under a prefix, by the rest of their keys."""
        decoded = {rest: self._decode(cls, prefix + rest, entry) for rest, entry in entries.items()}
        return {rest: record for rest, record in decoded.items() if isinstance(record, cls)}

    def _placed(
        self, entries: Mapping[str, Entry], picture: NetworkPicture
    ) -> tuple[dict[WorkerKey, WorkerRecord], dict[str, str]]:
        """Return the workers, and those left alone, whose address is another's, as what cannot be read."""
        found = {record.key: record for record in self._read(WorkerRecord, WORKERS, entries).values()}
        alone = misplaced(found.values(), picture.bound, self.tag)
        for key in alone.keys() - self._misplaced:
            holder = alone[key]
            log.error("record %s is left alone: %s has %s", worker_key(key), holder.key.label, holder.host)
        self._misplaced = frozenset(alone)
        placed = {key: record for key, record in found.items() if key not in alone}
        return placed, {key.app: worker_key(key) for key in alone}

    def _decode(self, cls: type[T], key: str, entry: Entry) -> Stored | None:
        known = self._decoded.get(key)
        if known is not None and known[0] == entry.mod_revision:
            return known[1]
        try:
            record: T | None = decode_at(cls, key, entry.value, self.subnet)
        except UnreadableRecord as error:
            log.error("record %s is left alone: %s", key, error)
            record = None
        self._decoded[key] = (entry.mod_revision, record)
        return record

    def _unreadable(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        """Return the apps of which some record cannot be read, with its key; drops what is gone."""
        for key in self._decoded.keys() - entries.keys():
            del self._decoded[key]
        return {key.split("/")[1]: key for key, (_, record) in self._decoded.items() if record is None}


def by_worker(
    cloud: str, found: Collection[Container]
) -> tuple[Mapping[WorkerKey, Container], Mapping[WorkerKey, Container]]:
    """Return the container of each worker, and the containers that have not the name of their worker.

    Where a worker has two, the one with its name counts: it was started and joined last.
    """
    named = {c.key: c for c in found if c.name == container_name(cloud, c.key)}
    misnamed = {c.key: c for c in found if c.name != container_name(cloud, c.key)}
    return misnamed | named, misnamed


def _by_prefix(entries: Mapping[str, Entry]) -> Mapping[str, Mapping[str, Entry]]:
    """Return what was read under each prefix, by the rest of the keys."""
    found: dict[str, dict[str, Entry]] = {prefix: {} for prefix in _READ}
    for key, entry in entries.items():
        kind, slash, rest = key.partition("/")
        found[kind + slash][rest] = entry
    return found


def target_of(world: World, record: WorkerRecord, container: Container, *, answered: bool) -> Target | None:
    """Return how to ask whether a worker is well; None where nobody asks.

    Nobody asks one that is leaving: nothing comes of it, and the question would count as an open request.
    """
    spec = world.specs.get(record.app)
    if spec is None or record.port is None or record.leaving_since is not None:
        return None
    health = spec.template_of(record.revision).health
    if health.kind == "none":
        return None
    young = container.started_at is not None and world.now - container.started_at < STARTUP_S
    return Target(
        address=record.host,
        port=record.port,
        kind=health.kind,
        path=health.path,
        starting=young and not answered,
        pid=container.pid,
    )
