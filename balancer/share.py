"""Several apps on a full host: each next worker goes where it saves most for the cores it takes.

Every app has its minimum. Beyond that, the next worker's value is by how much it lowers the cost of
slow and unmet requests (choose.py), and its price the cores that it would really use: a worker that
only divides the same load takes none, nor does one that hardly uses CPU. What is saved counts by the part
of the app's misery that is still left: unmet demand costs the same per request however much of it there
is, so without this, of two apps that both ask too much, one would get everything, and a little noise
would turn that round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from balancer.choose import REMOVE_EFFORT, Cost
from balancer.decision import Action, Limit, ScalingDecision, action_of
from balancer.host import is_modest
from balancer.memory import Memory

KEPT_WORTH = 1.1  # of a worker that is there, else apps of like worth take it from each other


@dataclass(frozen=True, slots=True)
class Claim:
    """What one app asks of the host.

    now, least, wanted: workers there are, never fewer than, and no more than.  full_cores: what one
    worker uses when it is full.  load_cores: what the app's whole demand takes.  costs: by number of
    workers, ascending, at least from `least` to `wanted`.  modest: full workers hardly use CPU.
    """

    app: str
    now: int
    least: int
    wanted: int
    full_cores: float
    load_cores: float
    costs: tuple[Cost, ...]
    modest: bool = False

    def cores(self, workers: int) -> float:
        """Return the cores that so many workers would use."""
        return min(workers * self.full_cores, self.load_cores)

    def saves(self, workers: int) -> float:
        """Return what the last of so many workers saves; one that is there already counts a bit more."""
        missed = {cost.workers: cost.slow + cost.unmet for cost in self.costs}
        worst, before = missed.get(1, 0.0), missed.get(workers - 1, 0.0)
        saved = (before - missed.get(workers, 0.0)) * (before / worst if worst > 0 else 0.0)
        return saved * KEPT_WORTH + REMOVE_EFFORT if workers <= self.now else saved


def claim_of(app: str, decision: ScalingDecision, least: int) -> Claim | None:
    """Return what a decision asks of the host, or None where it rests on no model."""
    model, inputs = decision.model, decision.inputs
    coefficients, rate = model.coefficients, model.requests_per_replica_rps
    if coefficients is None or rate is None or inputs.level_rps is None or not decision.costs:
        return None
    demand_rps = max(inputs.level_rps, inputs.ahead_rps or 0.0) + (inputs.backlog_rps or 0.0)
    full_cores = coefficients.idle_cores + coefficients.cores_per_request * rate
    return Claim(
        app=app,
        now=decision.from_workers,
        least=min(least, decision.final),
        wanted=decision.final,
        full_cores=full_cores,
        load_cores=coefficients.cores_per_request * demand_rps,
        costs=decision.costs,
        modest=model.worker_cores is not None and is_modest(full_cores, model.worker_cores),
    )


def claim_by_use(app: str, decision: ScalingDecision, least: int, used_cores: float) -> Claim:
    """Return the claim of a decision without a model: each worker takes what one uses now."""
    each = used_cores / max(decision.from_workers, 1)
    return Claim(
        app, decision.from_workers, min(least, decision.final), decision.final, each, math.inf, decision.costs
    )


def share(claims: Sequence[Claim], free_cores: float) -> dict[str, int]:
    """Return the workers of each app that free_cores carry; the last one may take what is left of a core.

    free_cores: the host's, less what others than these apps use.
    """
    granted = {claim.app: claim.least for claim in claims}
    left = free_cores - sum(claim.cores(claim.least) for claim in claims)
    while True:
        asking = [c for c in claims if granted[c.app] < c.wanted and (left > 0 or not _takes(c, granted))]
        if not asking:
            return granted
        best = max(asking, key=lambda claim: claim.saves(granted[claim.app] + 1))
        left -= _takes(best, granted)
        granted[best.app] += 1


def cut_to_share(
    decision: ScalingDecision, memory: Memory, before: Memory, workers: int | None
) -> tuple[ScalingDecision, Memory]:
    """Return a decision cut to its share, which it says, and what it leaves to remember; None is uncut.

    before: the memory that was decided from, which knows the last change if this is none now.
    """
    if workers is None or workers >= decision.final:
        return decision, memory
    cut = replace(
        decision,
        final=workers,
        action=action_of(decision.from_workers, workers),
        limits=(*decision.limits, Limit("share", decision.final, workers)),
        reason=f"{decision.reason}; held to {workers}, its share of a full host",
    )
    changed_s = before.changed_s if cut.action is Action.HOLD else cut.at_s
    return cut, replace(memory, changed_s=changed_s)


def _takes(claim: Claim, granted: dict[str, int]) -> float:
    """Return the cores that the next worker would take from others."""
    workers = granted[claim.app]
    return 0.0 if claim.modest else claim.cores(workers + 1) - claim.cores(workers)
