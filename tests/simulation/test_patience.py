"""What fails again and again is tried as often as is said, and keeps nobody else from anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from manager.loop.reconcile import TRY_AGAIN_S
from manager.state.ending import backoff_s
from manager.state.model import WorkerKey, container_name
from tests.simulation import operator as ask
from tests.simulation.cloud import Clock, Cloud
from tests.simulation.faults import Outcome
from tests.simulation.histories import APP, prepared
from tests.simulation.manager import CLOUD, TAG

WHILE_S = 30.0


@dataclass(slots=True)
class Refusal:
    """One effect is refused whenever it is tried."""

    effect: str
    clock: Clock
    tried_at: list[float] = field(default_factory=list)

    def __call__(self, effect: str) -> Outcome:
        if effect != self.effect:
            return Outcome.DONE
        self.tried_at.append(self.clock.now)
        return Outcome.FAILED

    @property
    def waits(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.tried_at)]


def refuse(cloud: Cloud, effect: str) -> Refusal:
    refusal = Refusal(effect, cloud.clock)
    cloud.faults.chance = refusal
    return refusal


@pytest.fixture
def cloud() -> Cloud:
    return prepared(2)


def test_a_worker_that_cannot_be_joined_is_tried_when_its_record_says(cloud: Cloud) -> None:
    refusal = refuse(cloud, f"attach {WorkerKey(APP, 3, 1).port_name(TAG)}")
    before = cloud.store.revision()

    cloud.operator.ask(ask.scale(APP, 3))
    cloud.run_for(WHILE_S)

    at_once, *waits = refusal.waits  # it is joined as Docker prepares it, and if that failed once it runs
    assert at_once == 0
    assert waits == pytest.approx([backoff_s(count) for count in range(1, len(waits) + 1)], abs=0.1)
    assert len(waits) > 3
    assert cloud.store.revision() - before < 3 * len(refusal.tried_at)


def test_a_worker_that_docker_does_not_remove_is_left_alone_for_a_moment(cloud: Cloud) -> None:
    refusal = refuse(cloud, f"remove {container_name(CLOUD, WorkerKey(APP, 2, 1))}")

    cloud.operator.ask(ask.scale(APP, 1))
    cloud.run_for(WHILE_S)

    assert refusal.waits == pytest.approx([TRY_AGAIN_S] * len(refusal.waits), abs=0.1)
    assert len(refusal.waits) > 0.8 * WHILE_S / TRY_AGAIN_S


def test_while_one_worker_is_left_alone_the_others_go_on(cloud: Cloud) -> None:
    refusal = refuse(cloud, f"remove {container_name(CLOUD, WorkerKey(APP, 2, 1))}")
    cloud.operator.ask(ask.scale(APP, 1))
    while not refusal.tried_at:
        cloud.turn()

    cloud.operator.ask(ask.run("other", 1))
    cloud.run_for(0.9 * TRY_AGAIN_S)

    assert {container.state for key, container in cloud.engine.all().items() if key.app == "other"} == {
        "running"
    }
    assert len(refusal.tried_at) == 1


def test_a_worker_goes_on_soon_when_nothing_is_refused_any_more(cloud: Cloud) -> None:
    refusal = refuse(cloud, f"remove {container_name(CLOUD, WorkerKey(APP, 2, 1))}")
    cloud.operator.ask(ask.scale(APP, 1))
    cloud.run_for(WHILE_S)

    cloud.heal()
    cloud.settle()

    assert cloud.clock.now - refusal.tried_at[-1] < 2 * TRY_AGAIN_S
