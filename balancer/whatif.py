"""Recorded observations under another policy: the same decision function, another answer.

What was seen stays as it was seen, so the load and what a worker can do are the real ones; only the
number of workers that the decisions start from is the replay's own, from where it leaves the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from balancer.codec import decode, encode
from balancer.decide import decide
from balancer.decision import ScalingDecision
from balancer.latency import SlowCurve
from balancer.memory import Memory
from balancer.samples import Observation, Policy

VERSION = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded tick: when, what was seen, and the number that was decided."""

    at_s: float
    seen: Observation
    final: int

    def to_json(self) -> str:
        """Return it as text that from_json makes an equal value of."""
        return encode(self, VERSION)

    @staticmethod
    def from_json(text: str) -> Step:
        """Return the step of a text; raises ValueError for a text that to_json did not write."""
        return decode(Step, text, VERSION)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would have done.

    same: how many decisions came out as recorded.  worker_s: workers times seconds.  requests, slow: of
    the record, and how many of them the learned curve expects to be slow with so many workers.
    """

    decisions: tuple[ScalingDecision, ...]
    same: int
    worker_s: float
    requests: float
    slow: float


def replay(policy: Policy, memory: Memory, steps: Iterable[Step]) -> Replay:
    """Return what the policy would have decided, from the memory at the begin of the record on."""
    decisions: list[ScalingDecision] = []
    same, worker_s, requests, slow = 0, 0.0, 0.0, 0.0
    recorded: int | None = None
    for step in steps:
        seen = step.seen
        if decisions and decisions[-1].final != recorded:
            seen = replace(seen, wanted=decisions[-1].final)
        decision, memory = decide(policy, memory, seen, step.at_s)
        decisions.append(decision)
        recorded = step.final
        same += decision.final == recorded
        span_s = decision.inputs.span_s or 0.0
        asked = (decision.inputs.rate_rps or 0.0) * span_s
        worker_s, requests = worker_s + decision.final * span_s, requests + asked
        slow += asked * expected_slow(decision)
    return Replay(tuple(decisions), same, worker_s, requests, slow)


def expected_slow(decision: ScalingDecision) -> float:
    """Return the share of requests that the learned curve expects to be slow, 0 without one."""
    model, rate = decision.model, decision.inputs.rate_rps
    if model.coefficients is None or model.requests_per_replica_rps is None or not rate:
        return 0.0
    curve = SlowCurve(model.coefficients.level, model.coefficients.steep, model.coefficients.split)
    workers = np.array([float(max(decision.final, 1))])
    return float(curve.share(workers, rate / (workers * model.requests_per_replica_rps))[0])
