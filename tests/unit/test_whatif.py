"""Replaying what was recorded, under the same and under another policy."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from balancer.memory import Memory
from balancer.whatif import Step, replay
from tests.autoscale.observations import POLICY, Operator, seen


def recorded(ticks: int = 150) -> list[Step]:
    """Return what an app under waves was seen to do, and what was decided, from the first look on."""
    operator, steps, workers = Operator(), [], 2
    for tick in range(ticks):
        observation = seen(80.0 + 60.0 * math.sin(tick / 20.0), workers)
        workers = operator.sees(observation).final
        steps.append(Step(operator.now_s, observation, workers))
    return steps


def test_the_same_policy_reproduces_every_decision() -> None:
    steps = recorded()

    again = replay(POLICY, Memory(), steps)

    assert again.same == len(steps)
    assert [decision.final for decision in again.decisions] == [step.final for step in steps]


def test_a_lower_maximum_costs_less_and_makes_more_slow() -> None:
    steps = recorded()

    today, capped = replay(POLICY, Memory(), steps), replay(replace(POLICY, max=3), Memory(), steps)

    assert capped.worker_s < today.worker_s
    assert capped.slow > today.slow
    assert capped.requests == pytest.approx(today.requests)
    assert capped.same < today.same


def test_a_stricter_objective_costs_more() -> None:
    steps = recorded()

    today, strict = replay(POLICY, Memory(), steps), replay(replace(POLICY, slo_share=0.999), Memory(), steps)

    assert strict.worker_s > today.worker_s


def test_a_record_survives_as_text() -> None:
    steps = recorded(20)

    assert [Step.from_json(step.to_json()) for step in steps] == steps


def test_an_empty_record_decides_nothing() -> None:
    assert replay(POLICY, Memory(), []).decisions == ()
