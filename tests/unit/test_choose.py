"""The cost of a number of workers, and the choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from balancer.choose import MISSED, Capacity, cheapest, costs, outlook, price_of, thresholds, with_objective
from balancer.forecast import Forecast
from balancer.latency import SlowFit, slow_curve

WORKER_RPS = 40.0


def capacity(slo_s: float = 0.25, slo_share: float = 0.99) -> Capacity:
    curve = slow_curve(SlowFit(), 1.0 / WORKER_RPS, slo_s)
    return Capacity(WORKER_RPS, curve, price_of(slo_share, WORKER_RPS), 1.0 - slo_share)


def demand(rps: float, jump_rps: float = 0.0, odds: float = 0.0) -> Forecast:
    return Forecast(
        level_rps=rps,
        slope_rps_per_s=0.0,
        ahead_rps=rps,
        sd_rps=0.0,
        steady_rps=np.array([rps]),
        steady_odds=np.array([1.0 - odds]),
        jump_rps=np.array([jump_rps]),
        jump_odds=np.array([odds]),
    )


def choice(seen: Forecast, now: int = 3, high: int = 30, backlog_rps: float = 0.0, **kind: float) -> int:
    return cheapest(costs(outlook(capacity(**kind), seen, backlog_rps, high), now))


def enough(rps: float, now: int) -> int:
    """Return the choice with what the objective adds to it."""
    return int(with_objective(capacity(), np.array(float(choice(demand(rps), now))), now, np.array(rps)))


def slow_share(rps: float, workers: int) -> float:
    return float(capacity().curve.share(np.array(float(workers)), np.array(rps / workers / WORKER_RPS)))


def test_no_demand_needs_one_worker() -> None:
    assert choice(demand(0.0)) == 1


def test_more_demand_never_needs_fewer() -> None:
    numbers = [choice(demand(float(rps))) for rps in range(0, 900, 10)]

    assert numbers == sorted(numbers)


@pytest.mark.parametrize("slo_share", [0.9, 0.95, 0.99])
def test_giving_up_is_never_the_cheapest(slo_share: float) -> None:
    assert choice(demand(50_000.0), high=12, slo_share=slo_share) == 12


def test_a_stricter_objective_needs_more() -> None:
    assert choice(demand(200.0), slo_share=0.999) > choice(demand(200.0), slo_share=0.9)
    assert choice(demand(200.0), slo_s=0.1) > choice(demand(200.0), slo_s=1.0)


def test_where_six_are_no_better_than_five_it_is_five() -> None:
    assert choice(demand(20.0), now=6) == choice(demand(20.0), now=1) == 1


def test_what_waits_already_is_demand() -> None:
    assert choice(demand(80.0), backlog_rps=80.0) > choice(demand(80.0))


def test_workers_are_held_for_a_surprise_that_comes_often_and_not_for_a_rare_one() -> None:
    often, rare = choice(demand(20.0, 200.0, odds=0.05)), choice(demand(20.0, 200.0, odds=0.001))

    assert often >= 5
    assert rare <= 2


def test_a_number_is_left_for_a_gain_only() -> None:
    either = [rps for rps in range(60, 130) if [choice(demand(float(rps)), now=n) for n in (3, 4)] == [3, 4]]

    assert either


def test_one_more_is_chosen_where_the_cheapest_misses_the_objective() -> None:
    rates = [float(rps) for rps in range(10, 400)]
    more = [rps for rps in rates if enough(rps, now=1) > choice(demand(rps), now=1)]

    assert more
    assert all(
        slow_share(rps, enough(rps, now=1)) <= 0.01 < slow_share(rps, choice(demand(rps), 1)) for rps in more
    )
    assert all(slow_share(rps, enough(rps, now=1)) <= MISSED * 0.01 for rps in rates)


def test_one_more_is_kept_until_the_objective_holds_without_it() -> None:
    rates = np.arange(40.0, 160.0)
    three = np.full_like(rates, 3.0)
    shares = capacity().curve.share(three, rates / 3 / WORKER_RPS)
    between = (shares > 0.01) & (shares <= MISSED * 0.01)

    held = with_objective(capacity(), three, 4, rates) == 4
    added = with_objective(capacity(), three, 3, rates) == 4

    assert between.any()
    assert (held == (shares > 0.01)).all()
    assert (added == (shares > MISSED * 0.01)).all()


def test_where_one_more_is_not_enough_there_is_no_more_than_one_more() -> None:
    few = np.arange(1.0, 9.0)

    assert (with_objective(capacity(), few, 1, 10.0 * WORKER_RPS * few) == few + 1).all()


@pytest.mark.parametrize("rps", [0.0, 20.0])
def test_where_idle_workers_miss_the_objective_more_of_them_would_be_for_nothing(rps: float) -> None:
    slow = replace(capacity(), curve=replace(capacity().curve, level=-3.0, steep=0.0, split=0.0))
    cheap = np.arange(1.0, 9.0)

    assert (with_objective(slow, cheap, 1, rps * cheap) == cheap).all()


def test_the_thresholds_enclose_the_demands_that_keep_the_number() -> None:
    seen = demand(100.0)
    now = enough(100.0, now=3)

    found = thresholds(capacity(), seen, now, 1, 12)

    assert found.adds_above_rps is not None
    assert found.removes_below_rps is not None
    assert found.removes_below_rps < 100.0 < found.adds_above_rps
    assert enough(found.adds_above_rps, now) > now
    assert enough(found.removes_below_rps, now) < now


def test_at_the_bounds_there_is_nothing_to_add_or_to_remove() -> None:
    found = thresholds(capacity(), demand(10.0), 1, 1, 1)

    assert found.adds_above_rps is None
    assert found.removes_below_rps is None
