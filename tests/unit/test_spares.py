"""Workers that are made before they are wanted: where they stand, when they are made, when they go on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from manager.api.amounts import scale_changes
from manager.loop.order import RECORD_LABEL, SPEC_LABEL
from manager.observe.verdicts import Verdict
from manager.plan.plan import plan
from manager.plan.spares import AT_ONCE
from manager.plan.steps import Bury, Launch, Pause, Publish, Retire, SaveRecords, SlowStep, Step, Unpause
from manager.plan.updates import end_of_update
from manager.service.rescue import adoption
from manager.service.waiting import is_settled
from manager.state.ending import Ending
from manager.state.model import AppSpec, Past, WorkerKey, WorkerRecord
from manager.state.phase import phase
from manager.state.records import encode
from manager.state.wishes import as_adopted, removed, scaled, stopped, with_new_spares
from manager.state.world import World, in_rotation
from tests.simulation.worlds import NOW, a_worker, an_app, ended, known, serving, without

WEB_1, WEB_2, WEB_3 = (WorkerKey("web", slot, 1) for slot in (1, 2, 3))


def with_spares(count: int, want: int = 1) -> AppSpec:
    return replace(an_app(want=want), spares=count)


def a_spare(slot: int, revision: int = 1) -> WorkerRecord:
    return replace(a_worker(slot, revision), spare=True)


def paused(world: World, *keys: WorkerKey) -> World:
    """Return the picture in which these workers are paused, and nobody asks them."""
    containers = {key: replace(world.containers[key], state="paused") for key in keys}
    verdicts = {key: verdict for key, verdict in world.verdicts.items() if key not in keys}
    return replace(world, containers={**world.containers, **containers}, verdicts=verdicts)


@pytest.fixture
def world() -> World:
    """A web of one worker with two spares behind it."""
    return paused(serving([with_spares(2)], [a_worker(1), a_spare(2), a_spare(3)]), WEB_2, WEB_3)


def wanting(world: World, spec: AppSpec) -> World:
    return replace(world, specs={**world.specs, spec.name: spec})


def changed(world: World, words: str) -> World:
    (change,) = scale_changes(words.split())
    return wanting(world, scaled(world.specs["web"], change))


def saved(world: World) -> dict[WorkerKey, WorkerRecord]:
    return {r.key: r for step in plan(world).steps if isinstance(step, SaveRecords) for r in step.records}


def slow(world: World) -> list[Step]:
    return [step for step in plan(world).steps if isinstance(step, SlowStep)]


def gone(world: World, key: WorkerKey) -> World:
    """Return the picture in which nothing of the worker is left."""
    world = without(world, key)
    return replace(world, records={each: record for each, record in world.records.items() if each != key})


def test_spares_stand_in_the_slots_after_the_last_wanted_one() -> None:
    assert with_spares(2, want=3).spare_slots == {4, 5}
    assert with_spares(2, want=0).spare_slots == {1, 2}


def test_spares_leave_when_a_secret_is_set_anew_and_the_workers_stay(world: World) -> None:
    rotated = wanting(world, with_new_spares(world.specs["web"]))

    leaving = saved(rotated)

    assert leaving.keys() == {WEB_2, WEB_3}
    assert all(record.leaving_since == NOW for record in leaving.values())


def test_a_spare_with_a_former_secret_never_enters_service(world: World) -> None:
    rotated = wanting(world, with_new_spares(world.specs["web"]))

    leaving = saved(changed(rotated, "web 3"))

    assert [leaving[key].leaving_since for key in (WEB_2, WEB_3)] == [NOW, NOW]
    assert all(leaving[key].spare for key in (WEB_2, WEB_3))


def test_no_spare_stands_in_a_slot_that_the_operator_emptied() -> None:
    assert stopped(with_spares(2, want=3), 2, now=False).spare_slots == {4, 5}


def test_an_app_that_is_stopped_or_removed_has_no_spares() -> None:
    assert stopped(with_spares(2), None, now=False).spare_slots == frozenset()
    assert removed(with_spares(2), now=False).spare_slots == frozenset()


def test_an_app_with_its_spares_paused_is_as_it_is_wanted(world: World) -> None:
    assert plan(world).converged
    assert [phase(world, record).state for record in world.of_app("web")] == ["ready", "spare", "spare"]


def test_a_missing_spare_is_recorded_as_one(world: World) -> None:
    assert saved(gone(world, WEB_3))[WEB_3].spare


def test_a_recorded_spare_is_launched(world: World) -> None:
    (step,) = slow(without(world, WEB_3))

    assert isinstance(step, Launch)
    assert step.record.key == WEB_3


def test_a_spare_is_paused_when_it_is_ready(world: World) -> None:
    awake = paused(serving(world.specs.values(), world.records.values()), WEB_2)

    assert slow(awake) == [Pause(a_spare(3), "it is ready, and a spare")]


def test_a_spare_runs_until_it_is_ready(world: World) -> None:
    awake = paused(serving(world.specs.values(), world.records.values()), WEB_2)
    unwell = replace(awake, verdicts={**awake.verdicts, WEB_3: Verdict(False, "no answer", NOW, 1.0)})

    assert slow(unwell) == []


def test_a_spare_that_is_ready_is_never_in_the_routes(world: World) -> None:
    awake = serving(world.specs.values(), world.records.values())

    assert [record.key for record in in_rotation(awake, awake.specs["web"])] == [WEB_1]
    assert not any(isinstance(step, Publish) for step in plan(awake).steps)


def test_spares_wait_while_another_worker_starts(world: World) -> None:
    starting = serving([an_app("api", want=1), with_spares(2)], [a_worker(1, app="api"), a_worker(1)])
    mute = replace(starting, verdicts={}, routes={}, answered=frozenset())
    young = known(mute, replace(a_worker(1, app="api"), created_at=NOW))

    assert set(saved(starting)) == {WEB_2, WEB_3}
    assert saved(young) == {}
    assert not plan(young).converged


def test_spares_wait_for_workers_that_have_no_container_yet(world: World) -> None:
    grown = wanting(gone(gone(world, WEB_2), WEB_3), with_spares(2, want=3))

    assert [(key.slot, record.spare) for key, record in saved(grown).items()] == [(2, False), (3, False)]


def test_few_spares_are_started_at_a_time() -> None:
    records = [a_worker(1), *(a_spare(slot) for slot in range(2, 8))]
    fresh = serving([with_spares(6)], records)
    for record in records[1:]:
        fresh = without(fresh, record.key)
    begun = replace(fresh, busy=frozenset({WEB_2}))

    assert len(slow(fresh)) == AT_ONCE
    assert len(slow(begun)) == AT_ONCE - 1


def test_a_spare_whose_slot_is_wanted_goes_on(world: World) -> None:
    assert slow(changed(world, "web 2")) == [Unpause(a_spare(2), "it was a spare, and is wanted")]
    assert saved(changed(world, "web 2")) == {}


def test_a_spare_that_went_on_is_a_worker_from_then_on(world: World) -> None:
    records = [a_worker(1), a_spare(2), a_spare(3)]
    awake = paused(serving([with_spares(2, want=2)], records), WEB_3)
    steps = plan(awake).steps

    assert saved(awake)[WEB_2] == replace(a_worker(2), created_at=NOW)
    assert any(isinstance(step, Publish) for step in steps), "it answers already"


def test_spares_that_go_on_together_enter_service_together(world: World) -> None:
    awake = paused(serving([with_spares(2, want=3)], [a_worker(1), a_spare(2), a_spare(3)]), WEB_3)

    assert saved(replace(awake, busy=frozenset({WEB_3}))) == {}
    assert saved(awake).keys() == {WEB_2}, "one that cannot go on holds up nobody"
    assert WEB_2 in saved(changed(replace(awake, busy=frozenset({WEB_3})), "web 2"))


def test_a_spare_that_has_not_started_is_a_worker_at_once(world: World) -> None:
    cold = without(world, WEB_2)

    assert saved(changed(cold, "web 2"))[WEB_2] == replace(a_worker(2), created_at=NOW)
    assert WEB_2 in saved(changed(replace(cold, busy=frozenset({WEB_3})), "web 3"))


def test_a_spare_that_goes_on_is_starting_until_it_answers_again(world: World) -> None:
    records = [a_worker(1), a_spare(2), a_spare(3)]
    awake = paused(serving([with_spares(2, want=2)], records), WEB_3)
    mute = replace(awake, verdicts={WEB_1: awake.verdicts[WEB_1]})
    later = known(mute, replace(a_worker(2), created_at=NOW))

    assert phase(changed(world, "web 2"), a_spare(2)).state == "starting"
    assert phase(mute, a_spare(2)).state == "starting"
    assert phase(later, later.records[WEB_2]).state == "starting"
    assert phase(replace(later, now=NOW + 31), later.records[WEB_2]).state == "unready"
    assert not saved(mute).keys() - {WEB_2}, "no new spare is made meanwhile"


def test_a_worker_too_many_leaves_first_and_a_spare_too_many_with_it() -> None:
    world = paused(serving([with_spares(1, want=2)], [a_worker(1), a_worker(2), a_spare(3)]), WEB_3)
    smaller = changed(world, "web 1")

    assert {key: record.leaving_since for key, record in saved(smaller).items()} == {WEB_2: NOW, WEB_3: NOW}


@pytest.fixture
def left() -> World:
    """A web of one worker that shall have a spare, and whose second worker nobody can reach any more."""
    world = serving([with_spares(1)], [a_worker(1), a_worker(2)])
    routed = serving([with_spares(1)], [a_worker(1)])
    world = known(world, replace(a_worker(2), leaving_since=NOW - 1.0))
    return replace(world, routes=routed.routes, live=routed.live, verdicts=routed.verdicts)


def test_a_worker_that_nobody_asks_any_more_becomes_the_spare_of_its_slot(left: World) -> None:
    well = {key: Verdict(True, "", NOW, 0.0) for key in (WEB_1, WEB_2)}

    assert saved(left) == {WEB_2: a_spare(2)}
    assert slow(left) == []
    assert slow(known(replace(left, verdicts=well), a_spare(2))) == [
        Pause(a_spare(2), "it is ready, and a spare")
    ]


def test_a_worker_that_was_given_secrets_is_no_spare(left: World) -> None:
    spec = left.specs["web"]
    given = wanting(left, replace(spec, template=replace(spec.template, secrets=("db",))))

    assert [type(step) for step in slow(given)] == [Retire]


@pytest.mark.parametrize("open_requests", [3, None])
def test_a_worker_is_no_spare_before_its_requests_are_known_to_be_over(
    left: World, open_requests: int | None
) -> None:
    asked = replace(left, inflight={WEB_2: open_requests})

    assert (saved(asked), slow(asked)) == ({}, [])


def test_a_worker_that_did_not_end_its_requests_in_time_is_no_spare(left: World) -> None:
    late = replace(left, now=NOW + 60.0, inflight={WEB_2: 1})

    assert slow(late) == [Retire(left.records[WEB_2], "drain time is over with 1 open request")]


def test_a_worker_that_is_not_what_a_new_one_would_be_is_no_spare(left: World) -> None:
    spec = left.specs["web"]
    never_well = replace(left, answered=frozenset({WEB_1}))

    for world in (
        wanting(left, replace(spec, revision=2, newest=2)),
        wanting(left, replace(spec, turns={2: 1})),
        wanting(left, replace(spec, spares=0)),
        never_well,
    ):
        assert Retire(left.records[WEB_2], "no open requests") in slow(world)


def test_nobody_waits_for_the_open_requests_of_a_spare(world: World) -> None:
    surplus = wanting(known(world, replace(a_spare(3), leaving_since=NOW)), with_spares(1))

    assert slow(replace(surplus, live=None)) == [Retire(surplus.records[WEB_3], "no open requests")]


def test_a_spare_that_ended_is_buried_and_waits_for_its_time(world: World) -> None:
    dead = ended(world, WEB_3)
    ending = Ending(NOW - 1, dead.containers[WEB_3].id, 1, "exit code 1")
    waiting = known(dead, replace(a_spare(3), ending=ending, failures=3, retry_at=NOW + 1))

    assert isinstance(slow(dead)[0], Bury)
    assert slow(waiting) == []
    assert phase(waiting, waiting.records[WEB_3]).state == "backoff"
    assert isinstance(slow(replace(waiting, now=NOW + 1))[0], Launch)


def test_a_paused_spare_that_lost_its_link_is_joined_again(world: World) -> None:
    (step,) = slow(replace(world, wired=world.wired - {WEB_3}))

    assert isinstance(step, Launch)


def test_what_somebody_paused_by_hand_is_left_alone(world: World) -> None:
    assert slow(paused(world, WEB_1)) == []
    assert "by hand" in phase(paused(world, WEB_1), a_worker(1)).reason


def test_spares_of_the_former_revision_stay_until_the_update_is_through(world: World) -> None:
    spec = replace(with_spares(2), revision=2, newest=2, fallback=Past(1, world.specs["web"].template))
    under_way = wanting(world, spec)
    through = wanting(world, replace(spec, fallback=None))

    assert set(saved(under_way)) == {WorkerKey("web", 1, 2)}
    assert {key for key, record in saved(through).items() if record.leaving_since} == {WEB_2, WEB_3}


def test_a_new_spare_waits_until_the_former_one_has_left_its_slot() -> None:
    records = [a_worker(1, 2), replace(a_spare(2), leaving_since=NOW)]
    updated = replace(with_spares(1), revision=2, newest=2)
    leaving = paused(serving([updated], records), WEB_2)

    assert saved(leaving) == {}
    assert saved(gone(leaving, WEB_2))[WorkerKey("web", 2, 2)].spare


def test_an_update_is_through_whatever_its_spares_do(world: World) -> None:
    spec = replace(with_spares(2), revision=2, newest=2, fallback=Past(1, world.specs["web"].template))
    updated = paused(serving([spec], [a_worker(1, 2), a_spare(2), a_spare(3)]), WEB_2, WEB_3)

    ending = end_of_update(updated, spec)

    assert ending is not None
    assert ending.spec.fallback is None


def test_nobody_waits_for_spares(world: World) -> None:
    assert is_settled(gone(world, WEB_3), "web")
    assert not is_settled(changed(world, "web 2"), "web")
    assert not is_settled(wanting(world, removed(with_spares(2), now=False)), "web")


def test_a_spare_leaves_when_a_worker_needs_its_address(world: World) -> None:
    full = replace(world, subnet=IPv4Network("10.9.0.8/29"))
    used = [replace(r, address=full.subnet[2 + at]) for at, r in enumerate(world.records.values())]
    others = [replace(a_worker(slot, app="api"), address=full.subnet[4 + slot]) for slot in (1, 2)]
    crowded = serving([with_spares(2), an_app("api", want=3)], [*used, *others])
    cramped = replace(paused(crowded, WEB_2, WEB_3), subnet=full.subnet)

    assert {key: record.leaving_since for key, record in saved(cramped).items()} == {WEB_3: NOW}


def test_what_waits_paused_is_adopted_as_a_spare(world: World) -> None:
    made_as = {WEB_1: a_worker(1), WEB_2: a_spare(2), WEB_3: a_spare(3)}
    spec_label = encode(as_adopted(with_spares(2), frozenset()))
    containers = {
        key: replace(container, labels={RECORD_LABEL: encode(made_as[key]), SPEC_LABEL: spec_label})
        for key, container in paused(world, WEB_3).containers.items()
    }
    awake = replace(containers[WEB_2], state="running")
    lost = replace(world, specs={}, records={}, containers={**containers, WEB_2: awake})

    told = adoption(lost, range(9000, 9004))

    assert told.specs["web"].slots == {1, 2}
    assert told.specs["web"].spare_slots == {3}
    assert [record.key for record in told.records if record.spare] == [WEB_3]
