"""Observes once a second: what workers use, what passes through the proxy, who listens without a route.

It tells the prober which workers are sent requests, so that no others need be asked often.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from balancer.proxy import API_ENTRY, HTTP_ENTRY
from balancer.routes import server_name
from manager.engine.containers import Container
from manager.loop.reconcile import Reconciler
from manager.observe.cgroups import Meter, Usage
from manager.observe.counters import Page, Sample
from manager.observe.host_use import CpuMeter, memory
from manager.observe.listeners import Ports
from manager.observe.proxy import ProxyApi
from manager.observe.traffic import Rates, Traffic
from manager.state.model import WorkerKey
from manager.state.world import World
from netsetup.errors import NetworkError
from netsetup.network import Network

ASKED_S = 10.0  # so long after a question the next one is expected
UNASKED_S = 5.0
STALE_S = 5.0  # older traffic figures are not shown

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measures:
    """What was observed last: by worker and by app; absent means not known.

    inflight: requests from this host that wait for an answer; None while they cannot be counted.
    sample: the proxy's counters as they were read last, at a monotonic time.
    listening: the tcp port on which a worker of an app without a route listens, by app.
    host_cores, host_bytes: what of this machine is in use, by everything on it.
    """

    usage: Mapping[WorkerKey, Usage] = field(default_factory=dict)
    workers: Mapping[WorkerKey, Rates] = field(default_factory=dict)
    apps: Mapping[str, Rates] = field(default_factory=dict)
    inflight: Mapping[WorkerKey, int] | None = None
    listening: Mapping[str, int] = field(default_factory=dict)
    sample: Sample | None = None
    host_cores: float | None = None
    host_bytes: int | None = None


@dataclass(slots=True)
class Observer:
    """Takes the measures; `latest` is always a whole picture. One thread calls `look`.

    hurry: called with the ids of the containers that may be sent requests now.
    """

    reconciler: Reconciler
    proxy: ProxyApi
    network: Network
    hurry: Callable[[Iterable[str]], None]
    meter: Meter = field(default_factory=lambda: Meter(time.monotonic))
    page: Page = field(default_factory=Page)
    traffic: Traffic = field(default_factory=Traffic)
    ports: Ports = field(default_factory=Ports)
    cpu: CpuMeter = field(default_factory=CpuMeter)
    _latest: Measures = field(default_factory=Measures)
    _sample: Sample | None = None
    _usage: Mapping[str, Usage] = field(default_factory=dict)
    _metered: Mapping[str, int] = field(default_factory=dict)
    _metered_at: float = -math.inf
    _asked_at: float = -math.inf

    def latest(self) -> Measures:
        self._asked_at = time.monotonic()
        return self._latest

    def look(self) -> None:
        """Measure everything that the last picture of the cloud shows."""
        picture = self.reconciler.picture()
        if picture is None:
            return
        world = picture.world
        running = {key: container for key, container in world.containers.items() if container.pid}
        keys = {container.id: key for key, container in running.items()}
        self._read_meter({container.id: container.pid for container in running.values()})
        workers, apps = self._rates(world)
        used = self._used(world)
        self.hurry(container.id for key, container in running.items() if key.app in used)
        host = memory()
        self._latest = Measures(
            usage={keys[name]: value for name, value in self._usage.items() if name in keys},
            workers=workers,
            apps=apps,
            inflight=self._inflight(world, running),
            listening=self._listening(world, running),
            sample=self._sample,
            host_cores=self.cpu.used_cores(time.monotonic()),
            host_bytes=host.total_bytes - host.available_bytes,
        )

    def _read_meter(self, pids: Mapping[str, int]) -> None:
        """What the workers use is known: of this second while anybody asks, else of the last few."""
        now = time.monotonic()
        asked, known = now - self._asked_at < ASKED_S, pids == self._metered
        if asked or not known or now - self._metered_at >= UNASKED_S:
            self._usage, self._metered, self._metered_at = self.meter.read(pids), pids, now

    def _rates(self, world: World) -> tuple[dict[WorkerKey, Rates], Mapping[str, Rates]]:
        """Return the rates of workers and apps over the last seconds; none while the proxy is away."""
        page = self.proxy.metrics()
        now = time.monotonic()
        if page is not None:
            self._sample = self.page.read(page, now)
            self.traffic.add(self._sample)
        seen = self.traffic.picture(now)
        if seen.age_s(now) > STALE_S:
            return {}, {}
        names = {server_name(*key): key for key in world.records}
        return {names[name]: rates for name, rates in seen.workers.items() if name in names}, seen.apps

    def _inflight(
        self, world: World, running: Mapping[WorkerKey, Container]
    ) -> Mapping[WorkerKey, int] | None:
        """Return what each worker with a port has to answer; none while the proxy has no client."""
        try:
            awaited = self.network.awaited() if self._has_clients() else {}
        except NetworkError as error:
            log.warning("open requests cannot be counted: %s; next try in a second", error)
            return None
        records = (record for key, record in world.records.items() if key in running)
        return {r.key: awaited.get((r.address, r.port), 0) for r in records if r.port is not None}

    def _listening(self, world: World, running: Mapping[WorkerKey, Container]) -> Mapping[str, int]:
        """Return a port on which the first worker of each app without a route listens, where it does."""
        unrouted = {spec.name for spec in world.specs.values() if spec.template.port is None}
        firsts = {key.app: running[key].pid for key in sorted(running, reverse=True) if key.app in unrouted}
        ports = self.ports.of(firsts.values())
        return {app: ports[pid] for app, pid in firsts.items() if pid in ports}

    def _has_clients(self) -> bool:
        """Return whether somebody is connected to an app, or may be."""
        sample = self._sample
        return sample is None or any(count for at, count in sample.connections.items() if at != API_ENTRY)

    def _used(self, world: World) -> set[str]:
        """Return the apps to whose workers requests may be on their way.

        Those of http are counted when they end; before, all that is seen is that a client is there. Of tcp
        nothing is counted, and what workers of other apps send does not pass through the proxy.
        """
        specs = world.specs.values()
        if self._sample is None or self._sample.connections.get(HTTP_ENTRY, 0):
            return {spec.name for spec in specs}
        reached = {app for spec in specs for app in spec.template.reach}
        tcp = {spec.name for spec in specs if spec.template.protocol != "http"}
        return reached | tcp | self.traffic.asked()
