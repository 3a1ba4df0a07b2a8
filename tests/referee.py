"""The policy that a scaling referee drives: its observations in, the product's own decision out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from balancer.decide import decide
from balancer.memory import Memory
from balancer.samples import Latencies, Observation, Policy, known

SLO_SHARE = 0.99


class Seen(Protocol):
    """What a referee shows of an app every few seconds; latencies are NaN without completions, and what is
    not known is None or NaN.

    cpu, ages: cores used by each ready replica, and seconds since it became ready.
    """

    t: float
    dt: float | None
    replicas: int | None
    ready: int | None
    starting: int | None
    completed: float | None
    failed: float | None
    lat_p50: float | None
    lat_p95: float | None
    lat_p99: float | None
    slow_frac: float | None
    inflight: float | None
    cpu: Sequence[float] | None
    host_cpu: float | None
    ages: Sequence[float] | None


class Adapter:
    """Keeps the decision function's memory, and measures create-to-ready times as the manager would."""

    why = ""

    def reset(self, cfg: Mapping[str, float]) -> None:
        self._cfg = cfg
        self._policy = Policy(
            max=int(cfg["max"]), min=int(cfg["min"]), slo_s=cfg["slo_s"], slo_share=SLO_SHARE
        )
        self._memory = Memory()
        self._created_s: list[float] = []

    def decide(self, obs: Seen) -> int:
        decision, self._memory = decide(self._policy, self._memory, self.observation(obs), obs.t)
        self.why = decision.reason
        self._created_s += [obs.t] * (decision.final - decision.from_workers)
        return decision.final

    def observation(self, obs: Seen) -> Observation:
        """Return what the product would see: sums, a histogram, measured start times."""
        return Observation(
            span_s=obs.dt,
            wanted=obs.replicas,
            ready=obs.ready,
            starting=obs.starting,
            completed=obs.completed,
            failed=obs.failed,
            latencies=self._latencies(obs),
            inflight=obs.inflight,
            cpu_cores=sum(obs.cpu) if obs.cpu else None,
            busiest_cores=max(obs.cpu) if obs.cpu else None,
            worker_cores=self._cfg["rep_cores"],
            host_cores=self._cfg["cores"],
            host_used_cores=obs.host_cpu,
            started_in_s=self._started_in_s(obs),
        )

    def _latencies(self, obs: Seen) -> Latencies | None:
        """Return the histogram that the quantiles are points of, with an edge at the objective."""
        completed, slow = known(obs.completed), known(obs.slow_frac)
        points = [(obs.lat_p50, 0.5), (obs.lat_p95, 0.95), (obs.lat_p99, 0.99)]
        shares = {at_s: share for at_s, share in points if at_s is not None and known(at_s) is not None}
        if not completed or slow is None or len(shares) < len(points):
            return None
        shares[self._cfg["slo_s"]] = 1.0 - slow
        within = sorted(share * completed for share in shares.values())
        return Latencies(tuple(sorted(shares)), tuple(within), completed)

    def _started_in_s(self, obs: Seen) -> tuple[float, ...]:
        """Return how long those that became ready in the span took; first created is first ready."""
        ready_s = sorted(obs.t - age for age in obs.ages or () if age < (obs.dt or 0.0))
        pending = self._created_s[: len(ready_s) + (obs.starting or 0)]
        started = tuple(max(0.0, at - made) for at, made in zip(ready_s, pending, strict=False))
        self._created_s = pending[len(ready_s) :]
        return started
