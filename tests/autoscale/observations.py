"""Observations of an app that behaves exactly as its numbers say, for tests that need no chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from balancer.decide import decide
from balancer.decision import ScalingDecision
from balancer.memory import Memory
from balancer.samples import Latencies, Observation, Policy

SPAN_S = 2.0
IDLE_CORES, WORK_S = 0.01, 0.025
EDGES_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.5)
FULL_RPS = 0.99 / WORK_S
POLICY = Policy(max=12, slo_share=0.99)


def seen(rate_rps: float, workers: int, work_s: float = WORK_S, cores: float = 8.0) -> Observation:
    """Return what a tick shows of workers that serve all of rate_rps."""
    rho = min(rate_rps * work_s / workers, 0.99)
    used = IDLE_CORES * workers + rate_rps * work_s
    return Observation(
        span_s=SPAN_S,
        wanted=workers,
        ready=workers,
        starting=0,
        completed=rate_rps * SPAN_S,
        failed=0.0,
        latencies=_latencies(rate_rps * SPAN_S, rho),
        inflight=float(round(rate_rps * work_s / (1.0 - rho))),
        cpu_cores=used,
        own_cores=used,
        worker_cores=1.0,
        host_cores=cores,
        host_used_cores=used,
    )


def overloaded(demand_rps: float, workers: int, inflight: float) -> Observation:
    """Return what a tick shows of workers that are full, with so much in flight at its end."""
    full = seen(workers * FULL_RPS, workers)
    late = Latencies(EDGES_S, (0.0,) * len(EDGES_S), full.completed or 0.0)
    assert demand_rps > workers * FULL_RPS
    return replace(full, inflight=inflight, latencies=late)


def _latencies(requests: float, rho: float) -> Latencies:
    mean_s = WORK_S / (1.0 - rho)
    within = tuple(requests * (1.0 - math.exp(-edge_s / mean_s)) for edge_s in EDGES_S)
    return Latencies(EDGES_S, within, requests)


@dataclass(slots=True)
class Operator:
    """Feeds observations tick by tick, and keeps the memory and the last decision."""

    policy: Policy = POLICY
    memory: Memory = field(default_factory=Memory)
    now_s: float = 1_700_000_000.0
    decisions: list[ScalingDecision] = field(default_factory=list)

    def sees(self, observation: Observation, after_s: float = SPAN_S) -> ScalingDecision:
        self.now_s += after_s
        decision, self.memory = decide(self.policy, self.memory, observation, self.now_s)
        self.decisions.append(decision)
        return decision

    def sees_all(self, observations: Iterable[Observation]) -> ScalingDecision:
        for observation in observations:
            self.sees(observation)
        return self.decisions[-1]

    def twin(self) -> Operator:
        """Return another operator who knows as much."""
        return replace(self, decisions=list(self.decisions))


def taught(rate_rps: float = 80.0, workers: int = 4, policy: Policy = POLICY) -> Operator:
    """Return an operator who has watched a settled app for long enough to trust the model."""
    return _taught(rate_rps, workers, policy).twin()


@cache
def _taught(rate_rps: float, workers: int, policy: Policy) -> Operator:
    operator = Operator(policy)
    for tick in range(40):
        operator.sees(seen(rate_rps * (0.97, 1.0, 1.03)[tick % 3], workers))
    return operator
