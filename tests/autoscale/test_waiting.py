"""Apps that wait for something else than CPU: what a worker can do shows once it is asked for more."""

from __future__ import annotations

import math

import numpy as np
import pytest

from balancer.samples import Policy
from tests.autoscale.simulator import App, Run, Simulation
from tests.autoscale.traces import Floats

POLICY = Policy(max=12, slo_s=0.3, slo_share=0.95)
ASLEEP_S, WORK_S = 0.1, 0.0005
MINUTE = 30  # ticks
THREADS = 200  # more than any load here needs


def played(app: App, load: Floats, policy: Policy = POLICY) -> Run:
    return Simulation(policy, app, seed=1, workers=1).play(load)


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("patience_s", [math.inf, 2.0])
@pytest.mark.parametrize("threads", [1, 4])
def test_workers_asked_for_more_than_they_can_do_are_joined_by_as_many_as_are_needed(
    threads: int, patience_s: float, crowded: bool
) -> None:
    app = App(WORK_S, cores=2.0, threads=threads, asleep_s=ASLEEP_S, patience_s=patience_s, crowded=crowded)
    needed = 2.5
    run = played(app, np.full(240, needed * threads / (ASLEEP_S + WORK_S)))

    assert np.mean(run.slow_shares[-MINUTE:]) <= 0.1
    assert needed <= np.mean(run.counts[-MINUTE:]) <= 2.0 * needed


def test_clients_that_all_give_up_do_not_hide_that_more_workers_are_needed() -> None:
    app = App(WORK_S, threads=4, asleep_s=0.5, patience_s=2.0)
    run = played(app, np.full(240, 20.0), Policy(max=12, slo_s=1.0, slo_share=0.95))

    assert np.mean(run.slow_shares[-MINUTE:]) <= 0.1


def test_open_requests_that_are_answered_in_time_are_no_queue() -> None:
    app = App(WORK_S, threads=THREADS, asleep_s=0.5)
    run = played(app, np.linspace(10.0, 160.0, 240), Policy(max=12, slo_s=1.0, slo_share=0.95))

    assert max(run.counts) == 1


def test_a_worker_that_is_late_near_what_it_can_do_is_joined_by_another() -> None:
    app = App(WORK_S, asleep_s=ASLEEP_S)
    run = played(app, np.full(300, 0.9 / (ASLEEP_S + WORK_S)))

    assert np.mean(run.slow_shares[-MINUTE:]) <= 0.05
    assert max(run.counts[-MINUTE:]) <= 3


@pytest.mark.parametrize("rho", [0.5, 0.6, 0.7])
def test_a_worker_that_is_late_far_below_what_it_can_do_is_joined_by_another(rho: float) -> None:
    app = App(WORK_S, asleep_s=ASLEEP_S)
    run = played(app, np.full(300, rho / (ASLEEP_S + WORK_S)), Policy(max=12, slo_s=0.25, slo_share=0.95))

    assert np.mean(run.slow_shares[-MINUTE:]) <= 0.05
    assert max(run.counts[-MINUTE:]) <= 3


def test_workers_that_were_tried_and_did_not_help_leave_again_for_long() -> None:
    app = App(WORK_S, threads=THREADS, asleep_s=0.5)
    run = played(app, np.full(600, 2.0), Policy(max=12, slo_s=0.25, slo_share=0.95))

    tried = [tick for tick, count in enumerate(run.counts) if count > 1]
    assert tried
    assert len(tried) < 3 * MINUTE
    assert set(run.counts[-5 * MINUTE :]) == {1}
