"""What one tick saw of an app and of its host, as the autoscaler's decision takes it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from balancer.samples import Observation
from manager.observe.counters import NOTHING, Counters, Sample
from manager.observe.host_use import memory
from manager.observe.traffic import by_app, growths
from manager.scaling.measure import Measures
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.world import World, answering, is_live

CHECKS = 2  # requests in flight that may be health checks of one worker: the manager's and the proxy's
LEFT_SHARE = 0.25  # of the host's memory: spares take nothing of it


@dataclass(frozen=True, slots=True)
class Host:
    """This machine: its cores in use, None where that is not known, and the memory for spares of one app."""

    used_cores: float | None
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class _Window:
    """What happened between two measures; unknown, None, while the proxy was not read anew between them.

    The CPU of workers is over the very span in which their requests were counted, else the two would not
    belong together.
    """

    before: Measures | None
    now: Measures

    @property
    def samples(self) -> tuple[Sample, Sample] | None:
        """Return the proxy's counters in the two, the older first."""
        first, last = self.before.sample if self.before else None, self.now.sample
        return (first, last) if first and last and last.at > first.at else None

    @property
    def span_s(self) -> float | None:
        return self.samples[1].at - self.samples[0].at if self.samples else None

    def counters(self, app: str) -> Counters | None:
        """Return what was asked of the app."""
        return by_app(growths(*self.samples)).get(app, NOTHING) if self.samples else None

    def cores(self, records: Iterable[WorkerRecord]) -> float | None:
        """Return the cores that the workers used together, None when nothing is known of them."""
        keys = [record.key for record in records if record.key in self.now.usage]
        if self.before is None or not keys or not self.span_s:
            return None
        old_s = sum(self.before.usage[key].cpu_s for key in keys if key in self.before.usage)
        return max(0.0, sum(self.now.usage[key].cpu_s for key in keys) - old_s) / self.span_s

    def most_cores(self, records: Iterable[WorkerRecord]) -> float | None:
        """Return the cores that the one worker used that used most."""
        each = (self.cores([record]) for record in records)
        return max((cores for cores in each if cores is not None), default=None)


@dataclass(slots=True)
class Watcher:
    """Looks at one app tick after tick; its memory is only what a difference needs."""

    _before: Measures | None = None
    _met: set[tuple[WorkerKey, float]] | None = None  # and since when each was wanted

    def observe(self, world: World, spec: AppSpec, measures: Measures, host: Host) -> Observation:
        """Return what has happened to the app since the last call; unknown things are None."""
        window = _Window(self._before, measures)
        if self._before is None or window.span_s:
            self._before = measures
        records, serving = world.of_app(spec.name), _serving(world, spec)
        staying = [record for record in records if record.leaving_since is None and not record.spare]
        counted = window.counters(spec.name)
        is_http = spec.template.protocol == "http"
        return Observation(
            span_s=window.span_s,
            wanted=spec.wanted,
            ready=len(serving),
            starting=sum(_starts(world, measures, record) for record in staying if record not in serving),
            completed=counted.requests if counted else None,
            failed=counted.failed if counted else None,
            latencies=counted.latencies if counted else None,
            inflight=_inflight(measures, records) if is_http else None,
            connections=None if is_http else _connections(measures.sample, spec),
            cpu_cores=window.cores(serving),
            own_cores=window.cores(records),
            busiest_cores=window.most_cores(records),
            worker_cores=spec.template.cpus,
            host_cores=float(os.cpu_count() or 1),
            host_used_cores=host.used_cores,
            started_in_s=self._started(world, serving),
            age_s=time.monotonic() - measures.sample.at if measures.sample else None,
            revision=str(spec.revision),
            memory_room=_room(records, measures, spec, host.memory_bytes),
        )

    def _started(self, world: World, serving: Iterable[WorkerRecord]) -> tuple[float, ...]:
        """Return how long the workers took that began to serve since the last call."""
        now = {record: (record.key, record.created_at) for record in serving}
        there = {(key, record.created_at) for key, record in world.records.items()}
        met, self._met = self._met, (self._met or set()) & there | set(now.values())
        if met is None:
            return ()  # nobody knows when those got ready that this manager found
        fresh = (record for record, stay in now.items() if stay not in met and record.failures == 0)
        return tuple(world.now - record.created_at for record in fresh)


def spare_bytes() -> float:
    """Return the memory of this machine that spares may take."""
    has = memory()
    return max(0.0, has.available_bytes - LEFT_SHARE * has.total_bytes)


def _serving(world: World, spec: AppSpec) -> list[WorkerRecord]:
    """Return the workers that requests are sent to.

    An overloaded one that misses its health answers still serves while it is all there is, and what it shows
    then is what a decision needs most.
    """
    routed = spec.template.port is not None
    return [record for record in answering(world, spec) if not routed or is_live(world, record)]


def _room(
    records: Sequence[WorkerRecord], measures: Measures, spec: AppSpec, memory_bytes: float
) -> int | None:
    """Return how many spares memory has room for, by what workers use now; with those there are.

    None for an app whose spares are not chosen.
    """
    if spec.autoscale is None or not spec.autoscale.chooses_spares:
        return None
    used = [measures.usage[record.key].memory_bytes for record in records if record.key in measures.usage]
    each = sum(used) / len(used) if used else spec.template.memory_bytes
    return int(memory_bytes / max(each, 1.0)) + sum(record.spare for record in records)


def _starts(world: World, measures: Measures, record: WorkerRecord) -> bool:
    """Return whether a worker has yet to serve; one that has, and is too busy to answer, adds nothing.

    A manager that has just begun saw none of those answer, but requests wait there, and not its checks alone.
    """
    waiting = (measures.inflight or {}).get(record.key, 0)
    return record.key not in world.answered and waiting <= CHECKS


def _inflight(measures: Measures, records: Iterable[WorkerRecord]) -> float | None:
    """Return the requests that wait for workers of an app; those of one that has ended are gone with it."""
    if measures.inflight is None:
        return None
    return float(sum(measures.inflight.get(record.key, 0) for record in records))


def _connections(sample: Sample | None, spec: AppSpec) -> float | None:
    """Return the open connections of a tcp app, which has its entry point for itself."""
    return None if sample is None else sample.connections.get(f"tcp{spec.tcp_port}", 0.0)
