"""When more workers are tried, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.learn import renewed
from balancer.memory import Memory
from balancer.samples import Latencies
from balancer.trial import AGAIN_S, IDLE, LONGEST_S, SHOWS_S, SLOW_S, Trial
from tests.autoscale.observations import EDGES_S, POLICY, SPAN_S, Operator, seen

ALLOWED = 0.05


def after(trial: Trial, seconds: float, now_s: float, *, slow: float, rho: float = 0.0) -> Trial:
    """Return the trial after ticks for so long that end at now_s, each with that share of slow requests."""
    for tick in range(int(seconds / SPAN_S), -1, -1):
        trial = trial.after(slow, 7.0, allowed=ALLOWED, rho=rho, now_s=now_s - tick * SPAN_S)
    return trial


def begun() -> Trial:
    return after(Trial(), 300.0, 300.0, slow=0.2).begun(300.0)


def test_a_trial_is_due_once_requests_were_slow_for_a_while() -> None:
    assert not after(Trial(), 0.9 * SLOW_S, 1000.0, slow=0.2).is_due(1000.0)
    assert after(Trial(), 2.0 * SLOW_S, 1000.0, slow=0.2).is_due(1000.0)
    assert not after(Trial(), 2.0 * SLOW_S, 1000.0, slow=ALLOWED).is_due(1000.0)


def test_no_trial_is_due_where_cpu_may_be_why_requests_are_slow() -> None:
    burst = after(Trial(), 2.0 * SLOW_S, 1000.0, slow=0.9, rho=IDLE + 0.1)

    assert not burst.is_due(1000.0)
    assert not after(burst, 2.0 * SLOW_S, 1200.0, slow=0.0).is_due(1200.0), (
        "what was slow then does not count"
    )


def test_what_one_worker_serves_is_known_by_the_time_of_a_trial() -> None:
    assert 6.0 < begun().each_rps <= 7.0


def test_a_trial_shows_what_it_is_worth_a_while_after_the_workers_are_there() -> None:
    trial = begun()

    assert not trial.is_over(310.0, 300.0 + SHOWS_S)
    assert trial.is_over(310.0, 310.0 + SHOWS_S)
    assert not Trial().is_over(310.0, 1e9)


def test_a_trial_for_which_no_worker_got_ready_shows_nothing() -> None:
    assert not begun().is_over(None, 1e9)
    assert not begun().is_over(290.0, 1e9)


def test_a_trial_ends_however_often_the_workers_change() -> None:
    late_s = 300.0 + LONGEST_S

    assert begun().is_over(late_s - 1.0, late_s)


def test_a_trial_after_which_fewer_are_slow_has_not_failed() -> None:
    ended = after(begun(), SHOWS_S, 360.0, slow=0.01).ended(360.0)

    assert ended.failed_s is None
    assert ended.began_s is None


def test_a_trial_after_which_as_many_are_slow_has_failed_and_is_not_soon_repeated() -> None:
    ended = after(begun(), SHOWS_S, 360.0, slow=0.2).ended(360.0)
    soon, later = 360.0 + 0.9 * AGAIN_S, 360.0 + 1.1 * AGAIN_S

    assert ended.failed_s == 360.0
    assert not after(ended, 2.0 * SLOW_S, soon, slow=0.2).is_due(soon)
    assert after(ended, 2.0 * SLOW_S, later, slow=0.2).is_due(later)


def test_a_trial_that_is_on_begins_anew_on_a_clock_that_stepped_back() -> None:
    assert not begun().anew(100.0).is_over(100.0, 100.0 + 0.9 * SHOWS_S)
    assert begun().anew(100.0).is_over(100.0, 100.0 + SHOWS_S)
    assert Trial().anew(100.0) == Trial()


def test_a_trial_that_another_objective_ends_leaves_nothing_behind() -> None:
    on_trial = Memory(slo_s=0.25, ceiling_rps=7.0, trial=begun())
    found_out = replace(on_trial, trial=Trial())

    assert renewed(on_trial, "", 1.0).ceiling_rps is None
    assert renewed(on_trial, "", 1.0).trial == Trial()
    assert renewed(found_out, "", 1.0).ceiling_rps == 7.0


@pytest.mark.parametrize(("most", "tried"), [(2, False), (3, True)])
def test_no_trial_begins_where_there_are_as_many_workers_as_there_may_be(most: int, tried: bool) -> None:
    operator = Operator(replace(POLICY, max=most))
    slow = Latencies(EDGES_S, (0.0,) * len(EDGES_S), 20.0 * SPAN_S)

    operator.sees_all([replace(seen(20.0, 2), latencies=slow, inflight=2.0)] * int(2.0 * SLOW_S / SPAN_S))

    assert (operator.memory.trial.began_s is not None) is tried
    assert (operator.memory.ceiling_rps is not None) is tried
