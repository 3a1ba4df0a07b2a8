"""What one tick saw of an app and of its host, as the autoscaler's decision takes it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from balancer.routes import server_name
from balancer.samples import Latencies, Observation
from manager.measure import Measures, Observer
from manager.model import AppSpec, WorkerKey, WorkerRecord
from manager.observe.traffic import Counters, Sample, growth_of, sum_of
from manager.world import World, is_ready
from netsetup.network import Network

_JIFFY_S = 1 / os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait of /proc/stat's first line


@dataclass(slots=True)
class HostMeter:
    """Cores of this machine in use between two looks."""

    _before: tuple[float, float] | None = None

    def used_cores(self, now: float) -> float | None:
        """Return the cores in use since the last call, None at the first; `now` is monotonic."""
        fields = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy_s = (sum(fields) - sum(fields[at] for at in _IDLE_FIELDS)) * _JIFFY_S
        before, self._before = self._before, (now, busy_s)
        if before is None or now <= before[0]:
            return None
        return max(0.0, (busy_s - before[1]) / (now - before[0]))


@dataclass(slots=True)
class Watcher:
    """Looks at one app tick after tick; its memory is only what a difference needs."""

    network: Network
    _before: Sample | None = None
    _met: set[WorkerKey] | None = None

    def observe(
        self, world: World, spec: AppSpec, observer: Observer, host_used_cores: float | None
    ) -> Observation:
        """Return what has happened to the app since the last call; unknown things are None."""
        measures, sample, before = observer.latest(), observer.sample, self._before
        self._before = sample
        records = world.of_app(spec.name)
        ready = [record for record in records if is_ready(world, record)]
        staying = [record for record in records if record.leaving_since is None and not record.spare]
        told = _between(before, sample, spec.name)
        return Observation(
            span_s=sample.at - before.at if before is not None and sample is not None else None,
            wanted=spec.wanted,
            ready=len(ready),
            starting=len(staying) - len(ready),
            completed=told.requests if told else None,
            failed=told.by_class[4] if told else None,
            latencies=_latencies(told) if told else None,
            inflight=self._inflight(world, ready) if spec.template.protocol == "http" else None,
            cpu_cores=_cores(measures, ready),
            own_cores=_cores(measures, records),
            worker_cores=spec.template.cpus,
            host_cores=float(os.cpu_count() or 1),
            host_used_cores=host_used_cores,
            started_in_s=self._started(world, ready),
            age_s=time.monotonic() - sample.at if sample is not None else None,
            revision=str(spec.revision),
        )

    def _inflight(self, world: World, ready: Iterable[WorkerRecord]) -> float:
        containers = ((record, world.containers[record.key]) for record in ready)
        return float(
            sum(
                self.network.in_flight(container.netns, record.port)
                for record, container in containers
                if record.port is not None and container.netns
            )
        )

    def _started(self, world: World, ready: Iterable[WorkerRecord]) -> tuple[float, ...]:
        """Return how long the workers took that got ready for the first time since the last call."""
        now = {record.key: record for record in ready}
        met, self._met = self._met, (self._met or set()) & world.records.keys() | now.keys()
        if met is None:
            return ()  # nobody knows when those got ready that this manager found
        fresh = (record for key, record in now.items() if key not in met and record.failures == 0)
        return tuple(world.now - record.created_at for record in fresh)


def _between(before: Sample | None, after: Sample | None, app: str) -> Counters | None:
    """Return what the app's workers counted between two samples; None where there are not two."""
    if before is None or after is None or after.at <= before.at:
        return None
    prefix = server_name(app, 0, 0).removesuffix("0_0")
    return sum_of(
        growth_of(before.services.get(name, Counters()), counters)
        for name, counters in after.services.items()
        if name.startswith(prefix)
    )


def _latencies(told: Counters) -> Latencies:
    edges = tuple(edge for edge in sorted(told.buckets) if math.isfinite(edge))
    total = told.buckets.get(math.inf, told.requests)
    return Latencies(edges, tuple(told.buckets[edge] for edge in edges), total)


def _cores(measures: Measures, records: Iterable[WorkerRecord]) -> float | None:
    usages = [measures.usage[record.key].cpu_cores for record in records if record.key in measures.usage]
    known = [cores for cores in usages if cores is not None]
    return sum(known) if known else None
