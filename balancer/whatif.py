"""Recorded observations under another policy: the same decision function, another answer.

What was seen stays as it was seen, so the load and what a worker can do are the real ones; only the
number of workers that the decisions start from is the replay's own, from where it leaves the record.
What that would have done to the requests is told by the learned curve, as far as there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from balancer.codec import Stored
from balancer.decide import GAP_SPANS, decide
from balancer.decision import ScalingDecision
from balancer.latency import SlowCurve
from balancer.memory import Memory
from balancer.samples import Mode, Observation, Policy, known
from balancer.share import cut_to_share


@dataclass(frozen=True, slots=True)
class Step(Stored):
    """One recorded tick: when, what was seen, the number that was decided, and the share that cut it."""

    VERSION = 5

    at_s: float
    seen: Observation
    final: int
    share: int | None = None


@dataclass(frozen=True, slots=True)
class Begin(Stored):
    """What a stretch of steps began from: whose it is (its creation tells apps of one name apart)."""

    VERSION = 7

    created_at: float
    policy: Policy
    memory: Memory


@dataclass(frozen=True, slots=True)
class Segment:
    """Steps without a gap, decided by one policy."""

    begin: Begin
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Tally:
    """What decisions came to: worker_s over span_s seconds, their ups and downs.

    over_s: with more slow requests than the objective allows; unknown_s: nobody could say.
    """

    steps: int = 0
    span_s: float = 0.0
    worker_s: float = 0.0
    most: int = 0
    ups: int = 0
    downs: int = 0
    over_s: float = 0.0
    unknown_s: float = 0.0
    _at_s: float | None = None
    _final: int = 0

    def count(self, step: Step, before: int, final: int) -> None:
        """Count a decision; what was wanted before lasted until it, also through a time without steps."""
        last, passed_s = before, known(step.seen.span_s) or 0.0
        if self._at_s is not None:
            last, passed_s = self._final, max(0.0, step.at_s - self._at_s)
        self.steps += 1
        self.span_s += passed_s
        self.worker_s += last * passed_s
        self.most = max(self.most, last, final)
        self.ups += final > last
        self.downs += final < last
        self._at_s, self._final = step.at_s, final

    def judge(self, step: Step, slow_share: float | None, allowed: float) -> None:
        """Count whether the step's span held the objective; None is nobody could say."""
        span_s = known(step.seen.span_s) or 0.0
        if slow_share is None:
            self.unknown_s += span_s
        elif slow_share > allowed:
            self.over_s += span_s


@dataclass(slots=True)
class Replay:
    """A policy over a record, played segment by segment; steps before since_s only warm it up.

    compared, same: decisions that were made under this very policy, and those of them that came out alike.
    """

    policy: Policy
    since_s: float = -math.inf
    tally: Tally = field(default_factory=Tally)
    finals: list[int] = field(default_factory=list)
    compared: int = 0
    same: int = 0
    _memory: Memory | None = None
    _wanted: int | None = None
    _last: Step | None = None
    _asked: list[tuple[float, int]] = field(default_factory=list)

    def play(self, segment: Segment) -> None:
        """Decide on each step of the next segment."""
        is_own = alike(self.policy, segment.begin.policy)
        memory = self._begun(segment, is_own)
        for step in segment.steps:
            seen = step.seen if self._wanted is None else replace(step.seen, wanted=self._wanted)
            before = memory
            decision, memory = decide(self.policy, memory, seen, step.at_s)
            decision, memory = cut_to_share(decision, memory, before, step.share)
            self._wanted = None if decision.final == step.final else decision.final
            if step.at_s >= self.since_s:
                self._count(step, decision)
                self.compared += is_own
                self.same += is_own and decision.final == step.final
            self._last = step
        self._memory = memory

    def _begun(self, segment: Segment, is_own: bool) -> Memory:
        """Return the memory to go on with: under the record's own policy the record's.

        After a gap too, for what happened meanwhile is in it; only what another objective taught is not.
        """
        stored, own = segment.begin.memory, self._memory
        if is_own:
            self._wanted = None
            return stored
        if own is None or self._last is None or not segment.steps:
            return stored
        first = segment.steps[0]
        if 0.0 < first.at_s - self._last.at_s <= GAP_SPANS * (known(first.seen.span_s) or 1.0):
            return own
        return stored if own.slo_s == stored.slo_s else replace(stored, slow=own.slow, slo_s=own.slo_s)

    def _count(self, step: Step, decision: ScalingDecision) -> None:
        self.finals.append(decision.final)
        self.tally.count(step, decision.from_workers, decision.final)
        self.tally.judge(step, expected_slow(decision, self._serving(step, decision)), self._allowed)

    @property
    def _allowed(self) -> float:
        return 1.0 - self.policy.slo_share

    def _serving(self, step: Step, decision: ScalingDecision) -> int:
        """Return the workers that served the step's span: one serves a start-up time after it was asked."""
        since_s = step.at_s - (known(step.seen.span_s) or 0.0) - (decision.inputs.lead_s or 0.0)
        older = [at for at, (at_s, _) in enumerate(self._asked) if at_s <= since_s]
        self._asked = self._asked[older[-1] if older else 0 :]
        serving = min((number for _, number in self._asked), default=decision.from_workers)
        self._asked.append((step.at_s, decision.final))
        return serving


def recorded(tally: Tally, segment: Segment, policy: Policy, since_s: float = -math.inf) -> None:
    """Count what there really was, and what was really measured against a policy's objective."""
    is_carried_out = segment.begin.policy.mode is Mode.ON
    for step in segment.steps:
        if step.at_s >= since_s:
            wanted = step.seen.wanted or 0
            tally.count(step, wanted, step.final if is_carried_out else wanted)
            tally.judge(step, _measured_slow(step, policy.slo_s), 1.0 - policy.slo_share)


def alike(policy: Policy, other: Policy) -> bool:
    """Tell whether two policies decide the same, whether or not that is carried out."""
    return replace(policy, mode=Mode.ON) == replace(other, mode=Mode.ON)


def expected_slow(decision: ScalingDecision, workers: int) -> float | None:
    """Return the share of requests that the learned curve expects to be slow; None without a curve."""
    model, rate = decision.model, decision.inputs.rate_rps
    if rate == 0:
        return 0.0
    if rate is None or model.coefficients is None or model.requests_per_replica_rps is None:
        return None
    curve = SlowCurve(model.coefficients.level, model.coefficients.steep, model.coefficients.split)
    number = np.array([float(max(workers, 1))])
    return float(curve.share(number, rate / (number * model.requests_per_replica_rps))[0])


def _measured_slow(step: Step, slo_s: float) -> float | None:
    if step.seen.completed == 0:
        return 0.0
    return step.seen.latencies.share_over(slo_s) if step.seen.latencies else None
