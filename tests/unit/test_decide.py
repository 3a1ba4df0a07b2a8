"""The decision: what it does, what it must not be fooled by, and that it tells why."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest

from balancer.decide import REMOVE_AFTER_S
from balancer.decision import Action, Limit, Trust
from balancer.host import GIVES_AGAIN_S
from balancer.memory import Memory
from balancer.samples import Latencies, Mode, Observation, Policy
from tests.autoscale.observations import (
    EDGES_S,
    FULL_RPS,
    POLICY,
    SPAN_S,
    Operator,
    overloaded,
    seen,
    taught,
)


def test_the_requests_of_one_worker_are_learned() -> None:
    decision = taught().decisions[-1]

    assert decision.model.requests_per_replica_rps == pytest.approx(FULL_RPS, rel=0.05)
    assert decision.model.trusted is Trust.GOOD


def test_more_demand_adds_at_once() -> None:
    operator = taught()

    decision = operator.sees(seen(150.0, 4))

    assert decision.action is Action.ADD


def test_less_demand_removes_only_after_the_window() -> None:
    operator = taught()

    early = operator.sees_all([seen(30.0, 4)] * 3)
    late = operator.sees_all([seen(30.0, 4)] * int(REMOVE_AFTER_S / SPAN_S))

    assert early.action is Action.HOLD
    assert early.limits[-1].name == "recent"
    assert late.action is Action.REMOVE


def test_workers_for_what_waits_are_not_remembered_as_needed() -> None:
    operator = taught(80.0, 4)

    decision = operator.sees_all([replace(seen(80.0, 8), inflight=200.0)] * 2)

    assert decision.raw is not None
    assert decision.lasting is not None
    assert decision.lasting < decision.raw
    assert operator.memory.wishes[-1].workers == decision.lasting


def test_one_more_for_the_objective_is_told_as_a_limit_and_by_what_would_change_it() -> None:
    decision = taught(80.0, 4).sees_all([seen(66.0, 3)] * 3)

    assert decision.limits == (Limit("objective", 3, 4),)
    assert decision.final == 4
    assert decision.reason.endswith("3 workers needed, 4 for the objective")
    assert decision.thresholds is not None
    assert (decision.thresholds.removes_below_rps or 0.0) < 66.0


def test_an_objective_that_the_maximum_cannot_serve_is_told_beside_it() -> None:
    decision = taught(80.0, 3, policy=replace(POLICY, max=3)).sees_all([seen(66.0, 3)] * 3)

    assert decision.final == 3
    assert decision.reason.endswith("3 workers needed, 4 for the objective; held to 3, the maximum")


def test_what_waits_uncounted_may_be_demand_and_is_remembered() -> None:
    operator = taught(80.0, 4)
    late = Latencies((3.0, 4.0), (0.0, 160.0), 160.0)

    decision = operator.sees_all([replace(seen(80.0, 8), inflight=None, latencies=late)] * 2)

    assert (decision.inputs.backlog_rps or 0.0) > 20.0
    assert decision.lasting == decision.raw


def test_a_ragged_demand_keeps_workers_for_longer_than_a_smooth_one() -> None:
    smooth, ragged = taught(), taught()

    ragged.sees_all([seen(rate_rps, 4) for rate_rps in (40.0, 120.0) * 20])

    assert ragged.decisions[-1].removes_after_s == REMOVE_AFTER_S
    assert smooth.decisions[-1].removes_after_s < REMOVE_AFTER_S / 2


def test_workers_that_start_slowly_are_kept_for_longer() -> None:
    quick, slow = taught(), taught()

    slow.sees(replace(seen(80.0, 4), started_in_s=(8.0,)))

    assert slow.decisions[-1].removes_after_s > quick.decisions[-1].removes_after_s


def test_workers_that_nothing_was_learned_of_yet_are_kept_for_longer() -> None:
    operator = taught()

    decisions = [operator.sees(seen(80.0, 5)) for _ in range(3)]

    assert [decision.inputs.unread for decision in decisions] == [True, True, False]
    waits = [decision.removes_after_s for decision in decisions]
    assert waits[:2] == [REMOVE_AFTER_S, REMOVE_AFTER_S]
    assert waits[2] < REMOVE_AFTER_S


def test_slow_requests_tell_of_the_curve_only_while_the_queue_is_at_rest() -> None:
    operator, calm = taught(), seen(80.0, 4)
    few = calm.inflight or 0.0

    for more, learned in ((0.0, True), (16.0, False), (16.0, True), (60.0, False), (60.0, False)):
        before = operator.memory.slow
        operator.sees(replace(calm, inflight=few + more))
        assert (operator.memory.slow != before) == learned, more


def test_a_steady_demand_is_held_forever() -> None:
    operator = taught(workers=4)

    operator.sees_all([seen(80.0, 4)] * 200)

    assert {decision.final for decision in operator.decisions[20:]} == {4}


def test_the_number_is_never_above_the_maximum() -> None:
    operator = taught(policy=replace(POLICY, max=5))

    decision = operator.sees(seen(150.0, 4))

    assert decision.final == 5
    assert decision.raw is not None
    assert decision.raw > 5
    assert [limit.name for limit in decision.limits] == ["max"]


def test_a_lowered_maximum_holds_even_when_nothing_is_seen() -> None:
    operator = taught(workers=4)
    operator.policy = replace(POLICY, max=2)

    decision = operator.sees(replace(seen(80.0, 4), completed=None))

    assert decision.final == 2


def test_a_full_host_is_where_adding_stops() -> None:
    operator = Operator(replace(POLICY, max=16))
    for tick in range(40):
        operator.sees(seen(70.0 * (0.97, 1.0, 1.03)[tick % 3], 2, cores=2.0))

    decision = operator.sees(replace(overloaded(200.0, 2, 60.0), host_cores=2.0))

    assert decision.final == 2
    assert "host" in [limit.name for limit in decision.limits]
    assert "more would not help" in decision.reason
    assert decision.bounded_by == "host"
    assert taught(policy=replace(POLICY, max=4)).decisions[-1].bounded_by == "max"


def test_recommending_decides_and_says_that_nothing_is_done() -> None:
    operator = taught(policy=replace(POLICY, mode=Mode.RECOMMEND))

    decision = operator.sees(seen(150.0, 4))

    assert decision.action is Action.ADD
    assert not decision.carried_out
    assert not decision.changes


def test_a_recommendation_is_no_change_of_the_number() -> None:
    operator = taught(policy=replace(POLICY, mode=Mode.RECOMMEND))

    operator.sees_all([seen(150.0, 4)] * 2)

    assert operator.sees(seen(150.0, 4)).inputs.changed_ago_s is None


def test_time_outs_do_not_make_a_worker_look_strong() -> None:
    operator = taught()
    failing = replace(overloaded(400.0, 4, 900.0), completed=1400.0, failed=1100.0)

    decision = operator.sees_all([failing] * 10)

    assert decision.model.requests_per_replica_rps == pytest.approx(FULL_RPS, rel=0.05)
    assert decision.final == 8


def test_a_saturated_app_gets_all_it_needs_in_one_step() -> None:
    operator = taught(workers=2, rate_rps=60.0)

    decision = operator.sees(overloaded(200.0, 2, inflight=240.0))

    assert decision.final >= 6


def test_draining_workers_are_not_taken_for_neighbours() -> None:
    operator = taught(workers=8, rate_rps=220.0)
    drained = replace(seen(60.0, 3), own_cores=None, host_used_cores=7.5)

    decision = operator.sees_all([drained] * 4)

    assert decision.inputs.neighbours_cores == pytest.approx(0.0, abs=0.1)


def test_neighbours_on_the_host_lower_what_it_can_carry() -> None:
    operator = among_neighbours()

    decision = operator.sees(full(gets_cores=2.8))

    assert decision.final == 4
    assert decision.limits[0].name == "host"


def test_neighbours_who_leave_full_workers_all_they_ask_for_do_not_count() -> None:
    operator = among_neighbours()

    decision = operator.sees(full(gets_cores=3.96))

    assert decision.final > 6
    assert decision.inputs.neighbours_cores == pytest.approx(0.0, abs=0.1)


def test_a_host_that_let_workers_starve_is_not_believed_for_minutes() -> None:
    operator = among_neighbours()
    operator.sees_all([full(gets_cores=2.8)] * 2)

    soon = operator.sees(full(gets_cores=3.96))
    late = operator.sees_all([full(gets_cores=3.96)] * int(GIVES_AGAIN_S / SPAN_S))

    assert soon.final == 4
    assert late.final > 6


def test_a_host_that_let_workers_starve_is_believed_again_though_the_clock_stepped_back() -> None:
    operator = among_neighbours()
    operator.sees_all([full(gets_cores=2.8)] * 2)
    operator.sees(full(gets_cores=3.96), after_s=-3600.0)

    late = operator.sees_all([full(gets_cores=3.96)] * int(GIVES_AGAIN_S / SPAN_S))

    assert late.final > 6


def among_neighbours() -> Operator:
    """Return an operator of four workers on a host whose other half is used by others."""
    operator = taught(workers=4)
    operator.sees_all([replace(seen(80.0, 4), host_used_cores=6.0)] * 60)
    return operator


def full(gets_cores: float) -> Observation:
    """Return what a tick shows of four workers, asked for twice what they can, on a host that is used up."""
    busy = overloaded(300.0, 4, inflight=60.0)
    return replace(busy, cpu_cores=gets_cores, own_cores=gets_cores, host_used_cores=8.0)


def test_the_cpu_of_starting_workers_is_no_load() -> None:
    operator = taught()
    starting = replace(seen(80.0, 4), wanted=5, starting=1, own_cores=4.5, host_used_cores=4.5)

    decision = operator.sees_all([starting] * 5)

    assert decision.inputs.neighbours_cores == pytest.approx(0.0, abs=0.1)
    assert decision.model.requests_per_replica_rps == pytest.approx(FULL_RPS, rel=0.05)


def test_a_doubled_cost_of_requests_is_noticed_within_a_minute() -> None:
    operator = taught(rate_rps=60.0)

    decision = operator.sees_all([seen(60.0, 4, work_s=0.05)] * 30)

    assert decision.model.requests_per_replica_rps == pytest.approx(0.99 / 0.05, rel=0.15)


def test_a_new_revision_is_learned_from_nothing() -> None:
    operator = taught()

    decision = operator.sees(replace(seen(80.0, 4), revision="2"))

    assert decision.model.windows == 1
    assert decision.action is Action.HOLD


def test_where_nothing_can_be_learned_one_is_added_while_requests_wait() -> None:
    operator = Operator()
    blind = replace(overloaded(200.0, 2, 40.0), cpu_cores=None, own_cores=None)
    operator.sees(blind)

    decision = operator.sees(replace(blind, inflight=90.0))

    assert decision.final == 3
    assert decision.model.trusted is Trust.RULE


def test_an_app_that_starts_overloaded_gets_its_number_within_three_ticks() -> None:
    decision = Operator().sees_all([overloaded(200.0, 2, 120.0 * tick) for tick in (1, 2, 3)])

    assert decision.final >= 6
    assert decision.model.trusted is Trust.WEAK


def test_what_workers_out_of_rotation_still_finish_is_not_counted_for_the_others() -> None:
    operator = taught()
    windows = operator.decisions[-1].model.windows

    decision = operator.sees_all([replace(seen(90.0, 4), ready=1, cpu_cores=0.4, own_cores=None)] * 5)

    assert decision.model.windows == windows


def test_workers_that_took_the_place_of_others_teach_nothing_before_a_span_is_theirs() -> None:
    operator = taught()
    windows = operator.decisions[-1].model.windows
    exchanged = replace(seen(80.0, 4), cpu_cores=0.5, started_in_s=(0.6, 0.6))

    learned = [operator.sees(look).model.windows for look in (exchanged, *[seen(80.0, 4)] * 2)]

    assert learned == [windows, windows, windows + 1]


def test_what_overloaded_workers_that_come_and_go_do_is_learned_of_all_together() -> None:
    operator = taught(60.0, 4, replace(POLICY, max=4))
    dear = replace(seen(78.0, 4, work_s=0.05), inflight=60.0)

    for tick in range(10):
        ready = 1 + tick % 3
        decision = operator.sees(replace(dear, ready=ready, cpu_cores=float(ready)))

    assert decision.model.requests_per_replica_rps == pytest.approx(0.99 / 0.05, rel=0.15)
    assert decision.raw is not None
    assert decision.raw > 4


def test_what_waits_is_told_by_latency_where_it_cannot_be_counted() -> None:
    operator = Operator()
    late = Latencies((1.0, 2.0), (0.0, 160.0), 160.0)

    operator.sees(replace(seen(80.0, 4), inflight=None))
    decision = operator.sees(replace(seen(80.0, 4), inflight=None, latencies=late))

    assert (decision.inputs.backlog_rps or 0.0) > 20.0


def test_workers_that_wait_for_something_else_than_cpu_are_counted_by_what_they_serve() -> None:
    operator = Operator(Policy(max=12, slo_share=0.99))

    decision = operator.sees_all([waiting_elsewhere(2, inflight=20.0)] * 12)

    assert decision.model.limited_by == "waiting"
    assert decision.model.requests_per_replica_rps == pytest.approx(20.0)
    assert 3 <= decision.final <= 6


def test_a_queue_that_stays_with_full_workers_while_new_ones_have_none_waits_for_cpu() -> None:
    operator = taught(80.0, 4)
    joined = replace(seen(150.0, 8), cpu_cores=4.0, busiest_cores=0.99, inflight=200.0)
    late = Latencies(EDGES_S, (0.0,) * len(EDGES_S), 150.0 * SPAN_S)

    decision = operator.sees_all([replace(joined, latencies=late)] * 12)

    assert decision.model.limited_by == "cpu"
    assert operator.memory.ceiling_rps is None


def test_workers_that_hardly_use_cpu_are_not_held_back_by_neighbours_who_use_it_all() -> None:
    operator, workers = Operator(), 1
    for _ in range(10):
        workers = operator.sees(one_at_a_time(20.0, workers)).final

    assert workers >= 3
    assert operator.decisions[-1].model.limited_by == "waiting"


def test_workers_whose_clients_give_up_waiting_get_more_beside_them() -> None:
    operator, workers = Operator(), 1
    for _ in range(60):
        waiting = one_at_a_time(20.0, workers)
        given_up = (waiting.completed or 0.0) / 2 if waiting.inflight else 0.0
        workers = operator.sees(replace(waiting, failed=given_up)).final

    assert workers >= 3


@pytest.mark.parametrize("wanted", [1, 2])
def test_what_a_worker_out_of_rotation_finished_is_not_counted_for_one_that_waits(wanted: int) -> None:
    operator = Operator(Policy(max=12, slo_share=0.99))
    operator.sees_all([waiting_elsewhere(2, inflight=20.0)] * 12)

    decision = operator.sees(replace(waiting_elsewhere(1, inflight=20.0), wanted=wanted))

    assert decision.model.requests_per_replica_rps == pytest.approx(20.0)


def one_at_a_time(rate_rps: float, workers: int) -> Observation:
    """Return what a tick shows of workers that sleep 0.1 s for each request, on a host that others fill."""
    over = rate_rps > 10.0 * workers
    served_rps = min(rate_rps, 10.0 * workers)
    late = Latencies(EDGES_S, (0.0,) * len(EDGES_S), served_rps * SPAN_S)
    easy = replace(seen(served_rps, workers, work_s=0.0005), host_cores=2.0, host_used_cores=2.0)
    return replace(easy, inflight=100.0, latencies=late) if over else replace(easy, inflight=0.0)


def test_waiting_elsewhere_does_not_ask_for_ever_more_workers() -> None:
    operator = Operator(Policy(max=12, slo_share=0.99))
    workers = 2
    for _ in range(100):
        workers = operator.sees(waiting_elsewhere(workers, inflight=80.0)).final

    assert {decision.final for decision in operator.decisions[20:]} == {workers}
    assert workers <= 9


def waiting_elsewhere(workers: int, inflight: float) -> Observation:
    """Return what a tick shows of workers that serve 40 requests/s together, however many they are."""
    late = Latencies(EDGES_S, (0.0,) * len(EDGES_S), 40.0 * SPAN_S)
    return replace(seen(40.0, workers), cpu_cores=0.1, inflight=inflight, latencies=late)


def test_before_anything_is_known_a_full_host_gets_no_more_workers_than_can_use_it() -> None:
    operator, workers = Operator(), 1
    for _ in range(20):
        failing = replace(overloaded(400.0, workers, 900.0), failed=30.0, host_cores=2.0, host_used_cores=2.0)
        workers = operator.sees(failing).final

    assert workers == 2
    assert [limit.name for limit in operator.decisions[-1].limits] == ["host"]


def test_a_tcp_app_scales_on_cpu_and_connections() -> None:
    operator = Operator()
    for tick in range(40):
        operator.sees(tcp(connections=100.0 + tick % 3, workers=2))

    decision = operator.sees_all([tcp(connections=300.0, workers=2)] * 3)

    assert decision.final > 2
    assert decision.model.requests_per_replica_rps == pytest.approx(100.0, rel=0.1)


def test_a_tcp_app_gets_more_and_fewer_where_its_thresholds_are() -> None:
    operator = Operator(POLICY)
    decision = operator.sees_all([tcp(connections=100.0, workers=2)] * 40)
    changes = decision.thresholds
    assert changes is not None
    assert changes.adds_above_rps
    assert changes.removes_below_rps
    adds, removes = changes.adds_above_rps, changes.removes_below_rps

    def wanted(connections: float) -> int:
        told = operator.twin().sees_all([tcp(connections, workers=2)] * 60)
        return told.raw or 0

    assert [wanted(0.95 * adds), wanted(1.1 * adds)] == [2, 3]
    assert [wanted(1.1 * removes), wanted(0.9 * removes)] == [2, 1]


def test_an_explanation_has_the_share_of_slow_requests() -> None:
    decision = taught().sees(seen(80.0, 4))

    assert decision.inputs.slow_share == pytest.approx(math.exp(-0.25 * (1.0 - 0.5) / 0.025))


def tcp(connections: float, workers: int) -> Observation:
    cores = connections * 0.01
    return replace(seen(0.0, workers), completed=None, failed=None, connections=connections, cpu_cores=cores)


UNSEEN = {
    "no counts": {"completed": None},
    "counts that began anew": {"completed": -40.0},
    "more failed than completed": {"failed": 900.0},
    "counts that are no number": {"completed": math.nan},
    "no workers known": {"ready": None},
    "no number wanted known": {"wanted": None},
    "no span": {"span_s": None},
    "an empty span": {"span_s": 0.0},
    "a span that is no number": {"span_s": math.nan},
    "old figures": {"age_s": 30.0},
    "figures of unknown age": {"age_s": None},
    "endless counts": {"completed": math.inf},
}


@pytest.mark.parametrize("broken", UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_seen_changes_nothing_and_is_said(broken: dict[str, float | None]) -> None:
    operator = taught()

    decision = operator.sees_all([replace(seen(5.0, 4), **broken)] * 30)  # type: ignore[arg-type]

    assert decision.action is Action.HOLD
    assert decision.final == 4
    assert decision.reason


PARTLY = {
    "latencies": {"latencies": None},
    "latencies without requests": {"latencies": Latencies(EDGES_S, (0.0,) * len(EDGES_S), 0.0)},
    "latencies that are no numbers": {"latencies": Latencies(EDGES_S, (math.nan,) * len(EDGES_S), math.nan)},
    "in-flight": {"inflight": None},
    "in-flight that is no number": {"inflight": math.nan},
    "cpu": {"cpu_cores": None},
    "cpu that is no number": {"cpu_cores": math.nan},
    "host": {"host_cores": None, "host_used_cores": None, "own_cores": None},
    "limit": {"worker_cores": None},
    "start times that are no numbers": {"started_in_s": (math.nan, -1.0)},
    "failed": {"failed": None},
}


@pytest.mark.parametrize("absent", PARTLY.values(), ids=PARTLY)
def test_a_steady_app_is_held_with_a_part_of_the_figures(absent: dict[str, object]) -> None:
    operator = taught()

    decision = operator.sees_all([replace(seen(80.0, 4), **absent)] * 20)  # type: ignore[arg-type]

    assert decision.action is Action.HOLD


@pytest.mark.parametrize("absent", PARTLY.values(), ids=PARTLY)
def test_no_figures_that_are_missing_from_the_start_raise(absent: dict[str, object]) -> None:
    operator = Operator()

    decision = operator.sees_all([replace(seen(80.0, 4), **absent)] * 20)  # type: ignore[arg-type]

    assert 1 <= decision.final <= POLICY.max


@pytest.mark.parametrize("count", ["wanted", "ready", "starting"])
def test_a_number_of_workers_that_is_no_number_is_recorded_as_unknown(count: str) -> None:
    absent: dict[str, object] = {count: math.nan}

    decision = taught().sees(replace(seen(80.0, 4), **absent))  # type: ignore[arg-type]

    assert decision.action is Action.HOLD
    assert json.dumps(decision.record("shop"), allow_nan=False)


def test_the_first_sample_changes_nothing() -> None:
    decision = Operator().sees(overloaded(300.0, 2, 200.0))

    assert decision.action is Action.HOLD
    assert "first look" in decision.reason


def test_no_traffic_from_the_start_changes_nothing() -> None:
    decision = Operator().sees_all([seen(0.0, 3)] * 60)

    assert decision.action is Action.HOLD


def test_traffic_that_ends_leads_to_the_minimum() -> None:
    operator, workers = taught(), 4
    for _ in range(60):
        workers = operator.sees(seen(0.0, workers)).final

    assert workers == 1


def test_a_light_and_even_load_is_learned_though_idle_workers_could_use_as_much() -> None:
    operator, workers = Operator(), 3
    for _ in range(60):
        workers = operator.sees(seen(20.0, workers, work_s=0.001)).final

    assert workers == 1


def test_what_a_light_load_leaves_unclear_is_not_taken_for_strength() -> None:
    operator = Operator()

    decision = operator.sees_all([seen(20.0, 1, work_s=0.001)] * 60)

    assert decision.model.trusted is Trust.WEAK
    assert (decision.model.requests_per_replica_rps or 0.0) <= 1000.0


def test_a_night_without_traffic_does_not_wear_the_model_out() -> None:
    operator = taught()
    for _ in range(150):
        operator.sees(replace(seen(0.0, 1), span_s=30.0), after_s=30.0)

    decision = operator.sees_all([seen(35.0, 1)] * 2)

    assert decision.model.trusted is Trust.GOOD
    assert decision.final > 1


def test_a_stopped_app_is_left_alone() -> None:
    operator = taught()

    decision = operator.sees(replace(seen(80.0, 4), wanted=0, ready=0))

    assert decision.final == 0


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0, 0.0, math.nan])
def test_a_clock_step_changes_nothing_and_is_said(step_s: float) -> None:
    operator = taught()

    decision = operator.sees(seen(5.0, 4), after_s=step_s)

    assert decision.action is Action.HOLD
    assert any(word in decision.reason for word in ("clock", "nothing was decided", "time"))


@pytest.mark.parametrize("silent_s", [600.0, 2400.0, 3600.0, 7200.0, 14400.0, 1e6])
def test_after_a_silence_of_any_length_every_number_can_be_recorded(silent_s: float) -> None:
    operator = taught(80.0, 4)

    decision = operator.sees(seen(80.0, 4), after_s=silent_s)

    assert decision.action is Action.HOLD
    assert json.dumps(decision.record("web"), allow_nan=False)
    assert "NaN" not in operator.memory.to_json()


def test_decisions_go_on_after_a_clock_step_back() -> None:
    operator = taught()
    operator.sees(seen(80.0, 4), after_s=-3600.0)

    decision = operator.sees_all([seen(150.0, 4)] * 6)

    assert decision.action is Action.ADD


def test_a_restart_of_the_manager_holds_for_one_start_up_time_and_removes_nothing() -> None:
    operator = taught()
    operator.sees_all([seen(30.0, 4)] * 10)

    at_once = operator.sees(seen(30.0, 4), after_s=20.0)
    soon = operator.sees_all([seen(30.0, 4)] * 6)

    assert at_once.action is soon.action is Action.HOLD
    assert at_once.model.windows == operator.decisions[-8].model.windows + 1


def test_nothing_that_changes_a_decision_is_lost_on_the_way_through_text() -> None:
    kept, restarted = taught(), taught()
    loads = [30.0, 150.0, 180.0, 60.0, 0.0, 220.0, 100.0] * 12

    for load in loads:
        restarted.memory = Memory.from_json(restarted.memory.to_json())
        kept.sees(seen(load, 4))
        restarted.sees(seen(load, 4))

    assert restarted.decisions == kept.decisions


def test_the_memory_stays_below_eight_kilobytes_and_stops_growing() -> None:
    operator, sizes = Operator(), []
    for tick in range(300):
        operator.sees(seen(100.0 + 99.9 * math.sin(tick * tick / 7.0), 4))
        sizes.append(len(operator.memory.to_json()))

    assert max(sizes) <= 8000
    assert max(sizes[200:]) <= 1.1 * max(sizes[:200])


@pytest.mark.parametrize("text", ["", "null", "[]", "[1]", "[99,[]]", '[1,["x"]]', "{}"])
def test_text_that_is_no_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Memory"):
        Memory.from_json(text)


def test_a_record_has_every_number_of_the_decision() -> None:
    record = taught().decisions[-1].record("web")

    assert {"id", "app", "at", "from", "to", "action", "reason", "inputs", "model"} <= record.keys()
    assert {"raw", "limits", "final", "costs", "thresholds"} <= record.keys()
    assert json.loads(json.dumps(record, allow_nan=False))["app"] == "web"


def test_the_cheapest_number_can_be_recomputed_from_the_record() -> None:
    decision = taught().sees(seen(150.0, 4))

    cheapest = min(decision.costs, key=lambda cost: cost.total)

    assert cheapest.workers == decision.raw


def test_the_thresholds_are_where_the_number_changes() -> None:
    operator = taught()
    limits = operator.decisions[-1].thresholds
    assert limits is not None
    assert limits.adds_above_rps is not None

    assert limits.removes_below_rps is not None
    assert limits.removes_below_rps < 80.0 < limits.adds_above_rps
    more = operator.sees_all([seen(1.05 * limits.adds_above_rps, 4)] * 20)
    assert more.final > 4


def test_an_impossible_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="no number of workers"):
        Policy(min=5, max=3)


def test_a_reason_is_understood_at_first_reading() -> None:
    operator = taught(80.0, 4)
    enough = operator.sees(seen(80.0, 4)).reason
    most = taught(80.0, 4, Policy(max=4, slo_share=0.99)).sees(seen(150.0, 4)).reason
    unknown = Operator().sees_all([replace(seen(80.0, 4), cpu_cores=None)] * 2).reason

    assert re.fullmatch(r"\d+\.\d req/s expected: [34] workers needed(; kept at 4, .*)?", enough)
    assert re.fullmatch(
        r"\d+\.\d req/s expected: \d workers needed, \d for the objective; held to 4, the maximum", most
    )
    assert unknown.endswith("and not yet known what one worker can do: 4 workers as before")
