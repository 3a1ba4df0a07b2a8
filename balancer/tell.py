"""How a decision is told: what was seen, what was learned, and why, in the words of its record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from balancer.choose import Capacity
from balancer.decision import Coefficients, CurvePoint, Inputs, Limit, Model, Trust
from balancer.fit import CpuLine
from balancer.forecast import Forecast
from balancer.learn import lead_s
from balancer.memory import Memory
from balancer.samples import Observation, Sample, known

CURVE_UTILIZATIONS = np.linspace(0.1, 1.0, 10)
OBJECTIVE = "objective"  # the limit that asks for more
SAID = {
    "max": "held to {after}, the maximum",
    "min": "kept at {after}, the minimum",
    "host": "held to {after}: the host has no CPU for more, more would not help",
    "recent": "kept at {after}, as a moment ago that many were needed",
}


def inputs_of(memory: Memory, seen: Observation, now_s: float) -> Inputs:
    """Return what was seen and is remembered, as far as it needs no sample."""
    return Inputs(
        age_s=known(seen.age_s),
        span_s=known(seen.span_s),
        ready=known(seen.ready),
        starting=known(seen.starting),
        connections=known(seen.connections),
        slow_share=seen.slow_share(memory.slo_s),
        host_cores=known(seen.host_cores),
        neighbours_cores=memory.neighbours_cores,
        surprises=len(memory.demand.surprises),
        lead_s=lead_s(memory),
        starts=len(memory.start_times_s),
        changed_ago_s=_ago_s(memory.changed_s, now_s),
        trial_ago_s=_ago_s(memory.trial.began_s, now_s),
        trial_failed_ago_s=_ago_s(memory.trial.failed_s, now_s),
        slow_before_trial=memory.trial.slow_before,
    )


def _ago_s(at_s: float | None, now_s: float) -> float | None:
    return None if at_s is None else now_s - at_s


def with_demand(
    inputs: Inputs, sample: Sample, demand: Forecast, backlog_rps: float, *, unread: bool
) -> Inputs:
    """Return the inputs with what the sample shows, and with what is forecast."""
    return replace(
        inputs,
        rate_rps=sample.demand,
        failed_share=sample.failed_share,
        inflight=known(sample.seen.inflight),
        cpu_cores=sample.cores,
        level_rps=demand.level_rps,
        slope_rps_per_s=demand.slope_rps_per_s,
        ahead_rps=demand.ahead_rps,
        ahead_sd_rps=demand.sd_rps,
        backlog_rps=backlog_rps,
        surprise_odds=float(demand.jump_odds.sum()),
        unread=unread,
    )


def model_of(memory: Memory, line: CpuLine, capacity: Capacity, worker_cores: float, trust: Trust) -> Model:
    """Return what is known of one worker; its safe rate depends on how many there are (safe_rate)."""
    curve = capacity.curve
    return Model(
        trusted=trust,
        windows=memory.cpu.windows,
        requests_per_replica_rps=capacity.worker_rps,
        limited_by="waiting" if capacity.worker_rps < line.rate_at(worker_cores) else "cpu",
        worker_cores=worker_cores,
        error=line.error_at(worker_cores),
        r2=line.r2,
        price_s=capacity.price,
        coefficients=Coefficients(line.idle_cores, line.cores_per_rps, curve.level, curve.steep, curve.split),
        seen=tuple(
            CurvePoint(b.utilization / b.requests * capacity.worker_rps, b.slow / b.requests)
            for b in memory.slow.bins
            if b.requests >= 1.0
        ),
    )


def curve_points(capacity: Capacity, workers: int) -> tuple[CurvePoint, ...]:
    """Return the fitted curve for that many workers, from a tenth of their capacity to all of it."""
    shares = capacity.curve.share(np.array(float(workers)), CURVE_UTILIZATIONS)
    return tuple(
        CurvePoint(float(rho) * capacity.worker_rps, float(share))
        for rho, share in zip(CURVE_UTILIZATIONS, shares, strict=True)
    )


def safe_rate(capacity: Capacity, slo_share: float, workers: int) -> float:
    """Return the requests/s of each of `workers` workers up to which the objective holds."""
    rho = capacity.curve.utilization_for(1.0 - slo_share, workers)
    return min(max(rho, 0.0), 1.0) * capacity.worker_rps


def reason_of(sample: Sample, trust: Trust, demand: Forecast, raw: int, limits: tuple[Limit, ...]) -> str:
    """Return why, in one line: the demand, what it needs, and the last limit that changed that."""
    unit = "req/s" if sample.seen.connections is None else "connections"
    needs = f"{raw} worker{'s' * (raw != 1)}"
    if trust is Trust.RULE:
        more = f"requests wait, so {needs}" if raw > sample.wanted else f"{needs} as before"
        why = f"{demand.level_rps:.1f} {unit}, and not yet known what one worker can do: {more}"
    else:
        why = f"{max(demand.level_rps, demand.ahead_rps):.1f} {unit} expected: {needs} needed"
    if limits and limits[0].name == OBJECTIVE:
        why, limits = f"{why}, {limits[0].after} for the objective", limits[1:]
    return f"{why}; {SAID[limits[-1].name].format(after=limits[-1].after)}" if limits else why
