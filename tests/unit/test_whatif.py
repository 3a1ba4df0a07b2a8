"""Replaying what was recorded, under the same and under another policy."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest

from balancer.memory import Memory
from balancer.samples import Mode, Policy
from balancer.whatif import Begin, Replay, Segment, Step, Tally, recorded
from tests.autoscale.observations import POLICY, SPAN_S, Operator, seen, taught

IDLE = replace(seen(0.0, 1), latencies=None)


def waves(ticks: int, operator: Operator | None = None, share: int | None = None) -> Segment:
    """Return what an app under waves was seen to do, and what was decided."""
    operator = operator or Operator()
    begin, steps = Begin(0.0, operator.policy, operator.memory), []
    workers = operator.decisions[-1].final if operator.decisions else 2
    for tick in range(ticks):
        observation = seen(80.0 + 60.0 * math.sin(tick / 20.0), workers)
        workers = operator.sees(observation).final
        steps.append(Step(operator.now_s, observation, workers, share))
    return Segment(begin, tuple(steps))


@cache
def record() -> Segment:
    """Return what most tests replay."""
    return waves(90)


@cache
def today() -> Replay:
    """Return that under the policy that decided it."""
    return replayed(POLICY, record())


def replayed(policy: Policy, *segments: Segment, since_s: float = -math.inf) -> Replay:
    replay = Replay(policy, since_s)
    for segment in segments:
        replay.play(segment)
    return replay


def test_the_same_policy_reproduces_every_decision() -> None:
    assert (today().same, today().compared) == (90, 90)
    assert today().finals == [step.final for step in record().steps]


def test_what_is_only_recommended_is_the_same_policy() -> None:
    assert replayed(replace(POLICY, mode=Mode.RECOMMEND), waves(30)).same == 30


def test_a_record_of_several_segments_is_reproduced_across_what_lies_between() -> None:
    operator = Operator()
    first = waves(40, operator)
    for _ in range(40):  # not recorded: nobody asked for anything
        operator.sees(replace(IDLE, wanted=operator.decisions[-1].final))
    second = waves(40, operator)

    again = replayed(POLICY, first, second)

    assert (again.same, again.compared) == (80, 80)


def test_decisions_under_another_policy_are_not_compared() -> None:
    operator = Operator()
    first = waves(40, operator)
    operator.policy = replace(POLICY, max=3)
    second = waves(40, operator)

    again = replayed(operator.policy, first, second)

    assert (again.same, again.compared) == (40, 40)
    assert max(again.finals) == 3


def test_each_decision_of_a_replay_is_made_from_the_number_before_it() -> None:
    strict = replace(POLICY, slo_s=0.12)
    operator, wanted = Operator(strict, record().begin.memory), None
    for step in record().steps:
        observation = step.seen if wanted is None else replace(step.seen, wanted=wanted)
        wanted = operator.sees(observation).final

    assert replayed(strict, record()).finals == [decision.final for decision in operator.decisions]


def test_a_replay_that_agrees_with_the_record_follows_what_people_changed() -> None:
    operator = taught(80.0, 3)
    begin, steps = Begin(0.0, POLICY, operator.memory), []
    for workers in (3, 2):  # either is right for what is left of the demand
        observation = seen(42.0, workers)
        steps.append(Step(operator.now_s + SPAN_S, observation, operator.sees(observation).final))

    again = replayed(replace(POLICY, max=11), Segment(begin, tuple(steps)))

    assert again.finals == [step.final for step in steps] == [3, 2]


def test_a_segment_of_the_own_policy_begins_with_the_workers_there_were() -> None:
    operator = Operator(replace(POLICY, max=3))
    first = waves(30, operator)
    knows = taught(80.0, 3, POLICY)
    begin = Begin(0.0, POLICY, knows.memory)
    step = Step(knows.now_s + SPAN_S, seen(104.0, 3), knows.sees(seen(104.0, 3)).final)

    again = replayed(POLICY, first, Segment(begin, (step,)))

    assert again.finals[-2] > step.final
    assert (again.same, again.compared) == (1, 1)


def test_a_record_cut_in_two_is_replayed_as_one() -> None:
    whole, untaught = record(), replace(record().begin, memory=Memory())
    halves = replace(whole, steps=whole.steps[:45]), Segment(untaught, whole.steps[45:])
    strict = replace(POLICY, slo_s=0.12)

    assert replayed(strict, *halves).finals == replayed(strict, whole).finals


def test_what_a_request_came_to_take_between_two_segments_is_known_to_the_second() -> None:
    operator = Operator()
    first = waves(40, operator)
    operator.sees_all([seen(80.0, 6, work_s=0.05)] * 40)  # not recorded
    begin = Begin(0.0, POLICY, operator.memory)
    step = Step(operator.now_s + SPAN_S, seen(80.0, 6, work_s=0.05), 6)

    again = replayed(replace(POLICY, max=11), first, Segment(begin, (step,)))

    assert again.finals[-1] == operator.sees(step.seen).final


def test_a_lower_maximum_costs_less_and_makes_more_slow() -> None:
    capped = replayed(replace(POLICY, max=3), record())

    assert capped.tally.worker_s < today().tally.worker_s
    assert capped.tally.over_s > today().tally.over_s
    assert capped.tally.most == 3
    assert capped.compared == 0


def test_a_stricter_objective_costs_more_also_across_segments() -> None:
    operator = Operator()
    segments = waves(60, operator), waves(60, operator)

    usual, strict = replayed(POLICY, *segments), replayed(replace(POLICY, slo_s=0.12), *segments)

    assert strict.tally.worker_s > usual.tally.worker_s


def test_steps_before_the_time_asked_for_only_warm_up() -> None:
    half = replayed(POLICY, record(), since_s=record().steps[60].at_s)

    assert (half.tally.steps, half.same) == (30, 30)
    assert half.tally.unknown_s == 0.0


def test_what_was_is_counted_as_it_was_measured() -> None:
    tally, again = Tally(), today().tally

    recorded(tally, record(), POLICY)

    assert (tally.steps, tally.ups, tally.downs, tally.most) == (90, again.ups, again.downs, again.most)
    assert tally.worker_s == pytest.approx(again.worker_s)
    assert tally.ups > 0


def test_what_was_only_recommended_is_not_counted_as_what_was() -> None:
    steps = Step(100.0, seen(10.0, 2), 3), Step(102.0, seen(10.0, 2), 3), Step(104.0, seen(10.0, 2), 3)
    tally = Tally()

    recorded(tally, Segment(Begin(0.0, replace(POLICY, mode=Mode.RECOMMEND), Memory()), steps), POLICY)

    assert (tally.worker_s, tally.most, tally.ups) == (2 * tally.span_s, 2, 0)


def test_a_time_without_steps_counts_with_the_workers_there_were() -> None:
    first, second = Step(100.0, seen(10.0, 2), 3), Step(700.0, seen(10.0, 3), 3)
    tally = Tally()

    recorded(tally, Segment(Begin(0.0, POLICY, Memory()), (first, second)), POLICY)

    assert tally.span_s == 602.0
    assert tally.worker_s == 2 * 2.0 + 3 * 600.0


def test_a_share_of_a_full_host_cuts_the_replay_as_it_cut_the_decision() -> None:
    assert max(replayed(POLICY, waves(60, share=2)).finals[40:]) == 2


def test_a_record_survives_as_text() -> None:
    shared = waves(20, share=4)

    assert [Step.from_json(step.to_json()) for step in shared.steps] == list(shared.steps)
    assert Begin.from_json(shared.begin.to_json()) == shared.begin


@pytest.mark.parametrize("text", ["", "nonsense", "[1,[]]", "[2,[]]", "3", "[1,[0.0,[2,1,0.25,0.9,3],[]]]"])
def test_a_text_that_is_no_record_is_refused(text: str) -> None:
    for kind in (Step, Begin):
        with pytest.raises(ValueError, match=r".+"):
            kind.from_json(text)


def test_an_empty_record_decides_nothing() -> None:
    again = replayed(POLICY, Segment(Begin(0.0, POLICY, Memory()), ()))

    assert (again.tally.steps, again.finals) == (0, [])
