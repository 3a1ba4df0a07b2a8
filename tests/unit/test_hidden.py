"""What is asked of an app is told by how long requests take, where what waits cannot be counted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from balancer.hidden import MOST_OVER, overload
from balancer.pick import DRAIN_BACKLOG_S
from balancer.samples import QUEUED, Latencies, Observation
from tests.autoscale.observations import EDGES_S, FULL_RPS, SPAN_S, Operator, overloaded, seen

WORKERS = 4


def hidden(observation: Observation) -> Observation:
    return replace(observation, inflight=None)


def watched() -> Operator:
    """Return an operator who has learned what a worker can do, and never saw what waits."""
    return _watched().twin()


@cache
def _watched() -> Operator:
    operator = Operator()
    operator.sees_all(hidden(seen(80.0, WORKERS)) for _ in range(40))
    return operator


def taking(middle_s: float, slowest_s: float, requests: float) -> Latencies:
    """Return times spread evenly up to slowest_s, half of the requests within middle_s."""
    edges_s = (0.02, middle_s, slowest_s)
    return Latencies(edges_s, (0.0, requests / 2, requests), requests)


@pytest.mark.parametrize(("growth", "times"), [(0.0, 1.0), (-0.5, 1.0), (1.0 - 0.5**0.5, 2.0)])
def test_demand_over_what_is_done_follows_from_the_growth_of_the_median(growth: float, times: float) -> None:
    assert overload(growth) == pytest.approx(times)


@pytest.mark.parametrize("growth", [0.45, 0.5, 0.99, 1.0, 3.0])
def test_an_overload_has_a_bound(growth: float) -> None:
    assert overload(growth) == MOST_OVER


def test_full_workers_whose_requests_take_ever_longer_are_asked_for_more_than_they_do() -> None:
    operator = watched()
    full = hidden(overloaded(300.0, WORKERS, inflight=0.0))

    decision = operator.sees(replace(full, latencies=taking(0.5, 1.5, full.completed or 0.0)))

    assert (decision.inputs.rate_rps or 0.0) > 1.3 * WORKERS * FULL_RPS


def test_workers_with_cpu_left_are_asked_for_what_they_do() -> None:
    operator = watched()
    idle = hidden(seen(80.0, WORKERS))

    decision = operator.sees(replace(idle, latencies=taking(0.5, 1.5, idle.completed or 0.0)))

    assert decision.inputs.rate_rps == pytest.approx(80.0)


def test_requests_that_began_but_did_not_end_are_seen_by_their_cpu() -> None:
    operator = watched()
    full = overloaded(300.0, WORKERS, inflight=0.0)
    few = (full.completed or 0.0) / 4

    decision = operator.sees(hidden(replace(full, completed=few, latencies=taking(0.04, 0.1, few))))

    assert (decision.inputs.rate_rps or 0.0) > 0.8 * WORKERS * FULL_RPS


def test_what_an_overload_leaves_undone_waits() -> None:
    operator = watched()
    full = hidden(overloaded(300.0, WORKERS, inflight=0.0))

    decision = operator.sees(replace(full, latencies=taking(0.5, 1.5, full.completed or 0.0)))

    undone = ((decision.inputs.rate_rps or 0.0) - WORKERS * FULL_RPS) * SPAN_S
    backlog_rps = (undone - QUEUED * WORKERS) / DRAIN_BACKLOG_S
    assert decision.inputs.backlog_rps == pytest.approx(backlog_rps, rel=0.05)


def test_nothing_is_left_waiting_once_workers_have_cpu_left() -> None:
    operator = watched()
    full = hidden(overloaded(300.0, WORKERS, inflight=0.0))
    operator.sees(replace(full, latencies=taking(0.5, 1.5, full.completed or 0.0)))

    decision = operator.sees(hidden(seen(80.0, WORKERS)))

    assert decision.inputs.backlog_rps == 0.0


def test_a_queue_that_is_emptied_is_no_demand() -> None:
    operator = watched()
    emptied = Latencies(EDGES_S, (80.0,) * len(EDGES_S), 160.0)  # half of them waited for long

    decision = operator.sees(hidden(replace(seen(80.0, WORKERS), latencies=emptied)))

    assert decision.inputs.rate_rps == pytest.approx(40.0)


def test_without_latencies_what_is_done_is_what_is_asked() -> None:
    operator = watched()

    decision = operator.sees(hidden(replace(seen(80.0, WORKERS), latencies=None)))

    assert decision.inputs.rate_rps == pytest.approx(80.0)
