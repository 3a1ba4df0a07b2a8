"""A decision with all its arithmetic: every number from which it can be told, and recomputed, later."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import Enum

from balancer.choose import Cost, Thresholds


class Action(Enum):
    """What a decision does to the number of workers."""

    ADD = "add"
    REMOVE = "remove"
    HOLD = "hold"


class Trust(Enum):
    """How far the model can be trusted; RULE means not at all, and a plain rule decided."""

    GOOD = "good"
    WEAK = "weak"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was seen and forecast; None is what nobody could say.

    level, slope, ahead, ahead_sd: the demand now, its change, and what it will be in lead_s with its
    error; for a tcp app connections instead of requests/s.  backlog_rps: what waits, as extra demand.
    surprises: how many are remembered; surprise_odds: that one comes in the next span, or goes on.
    connections: open ones, for a tcp app only.  slow_share: of the requests, longer than the objective.
    unread: nothing was learned yet of the workers that there are.
    trial_ago_s: when a trial of more workers began that goes on (trial.py); trial_failed_ago_s: when one
    ended that did not help.  slow_before_trial: the share of slow requests that led to it.
    """

    age_s: float | None = None
    span_s: float | None = None
    ready: int | None = None
    starting: int | None = None
    rate_rps: float | None = None
    failed_share: float | None = None
    inflight: float | None = None
    connections: float | None = None
    slow_share: float | None = None
    cpu_cores: float | None = None
    host_cores: float | None = None
    neighbours_cores: float | None = None
    level_rps: float | None = None
    slope_rps_per_s: float | None = None
    ahead_rps: float | None = None
    ahead_sd_rps: float | None = None
    backlog_rps: float | None = None
    surprises: int = 0
    surprise_odds: float = 0.0
    lead_s: float | None = None
    starts: int = 0
    changed_ago_s: float | None = None
    unread: bool = False
    trial_ago_s: float | None = None
    trial_failed_ago_s: float | None = None
    slow_before_trial: float = 0.0


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of cores = idle n + cores_per_request X, and
    ln(slow share) = level + steep (rho - 1) + split (1/n - 1), rho the utilization.
    """

    idle_cores: float
    cores_per_request: float
    level: float
    steep: float
    split: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The share of slow requests at a rate of one worker."""

    worker_rps: float
    slow_share: float


@dataclass(frozen=True, slots=True)
class Model:
    """What one worker was learned to do.

    requests_per_replica_rps: when it is full.  safe_rate_rps: while the objective holds, with `final`
    workers; for a tcp app, which has none, the connections that are asked of one.  limited_by: "cpu", or
    "waiting" where workers stop serving more with CPU left.  error: relative.  curve: as fitted.  seen: as
    counted.
    """

    trusted: Trust
    windows: int
    requests_per_replica_rps: float | None = None
    safe_rate_rps: float | None = None
    limited_by: str | None = None
    worker_cores: float | None = None
    error: float | None = None
    r2: float | None = None
    price_s: float | None = None
    coefficients: Coefficients | None = None
    curve: tuple[CurvePoint, ...] = ()
    seen: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound that changed the number, in the order in which they were applied."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class ScalingDecision:
    """The decision of one tick; `final` is the number of workers to want from now on.

    from_workers: wanted so far.  raw: the cheapest number before any limit, None where none was
    computed.  lasting: what is needed without what waits already; the number that, within its bounds, is
    kept for removes_after_s.  costs: of the numbers around `raw`, in workers.  removes_after_s: how long the
    demand must stay below thresholds.removes_below_rps.  bounded_by: "max" or "host", whichever allows the
    fewest workers, "" while nothing is decided.  spares: workers to stand by, beside `final`, where
    the operator leaves their number to the decision.
    """

    id: int
    at_s: float
    from_workers: int
    final: int
    action: Action
    reason: str
    carried_out: bool
    inputs: Inputs
    model: Model
    raw: int | None = None
    lasting: int | None = None
    costs: tuple[Cost, ...] = ()
    limits: tuple[Limit, ...] = ()
    thresholds: Thresholds | None = None
    removes_after_s: float = 0.0
    bounded_by: str = ""
    spares: int = 0

    @property
    def changes(self) -> bool:
        """Tell whether there will be another number of workers; what is only recommended changes nothing."""
        return self.carried_out and self.action is not Action.HOLD

    def record(self, app: str) -> dict[str, object]:
        """Return the decision of an app as the contract's record, ready for JSON."""
        rows = asdict(self)
        model = {**rows.pop("model"), "trusted": self.model.trusted.value, "n": self.model.windows}
        for name in ("from_workers", "action"):
            rows.pop(name)
        moved = {"app": app, "at": rows.pop("at_s"), "from": self.from_workers, "to": self.final}
        return {"id": rows.pop("id"), **moved, "action": self.action.value, **rows, "model": model}


def frozen(decision: ScalingDecision, spares: int) -> ScalingDecision:
    """Return the decision with the numbers kept as they are, because nothing may be done by itself."""
    decision = replace(decision, spares=spares)
    if decision.final == decision.from_workers:
        return replace(decision, reason=f"frozen; {decision.reason}", carried_out=False)
    return replace(
        decision,
        final=decision.from_workers,
        action=Action.HOLD,
        reason=f"frozen at {decision.from_workers}, wants {decision.final}: {decision.reason}",
        carried_out=False,
        limits=(*decision.limits, Limit("frozen", decision.final, decision.from_workers)),
    )


def action_of(before: int, after: int) -> Action:
    """Return what a change of the number of workers is."""
    if after == before:
        return Action.HOLD
    return Action.ADD if after > before else Action.REMOVE
