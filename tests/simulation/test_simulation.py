"""Whatever fails, and wherever the manager dies: nothing is lost, left behind or taken from anybody.

SIMULATION_SEEDS: how many made-up histories are played, 2000 unless it says else.
SIMULATION_FIRST: the seed to begin with, 0 unless it says else.

    SIMULATION_SEEDS=10000 ./simplecloud test tests/simulation -k made_up      those alone, on all cores
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

import pytest

from manager.state.ending import backoff_s
from manager.state.model import container_name
from tests.simulation import operator as ask
from tests.simulation.cloud import Cloud
from tests.simulation.copies import copy_of, pressed
from tests.simulation.faults import Outcome, Script
from tests.simulation.histories import (
    APP,
    SCENARIOS,
    Scenario,
    live,
    pairs_of_deaths,
    play,
    prepared,
    single_faults,
    survey,
)
from tests.simulation.manager import CLOUD
from tests.simulation.misfortunes import HOUR_S, set_clock
from tests.simulation.operator import DRAIN_S
from tests.simulation.proxy import Request

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "0"))
CHUNK = 250  # a few seconds: whoever is done with one takes the next
CHUNKS = [range(start, min(start + CHUNK, FIRST + SEEDS)) for start in range(FIRST, FIRST + SEEDS, CHUNK)]
FOUND = (3025, 4178, 4312, 4456, 9333)  # something was broken in these histories once
SHORT = [
    scenario for scenario in SCENARIOS if str(scenario) in ("scale up", "a worker crashes", "remove now")
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
@pytest.mark.timeout(600)
def test_every_single_fault_at_every_effect_is_survived(scenario: Scenario) -> None:
    for script in single_faults(scenario):
        play(scenario, script)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
@pytest.mark.timeout(600)
def test_every_two_deaths_are_survived(scenario: Scenario) -> None:
    for script in pairs_of_deaths(scenario, twice=scenario in SHORT):
        play(scenario, script)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds[0]} to {seeds[-1]}")
def test_made_up_histories_break_nothing(seeds: range) -> None:
    broken = survey(seeds)

    assert not broken, "\n".join(broken[:5])


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_broken_once_is_not_broken_again(seed: int) -> None:
    live(seed)


def test_an_update_of_no_workers_that_turns_out_to_crash_is_taken_back() -> None:
    cloud = prepared(1)

    cloud.operator.ask(ask.scale(APP, 0), ask.update(APP, crashes=True))
    cloud.settle()
    cloud.operator.ask(ask.scale(APP, 2))
    cloud.settle()

    assert cloud.store.specs()[APP].revision == 1
    assert {key.slot for key in cloud.engine.all() if key.app == APP} == {1, 2}


def test_a_hurried_stop_of_one_worker_takes_nothing_from_the_others() -> None:
    cloud = prepared(3)

    cloud.operator.ask(ask.restart(APP), ask.stop(APP, 1, now=True))
    cloud.settle()

    assert cloud.operator.given[-1] == f"stop {APP}.1 --now: done"


def test_a_leaving_worker_that_cannot_be_entered_keeps_nobody_from_anything() -> None:
    cloud = prepared(2)
    cloud.network.nameless.add(cloud.engine.all()[cloud.worker(APP, 2)].netns)

    cloud.operator.ask(ask.scale(APP, 1))
    cloud.settle()

    assert {key.slot for key in cloud.engine.all() if key.app == APP} == {1}


def test_a_seed_is_one_history_for_ever() -> None:
    first, again = live(7), live(7)

    assert first.clock.now == again.clock.now
    assert first.operator.given == again.operator.given
    assert first.engine.changes == again.engine.changes


def test_a_copy_goes_on_as_what_it_was_made_from_and_apart_from_it() -> None:
    cloud = prepared(2, spares=1)
    form = pressed(cloud)

    for each in (cloud, copied := copy_of(form), copy_of(form)):
        each.operator.ask(ask.scale(APP, 3), ask.remove(APP))
        each.settle()

    assert copied.clock.now == cloud.clock.now
    assert copied.engine.changes == cloud.engine.changes
    assert copied.store.records() == cloud.store.records()


def test_an_update_that_fails_is_taken_back_and_nobody_notices() -> None:
    cloud = prepared(2)
    before = {key.slot: container.id for key, container in cloud.engine.all().items() if key.app == APP}

    cloud.operator.ask(ask.update(APP, crashes=True))
    cloud.settle()

    after = {key.slot: container.id for key, container in cloud.engine.all().items() if key.app == APP}
    assert cloud.store.specs()[APP].rolled_back is not None
    assert after == before


def _starts_of_a_crashing_worker(cloud: Cloud, minutes: int) -> list[float]:
    """Return when the containers of a worker that ends at once were started, for so many minutes."""
    name = container_name(CLOUD, cloud.worker("flaky", 1))
    starts: list[float] = []
    ends_at = cloud.clock.now + 60 * minutes
    while cloud.clock.now < ends_at:
        count = cloud.engine.changes.count(f"start {name}")
        if count > len(starts):
            starts.append(cloud.clock.now)
        cloud.turn()
    return starts


def _with_a_crashing_app() -> Cloud:
    cloud = prepared(0)
    cloud.operator.ask(ask.run("flaky", 1, port=None, crashes=True))
    while not cloud.store.records().keys() & {key for key in cloud.store.records() if key.app == "flaky"}:
        cloud.turn()
    return cloud


def test_a_crashing_worker_starts_again_after_0_1_2_4_to_60_seconds() -> None:
    starts = _starts_of_a_crashing_worker(_with_a_crashing_app(), minutes=4)

    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert waits == pytest.approx([backoff_s(count) for count in range(1, len(waits) + 1)], abs=0.1)
    assert max(waits) == pytest.approx(60, abs=0.1)


def test_the_back_off_is_kept_over_deaths_of_managers() -> None:
    cloud = _with_a_crashing_app()
    cloud.faults.chance = Script(dict.fromkeys(range(5, 400, 7), Outcome.DIES_AFTER))

    starts = _starts_of_a_crashing_worker(cloud, minutes=5)

    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert cloud.managers > 5
    assert all(wait >= backoff_s(count) for count, wait in enumerate(waits, start=1))
    assert max(waits) < 65


@pytest.mark.parametrize("dies", [False, True], ids=["while a manager leads", "while none lives"])
@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_the_back_off_takes_what_it_takes_whatever_the_clock_is_set_to(ahead_s: float, dies: bool) -> None:
    cloud = _with_a_crashing_app()
    cloud.later(20, cloud.kill_manager if dies else lambda: None)
    cloud.later(20.1, lambda: set_clock(cloud, ahead_s))

    starts = _starts_of_a_crashing_worker(cloud, minutes=3)

    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert waits == pytest.approx([backoff_s(count) for count in range(1, len(waits) + 1)], abs=2.1)
    assert len(waits) > 5


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_a_worker_drains_as_long_as_it_may_whatever_the_clock_is_set_to(ahead_s: float) -> None:
    cloud = prepared(2)
    victim = cloud.worker(APP, 2)
    cloud.traffic.open = [Request(APP, cloud.engine.all()[victim].id, cloud.clock.now + HOUR_S)]
    cloud.operator.ask(ask.scale(APP, 1))
    _turn_until(cloud, lambda: cloud.store.records()[victim].leaving_since is not None)
    left_at, cloud.clock.ahead_s = cloud.clock.now, ahead_s
    cloud.manager.reconciler.dirty.set() if cloud.manager else None

    _turn_until(cloud, lambda: victim not in cloud.engine.all())

    assert DRAIN_S <= cloud.clock.now - left_at < DRAIN_S + 2.1


def _turn_until(cloud: Cloud, holds: Callable[[], bool]) -> None:
    while not holds():
        cloud.turn()
