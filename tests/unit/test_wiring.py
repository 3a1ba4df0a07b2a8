"""What a worker may reach, by which names, and what of it may be taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from manager.api.errors import AppNotFound, AppReached, CloudError
from manager.observe.verdicts import Verdict
from manager.plan.plan import plan
from manager.plan.steps import Launch, SaveRecords, Step, WriteHosts
from manager.plan.wiring import hosts_files, is_as_recorded, misplaced, port_of
from manager.state import wishes
from manager.state.model import AppSpec, Past, WorkerKey
from manager.state.specs import require_reached
from manager.state.world import World
from netsetup.port import Port
from tests.simulation.worlds import NOW, TEMPLATE, a_worker, an_app, known, serving

WEB_1, API_1, API_2 = WorkerKey("web", 1, 1), WorkerKey("api", 1, 1), WorkerKey("api", 2, 1)
TAG = "ab12"


def reaching(*names: str, app: str = "web", number: int = 1) -> AppSpec:
    return replace(an_app(app, want=1), number=number, template=replace(TEMPLATE, reach=names))


@pytest.fixture
def world() -> World:
    """A web that reaches the api of two workers, everybody well, and the names written."""
    records = [
        replace(a_worker(1), reach=("api",)),
        replace(a_worker(1, app="api"), number=2, address=a_worker(1, 3).address),
        replace(a_worker(2, app="api"), number=2, address=a_worker(2, 3).address),
    ]
    world = serving([reaching("api"), replace(an_app("api"), number=2)], records)
    return replace(world, hosts=hosts_files(world))


def names_in(world: World, key: WorkerKey = WEB_1) -> list[str]:
    """Return the lines of a worker's file behind its own."""
    return hosts_files(world)[key].splitlines()[3:]


def written(world: World) -> tuple[Mapping[WorkerKey, str], frozenset[WorkerKey]]:
    steps = [step for step in plan(world).steps if isinstance(step, WriteHosts)]
    return (steps[0].texts, steps[0].gone) if steps else ({}, frozenset())


def test_a_worker_knows_itself_and_those_that_it_reaches(world: World) -> None:
    assert hosts_files(world) == {
        WEB_1: "127.0.0.1 localhost\n"
        "::1 localhost\n"
        "10.9.0.11 web.1\n"
        "10.9.0.31 api api.1\n"
        "10.9.0.32 api api.2\n"
    }


def test_names_that_are_as_they_should_be_are_not_written_again(world: World) -> None:
    assert plan(world).steps == ()


def test_a_worker_that_does_not_answer_is_not_named(world: World) -> None:
    unwell = replace(world, verdicts={**world.verdicts, API_1: Verdict(False, "no answer", NOW, 1.0)})

    assert names_in(unwell) == ["10.9.0.32 api api.2"]
    assert written(unwell)[0] == hosts_files(unwell)


def test_when_none_answers_in_time_those_that_run_stay_named(world: World) -> None:
    slow = {key: Verdict(False, "no answer", NOW, 1.0) for key in (API_1, API_2)}

    assert len(names_in(replace(world, verdicts={**world.verdicts, **slow}))) == 2


def test_a_proxy_that_is_away_takes_nobody_s_name(world: World) -> None:
    assert len(names_in(replace(world, live={}))) == 2


def test_who_is_told_to_leave_is_unnamed_before_anything_is_done_to_it(world: World) -> None:
    smaller = replace(world, specs={**world.specs, "api": replace(world.specs["api"], want=1)})

    steps = plan(smaller).steps

    kinds = [type(step) for step in steps]
    assert kinds[:2] == [SaveRecords, WriteHosts]
    assert written(smaller)[0][WEB_1].splitlines()[3:] == ["10.9.0.31 api api.1"]


def test_a_new_worker_has_its_names_before_it_is_started(world: World) -> None:
    bigger = replace(world, specs={**world.specs, "web": replace(world.specs["web"], want=2)})

    steps = plan(bigger).steps

    assert isinstance(steps[0], SaveRecords)
    assert isinstance(steps[1], WriteHosts)
    assert steps[0].records[0].reach == ("api",)
    assert list(steps[1].texts) == [WorkerKey("web", 2, 1)]


def test_a_file_goes_when_neither_record_nor_container_is_left(world: World) -> None:
    stale = WorkerKey("gone", 1, 1)
    assert written(replace(world, hosts={**world.hosts, stale: ""})) == ({}, frozenset({stale}))

    assert written(replace(world, records={}, specs={}))[1] == frozenset()


def test_names_of_an_app_with_a_record_that_cannot_be_read_are_left_alone(world: World) -> None:
    specs = {"web": world.specs["web"]}
    unknown = replace(world, unreadable={"api": "apps/api"}, specs=specs)

    assert written(unknown) == ({}, frozenset())
    assert is_as_recorded(unknown, world.records[WEB_1], port(reaches={2}), TAG)


def port(reaches: set[int]) -> Port:
    record = a_worker(1)
    return Port(record.key.port_name(TAG), record.address, 1, frozenset(reaches))


def test_a_port_lets_pass_exactly_what_its_worker_s_record_says(world: World) -> None:
    record = world.records[WEB_1]

    assert port_of(TAG, record, {"api": 2, "other": 3}) == port({2})
    assert port_of(TAG, record, {}) == port(set())
    assert is_as_recorded(world, record, port({2}), TAG)
    assert not is_as_recorded(world, record, port(set()), TAG)
    assert not is_as_recorded(world, record, port({2, 3}), TAG)
    assert not is_as_recorded(world, record, replace(port({2}), egress=True), TAG)


def test_of_two_workers_with_one_address_the_one_has_it_whose_port_is_bound_to_it() -> None:
    first, second = a_worker(1), replace(a_worker(1, app="api"), created_at=NOW)
    bound = {record.key.port_name(TAG): port_of(TAG, record, {}) for record in (first, second)}
    of_second = {second.key.port_name(TAG): bound[second.key.port_name(TAG)]}

    assert misplaced([first, second], of_second, TAG) == {first.key: second}
    assert misplaced([first, second], bound, TAG) == {second.key: first}
    assert misplaced([second, first], {}, TAG) == {second.key: first}
    assert misplaced([first, a_worker(2)], {}, TAG) == {}


def test_a_launch_knows_the_marks_of_the_apps_that_its_worker_reaches(world: World) -> None:
    steps: list[Step] = list(plan(replace(world, wired=world.wired - {WEB_1})).steps)

    (launch,) = steps
    assert isinstance(launch, Launch)
    assert launch.groups == {"api": 2}


def test_an_older_worker_keeps_what_its_own_record_says(world: World) -> None:
    older = known(world, replace(world.records[WEB_1], reach=()))

    assert hosts_files(older) == {}
    assert is_as_recorded(older, older.records[WEB_1], port(set()), TAG)


SPECS = {"web": reaching("api"), "api": replace(an_app("api"), number=2), "db": an_app("db")}


def test_an_app_that_is_not_there_cannot_be_reached() -> None:
    with pytest.raises(AppNotFound, match=r'no app is named "apl" \(did you mean api\?\)'):
        require_reached(SPECS, [reaching("apl", app="new")])


def test_an_app_that_is_being_removed_cannot_be_reached() -> None:
    specs = {**SPECS, "db": replace(SPECS["db"], removing=True)}

    with pytest.raises(CloudError, match="db is being removed"):
        require_reached(specs, [reaching("db", app="new")])


def test_an_app_may_reach_itself_from_its_start() -> None:
    require_reached({}, [reaching("web")])


def test_a_reached_app_is_not_removed() -> None:
    with pytest.raises(AppReached) as refusal:
        require_reached(SPECS, [wishes.removed(SPECS["api"])])

    assert refusal.value.message == "api is reached by web and cannot be removed"
    assert refusal.value.hint == "update --no-reach web    (or: rm api web -y)"


def test_the_hint_keeps_the_other_apps_that_are_reached() -> None:
    specs = {**SPECS, "web": reaching("api", "db")}

    with pytest.raises(AppReached) as refusal:
        require_reached(specs, [wishes.removed(specs["api"])])

    assert refusal.value.hint == "update --reach db web    (or: rm api web -y)"


def test_a_reached_app_is_removed_together_with_those_that_reach_it() -> None:
    require_reached(SPECS, [wishes.removed(SPECS[name]) for name in ("api", "web")])
    leaving = {**SPECS, "web": wishes.removed(SPECS["web"])}
    require_reached(leaving, [wishes.removed(leaving["api"])])


def test_an_app_that_an_update_may_fall_back_to_reaching_is_not_removed() -> None:
    updating = replace(reaching(), fallback=Past(1, reaching("api").template))

    with pytest.raises(AppReached) as refusal:
        require_reached({**SPECS, "web": updating}, [wishes.removed(SPECS["api"])])

    assert refusal.value.hint == "wait web ready    (or: rm api web -y)"


def test_what_the_former_revision_of_a_stopped_app_reaches_is_not_removed_until_it_was_started() -> None:
    stopped = wishes.stopped(SPECS["web"], None)
    updated = wishes.updated(stopped, replace(stopped.template, reach=()))

    with pytest.raises(AppReached) as refusal:
        require_reached({**SPECS, "web": updated}, [wishes.removed(SPECS["api"])])

    assert refusal.value.message == (
        "api is reached by web (until its update has proved itself) and cannot be removed"
    )
    assert refusal.value.hint == "start web    (or: rm api web -y)"


def test_what_does_not_touch_reach_is_never_refused_for_it() -> None:
    orphan = {"web": SPECS["web"]}

    require_reached(orphan, [replace(orphan["web"], want=5)])
