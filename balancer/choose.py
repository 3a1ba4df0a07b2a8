"""What a number of workers costs, and the number that costs least.

    cost(n) = n + price * E[slow requests/s at n + UNMET * demand beyond what n workers can do]

in workers; the expectation is over the forecast's demands. The unmet demand has no upper bound, for
with one, giving up would be the cheapest answer to a demand that is too large. Of few workers one more is
a large part of the bill, and the cheapest may miss the objective: then one more it is (with_objective).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balancer.forecast import Forecast
from balancer.latency import Floats, SlowCurve

FULL_UTILIZATION = 0.97  # of capacity: what is asked beyond it stays undone; at 1 no queue gets shorter
UNMET = 2.0  # slow requests that one which cannot be served is worth: it makes later ones slow too
USUAL_UTILIZATION = 0.62  # of a worker's capacity, to tell what a request usually costs
OBJECTIVE_WORTH = 0.25  # of the bill, for as many slow requests as the objective allows; a higher one, fewer
REMOVE_EFFORT, ADD_EFFORT = 0.25, 0.2  # workers; a change must be worth this much for each, else numbers flap
# Times the slow requests that the objective allows: one worker more above the first, no fewer above the
# second. The gap between them keeps a demand near the edge from turning the number round.
MISSED, KEPT = 1.5, 1.0
STEADY_DEMANDS = 100  # from none to all that the workers can do, among which the thresholds are found


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one worker can do, and what a slow request costs in worker-seconds.

    allowed: the share of requests that may be slow.
    """

    worker_rps: float
    curve: SlowCurve
    price: float
    allowed: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What may come of each number of workers, from 1: the costs of slow requests and of unmet demand, in
    workers, shape (workers, demands), and the odds of those demands.
    """

    slow: Floats
    unmet: Floats
    odds: Floats


@dataclass(frozen=True, slots=True)
class Cost:
    """The expected cost of `workers` workers: of slow requests and of unmet demand, in workers."""

    workers: int
    slow: float
    unmet: float
    effort: float

    @property
    def total(self) -> float:
        return self.workers + self.slow + self.unmet + self.effort


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Steady demands: above the first a worker would be added, below the second one removed, if any."""

    adds_above_rps: float | None
    removes_below_rps: float | None


def price_of(slo_share: float, worker_rps: float) -> float:
    """Return the worker-seconds that one slow request is worth.

    A request usually takes 1 / (USUAL_UTILIZATION * worker_rps) worker-seconds; when as many are slow as the
    objective allows, that adds OBJECTIVE_WORTH of the bill.
    """
    return OBJECTIVE_WORTH / (1.0 - slo_share) / (USUAL_UTILIZATION * worker_rps)


def outlook(capacity: Capacity, seen: Forecast, backlog_rps: float, high: int) -> Outlook:
    """Return what may come of 1 to `high` workers.

    backlog_rps: what waits already, as extra demand.
    """
    demand = np.concatenate([seen.steady_rps, seen.jump_rps]) + backlog_rps
    slow, unmet = expected(capacity, np.arange(1.0, high + 1.0), demand)
    return Outlook(slow, unmet, np.concatenate([seen.steady_odds, seen.jump_odds]))


def costs(ahead: Outlook, now: int) -> list[Cost]:
    """Return the cost of each number of workers, while there are `now`."""
    means = zip(ahead.slow @ ahead.odds, ahead.unmet @ ahead.odds, strict=True)
    return [Cost(n, float(slow), float(unmet), _effort(n, now)) for n, (slow, unmet) in enumerate(means, 1)]


def cheapest(candidates: list[Cost]) -> int:
    """Return the number that costs least; of equals, the smaller."""
    return min(candidates, key=lambda cost: cost.total).workers


def with_objective(capacity: Capacity, chosen: Floats, now: int, demand_rps: Floats) -> Floats:
    """Return the chosen numbers, one more each where they miss the objective at that steady demand.

    Never two more: where one is not enough, it may be something else that makes requests slow. It surely is
    where idle workers miss the objective, too.
    """
    share, idle = (
        capacity.curve.share(chosen, rps / (chosen * capacity.worker_rps)) for rps in (demand_rps, 0.0)
    )
    missed = share > capacity.allowed * np.where(chosen < now, KEPT, MISSED)
    enough: Floats = chosen + (missed & (idle <= capacity.allowed))
    return enough


def thresholds(capacity: Capacity, seen: Forecast, now: int, low: int, high: int) -> Thresholds:
    """Return the steady demands at which the choice would leave `now`, surprises as they are."""
    workers = np.arange(low, high + 1, dtype=float)
    demand = np.linspace(0.0, high * capacity.worker_rps, STEADY_DEMANDS)
    slow, unmet = expected(capacity, workers, demand)
    jump_slow, jump_unmet = expected(capacity, workers, seen.jump_rps)
    steady = (slow + unmet) * float(seen.steady_odds.sum())
    effort = np.array([_effort(int(n), now) for n in workers])
    fixed = workers + effort + (jump_slow + jump_unmet) @ seen.jump_odds
    cheap = workers[np.argmin(steady + fixed[:, None], axis=0)]
    chosen = np.minimum(with_objective(capacity, cheap, now, demand), high)
    more, less = demand[chosen > now], demand[chosen < now]
    return Thresholds(float(more[0]) if more.size else None, float(less[-1]) if less.size else None)


def _effort(workers: int, now: int) -> float:
    return REMOVE_EFFORT * (now - workers) if workers < now else ADD_EFFORT * (workers - now)


def expected(capacity: Capacity, workers: Floats, demand_rps: Floats) -> tuple[Floats, Floats]:
    """Return the costs of slow requests and of unmet demand, in workers, shape (workers, demands)."""
    n, demand = workers[:, None], demand_rps[None, :]
    slow = demand * capacity.curve.share(n, demand / (n * capacity.worker_rps))
    unmet = np.maximum(0.0, demand - FULL_UTILIZATION * n * capacity.worker_rps)
    return capacity.price * slow, capacity.price * UNMET * unmet
