"""Replaying what was recorded, under the same and under another policy."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from balancer.memory import Memory
from balancer.samples import Mode, Policy
from balancer.whatif import Begin, Replay, Segment, Step, Tally, recorded
from tests.autoscale.observations import POLICY, Operator, seen

IDLE = replace(seen(0.0, 1), latencies=None)


def waves(ticks: int = 150, operator: Operator | None = None, share: int | None = None) -> Segment:
    """Return what an app under waves was seen to do, and what was decided."""
    operator = operator or Operator()
    begin, steps = Begin(0.0, operator.policy, operator.memory), []
    workers = operator.decisions[-1].final if operator.decisions else 2
    for tick in range(ticks):
        observation = seen(80.0 + 60.0 * math.sin(tick / 20.0), workers)
        workers = operator.sees(observation).final
        steps.append(Step(operator.now_s, observation, workers, share))
    return Segment(begin, tuple(steps))


def replayed(policy: Policy, *segments: Segment, since_s: float = -math.inf) -> Replay:
    replay = Replay(policy, since_s)
    for segment in segments:
        replay.play(segment)
    return replay


def test_the_same_policy_reproduces_every_decision() -> None:
    record = waves()

    again = replayed(POLICY, record)

    assert (again.same, again.compared) == (150, 150)
    assert again.finals == [step.final for step in record.steps]


def test_what_is_only_recommended_is_the_same_policy() -> None:
    assert replayed(replace(POLICY, mode=Mode.RECOMMEND), waves(30)).same == 30


def test_a_record_of_several_segments_is_reproduced_across_what_lies_between() -> None:
    operator = Operator()
    first = waves(60, operator)
    for _ in range(40):  # not recorded: nobody asked for anything
        operator.sees(replace(IDLE, wanted=operator.decisions[-1].final))
    second = waves(60, operator)

    again = replayed(POLICY, first, second)

    assert (again.same, again.compared) == (120, 120)


def test_decisions_under_another_policy_are_not_compared() -> None:
    operator = Operator()
    first = waves(60, operator)
    operator.policy = replace(POLICY, max=3)
    second = waves(60, operator)

    again = replayed(operator.policy, first, second)

    assert (again.same, again.compared) == (60, 60)
    assert max(again.finals) == 3


def test_a_lower_maximum_costs_less_and_makes_more_slow() -> None:
    record = waves()

    today, capped = replayed(POLICY, record), replayed(replace(POLICY, max=3), record)

    assert capped.tally.worker_s < today.tally.worker_s
    assert capped.tally.over_s > today.tally.over_s
    assert capped.tally.most == 3
    assert capped.compared == 0


def test_a_stricter_objective_costs_more_also_across_segments() -> None:
    operator = Operator()
    record = waves(80, operator), waves(80, operator)

    today, strict = replayed(POLICY, *record), replayed(replace(POLICY, slo_s=0.12), *record)

    assert strict.tally.worker_s > today.tally.worker_s


def test_steps_before_the_time_asked_for_only_warm_up() -> None:
    record = waves()

    half = replayed(POLICY, record, since_s=record.steps[100].at_s)

    assert (half.tally.steps, half.same) == (50, 50)
    assert half.tally.unknown_s == 0.0


def test_what_was_is_counted_as_it_was_measured() -> None:
    record, tally = waves(), Tally()

    recorded(tally, record, POLICY)

    again = replayed(POLICY, record).tally
    assert (tally.steps, tally.ups, tally.downs, tally.most) == (150, again.ups, again.downs, again.most)
    assert tally.worker_s == pytest.approx(again.worker_s)
    assert tally.ups > 0


def test_a_time_without_steps_counts_with_the_workers_there_were() -> None:
    first, second = Step(100.0, seen(10.0, 2), 3), Step(700.0, seen(10.0, 3), 3)
    tally = Tally()

    recorded(tally, Segment(Begin(0.0, POLICY, Memory()), (first, second)), POLICY)

    assert tally.span_s == 602.0
    assert tally.worker_s == 2 * 2.0 + 3 * 600.0


def test_a_share_of_a_full_host_cuts_the_replay_as_it_cut_the_decision() -> None:
    assert max(replayed(POLICY, waves(100, share=2)).finals[60:]) == 2


def test_a_record_survives_as_text() -> None:
    record = waves(20, share=4)

    assert [Step.from_json(step.to_json()) for step in record.steps] == list(record.steps)
    assert Begin.from_json(record.begin.to_json()) == record.begin


@pytest.mark.parametrize("text", ["", "nonsense", "[1,[]]", "[2,[]]", "3", "[1,[0.0,[2,1,0.25,0.9,3],[]]]"])
def test_a_text_that_is_no_record_is_refused(text: str) -> None:
    for kind in (Step, Begin):
        with pytest.raises(ValueError, match=r".+"):
            kind.from_json(text)


def test_an_empty_record_decides_nothing() -> None:
    again = replayed(POLICY, Segment(Begin(0.0, POLICY, Memory()), ()))

    assert (again.tally.steps, again.finals) == (0, [])
