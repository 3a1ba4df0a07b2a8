"""The steps of one pass: what is wanted, recorded and there, and what therefore comes next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Literal

import pytest

from balancer.routes import app_of, render
from manager.observe.verdicts import Verdict
from manager.plan.draft import RESYNC_S
from manager.plan.life import CONFIRM_S, DRAIN_POLL_S, LONGEST_DRAIN_POLL_S, TAKE_UP_S
from manager.plan.plan import STARTS_AHEAD, plan
from manager.plan.steps import (
    Bury,
    Forget,
    Launch,
    MendNetwork,
    Publish,
    Rename,
    Retire,
    SaveRecords,
    SaveSpec,
    Step,
    SweepPort,
)
from manager.plan.updates import UPDATE_LIMIT_S, late_at
from manager.service.waiting import is_settled
from manager.state.ending import HOPELESS, Ending
from manager.state.model import AppSpec, Hurry, Past, Rollback, WorkerKey, WorkerRecord
from manager.state.templates import Health
from manager.state.world import World, route_of
from netsetup.port import Port
from tests.simulation.worlds import NOW, SUBNET, TEMPLATE, a_worker, an_app, ended, known, serving, without

WEB_1, WEB_2 = WorkerKey("web", 1, 1), WorkerKey("web", 2, 1)
FAILING = replace(a_worker(1, 2), failures=HOPELESS, ending=Ending(NOW, "", 125, "no"), retry_at=NOW + 1)


def wanting(world: World, spec: AppSpec) -> World:
    return replace(world, specs={**world.specs, spec.name: spec})


def saved(world: World) -> dict[WorkerKey, WorkerRecord]:
    """Return the records that the plan saves."""
    return {
        record.key: record
        for step in plan(world).steps
        if isinstance(step, SaveRecords)
        for record in step.records
    }


def update_ends(world: World) -> list[SaveSpec]:
    """Return how updates end by the plan."""
    return [step for step in plan(world).steps if isinstance(step, SaveSpec)]


def slow(world: World) -> list[Step]:
    return [step for step in plan(world).steps if isinstance(step, Launch | Bury | Retire)]


def leaving(world: World, key: WorkerKey, since_s: float = 1.0, *, hidden: bool = True) -> World:
    """Return the picture in which a worker is leaving, and when `hidden` has no requests any more."""
    world = known(world, replace(world.records[key], leaving_since=NOW - since_s))
    if not hidden:
        return world
    routes = render(filter(None, [route_of(world, world.specs["web"])]))
    live = {"web": frozenset(name for name in (world.live or {})["web"] if f"_{key.slot}_" not in name)}
    return replace(world, routes=routes, live=live)


def published_after(world: World) -> Mapping[str, str]:
    """Return the routes as they are when the plan's Publish is done."""
    routes = dict(world.routes)
    for step in plan(world).steps:
        if isinstance(step, Publish):
            routes |= step.change.puts
            for key in step.change.deletes:
                del routes[key]
    return routes


def names_in(routes: Mapping[str, str]) -> set[str]:
    return {value for key, value in routes.items() if "/weighted/services/" in key}


def test_a_cloud_as_it_is_wanted_has_no_step_and_waits(world: World) -> None:
    todo = plan(world)

    assert (todo.steps, todo.look_again_s, todo.converged) == ((), RESYNC_S, True)


def test_a_new_slot_gets_a_record_before_anything_else(world: World) -> None:
    grown = wanting(world, an_app(want=3))

    assert list(saved(grown)) == [WorkerKey("web", 3, 1)]
    assert slow(grown) == []


def test_a_recorded_worker_without_a_container_is_launched(world: World) -> None:
    (step,) = slow(without(world, WEB_1))

    assert isinstance(step, Launch)
    assert step.record.key == WEB_1


def test_no_two_workers_get_one_address() -> None:
    addresses = [record.address for record in saved(serving([an_app(want=20)], [a_worker(1)])).values()]

    assert len({*addresses, a_worker(1).address}) == 20


def test_no_worker_gets_the_address_of_one_that_the_store_has_lost() -> None:
    held = Port("sc00w1", SUBNET[2], 1)
    lost = replace(serving([an_app(want=1)], []), bound=(held,))

    assert [record.address for record in saved(lost).values()] == [SUBNET[3]]


def full() -> World:
    """Return the picture of five workers that use every address there is."""
    used = [replace(a_worker(slot), address=IPv4Address(f"10.9.0.{9 + slot}")) for slot in range(1, 6)]
    return replace(serving([an_app(want=5)], used), subnet=IPv4Network("10.9.0.8/29"))


def test_when_every_address_is_used_the_leaving_still_leave() -> None:
    smaller = wanting(wanting(full(), an_app(want=4)), an_app("api", want=1))

    assert [key.label for key in saved(smaller)] == ["web.5"]


def test_a_cloud_that_lacks_an_address_is_not_yet_as_asked() -> None:
    more = plan(wanting(full(), an_app(want=8)))

    assert plan(full()).converged
    assert (more.steps, more.converged) == ((), False)


def test_a_worker_of_a_slot_that_is_not_wanted_is_told_to_leave_and_unpublished(world: World) -> None:
    smaller = wanting(world, an_app(want=1))

    assert saved(smaller)[WEB_2].leaving_since == NOW
    assert names_in(published_after(smaller)) == {"w_web_1_1"}
    assert slow(smaller) == []


def test_a_worker_is_never_removed_while_it_is_published(world: World) -> None:
    world = leaving(world, WEB_2, since_s=100, hidden=False)

    assert slow(world) == []
    assert plan(world).look_again_s == CONFIRM_S


def test_a_worker_is_never_removed_while_the_proxy_serves_it(world: World) -> None:
    hidden = replace(leaving(world, WEB_2, since_s=100), live=world.live)

    assert slow(hidden) == []


def test_a_worker_with_open_requests_stays_until_they_end(world: World) -> None:
    draining = replace(leaving(world, WEB_2, since_s=0.1), inflight={WEB_2: 3})

    assert slow(draining) == []
    assert plan(draining).look_again_s == DRAIN_POLL_S


@pytest.mark.parametrize(("since_s", "again_s"), [(4, 0.2), (9.9, 0.1), (300, LONGEST_DRAIN_POLL_S)])
def test_what_stays_open_for_long_is_looked_at_ever_more_seldom_but_when_the_drain_time_is_over(
    world: World, since_s: float, again_s: float
) -> None:
    drain_s = 10.0 if since_s < 10.0 else 600.0
    draining = replace(leaving(world, WEB_2, since_s), inflight={WEB_2: 1})
    patient = known(draining, replace(draining.records[WEB_2], drain_s=drain_s))

    assert plan(patient).look_again_s == pytest.approx(again_s)


def test_a_worker_stays_until_it_is_sure_that_no_request_is_open(world: World) -> None:
    unsure = replace(leaving(world, WEB_2, since_s=8), inflight={WEB_2: None})

    assert slow(unsure) == []
    assert plan(unsure).look_again_s == DRAIN_POLL_S


def test_a_worker_is_removed_when_its_drain_time_is_over(world: World) -> None:
    (step,) = slow(replace(leaving(world, WEB_2, since_s=11), inflight={WEB_2: 3}))

    assert isinstance(step, Retire)
    assert step.reason == "drain time is over with 3 open requests"


def test_of_a_tcp_app_connections_are_open_and_not_requests(world: World) -> None:
    late = replace(leaving(world, WEB_2, since_s=11), inflight={WEB_2: 1})
    spec = replace(late.specs["web"], template=replace(TEMPLATE, protocol="tcp"), tcp_port=9000)

    (step,) = slow(replace(late, specs={"web": spec}))

    assert isinstance(step, Retire)
    assert step.reason == "drain time is over with 1 open connection"


def test_a_worker_without_open_requests_is_removed_at_once(world: World) -> None:
    (step,) = slow(leaving(world, WEB_2))

    assert step == Retire(leaving(world, WEB_2).records[WEB_2], "no open requests")


def test_a_worker_of_a_tcp_app_leaves_without_open_connections(world: World) -> None:
    late = leaving(world, WEB_2)
    spec = replace(late.specs["web"], template=replace(TEMPLATE, protocol="tcp"), tcp_port=9000)

    (step,) = slow(replace(late, specs={"web": spec}))

    assert step == Retire(late.records[WEB_2], "no open connections")


def test_a_worker_without_a_port_leaves_with_nothing_to_wait_for(world: World) -> None:
    late = leaving(world, WEB_2)
    portless = replace(late.records[WEB_2], port=None)

    (step,) = slow(replace(late, records={**late.records, WEB_2: portless}))

    assert step == Retire(portless, "nothing to wait for")


def test_a_worker_without_a_port_leaves_at_once_also_while_the_proxy_does_not_say(world: World) -> None:
    silent = replace(leaving(world, WEB_2), live=None)
    portless = replace(silent.records[WEB_2], port=None)

    assert slow(known(silent, portless)) == [Retire(portless, "nothing to wait for")]


def test_while_the_proxy_does_not_say_a_worker_stays_for_its_drain_time(world: World) -> None:
    silent = replace(leaving(world, WEB_2), live=None)

    assert slow(silent) == []
    assert len(slow(replace(silent, now=NOW + 60))) == 1


def test_a_hurried_stop_waits_for_no_request_but_for_the_routes(world: World) -> None:
    hurried = wanting(world, replace(an_app(want=1), hurry=Hurry(NOW)))

    assert len(slow(replace(leaving(hurried, WEB_2), inflight={WEB_2: 3}, live=world.live))) == 1
    assert slow(leaving(hurried, WEB_2, hidden=False)) == []


@pytest.mark.parametrize(
    ("inflight", "reason"),
    [
        ({}, "open requests not waited for"),
        ({WEB_2: None}, "open requests not waited for"),
        ({WEB_2: 2}, "2 open requests not waited for"),
        ({WEB_2: 0}, "no open requests"),
    ],
)
def test_a_hurried_stop_tells_of_no_open_requests_only_where_they_were_counted(
    world: World, inflight: Mapping[WorkerKey, int | None], reason: str
) -> None:
    hurried = wanting(world, replace(an_app(want=1), hurry=Hurry(NOW)))

    (step,) = slow(replace(leaving(hurried, WEB_2), inflight=inflight))

    assert isinstance(step, Retire)
    assert step.reason == reason


def test_a_drain_time_that_ends_before_a_second_count_tells_of_no_count(world: World) -> None:
    (step,) = slow(replace(leaving(world, WEB_2, since_s=11), inflight={WEB_2: None}))

    assert isinstance(step, Retire)
    assert step.reason == "drain time is over"


@pytest.mark.parametrize("hurry", [Hurry(NOW, frozenset({1})), Hurry(NOW - 3600)], ids=["slot", "time"])
def test_a_hurry_is_for_the_workers_that_it_named_when_they_were_there(world: World, hurry: Hurry) -> None:
    hurried = wanting(world, replace(an_app(want=1), hurry=hurry))

    assert slow(replace(leaving(hurried, WEB_2), inflight={WEB_2: 3})) == []


def test_a_worker_is_forgotten_when_nothing_of_it_is_left(world: World) -> None:
    gone = without(leaving(world, WEB_2), WEB_2)

    (step,) = plan(gone).steps
    assert step == Forget((WEB_2,), (), "gone: web.2")


def test_an_app_is_forgotten_after_its_last_worker() -> None:
    removed = serving([replace(an_app(want=1), removing=True)], [])

    publish, forget = plan(removed).steps
    assert isinstance(publish, Publish)
    assert not any(app_of(key) for key in published_after(removed))
    assert forget == Forget((), ("web",), "gone: web")


@pytest.mark.parametrize(
    "joining",
    [{"network_intact": False}, {"busy": frozenset({WEB_1, WEB_2})}],
    ids=["no bridge", "under way"],
)
def test_routes_stay_while_all_their_workers_are_joined_to_the_bridge_again(
    world: World, joining: dict[str, Any]
) -> None:
    cut_off = replace(world, attached=frozenset(), wired=frozenset())

    assert names_in(published_after(replace(cut_off, **joining))) == {"w_web_1_1", "w_web_2_1"}
    assert names_in(published_after(cut_off)) == set()


def test_routes_go_when_nobody_will_join_their_workers_again(world: World) -> None:
    cut_off = replace(frozen(up(world)), attached=frozenset(), wired=frozenset(), network_intact=False)

    assert names_in(published_after(cut_off)) == set()


def test_an_ending_is_noted_before_there_is_another_container(world: World) -> None:
    (step,) = slow(ended(world, WEB_1))

    assert isinstance(step, Bury)
    assert names_in(published_after(ended(world, WEB_1))) == {"w_web_2_1"}


def test_a_noted_ending_waits_for_its_time(world: World) -> None:
    ending = Ending(NOW - 1, world.containers[WEB_1].id, 1, "exit code 1")
    waiting = ended(known(world, replace(a_worker(1), ending=ending, failures=3, retry_at=NOW + 1)), WEB_1)
    over = known(waiting, replace(waiting.records[WEB_1], retry_at=NOW))

    assert slow(waiting) == []
    assert plan(waiting).look_again_s == 1
    assert isinstance(slow(over)[0], Launch)


def test_a_worker_that_its_policy_does_not_restart_stays_ended(world: World) -> None:
    ending = Ending(NOW - 1, world.containers[WEB_1].id, 0, "exit code 0: the command ended")

    assert slow(ended(known(world, replace(a_worker(1), ending=ending)), WEB_1)) == []


def test_a_worker_that_lost_its_link_is_joined_again(world: World) -> None:
    (step,) = slow(replace(world, wired=frozenset({WEB_2})))

    assert isinstance(step, Launch)
    assert step.reason == "its port or its rules are not as they should be"


def test_a_worker_that_could_not_be_joined_waits_for_its_time(world: World) -> None:
    ending = Ending(NOW - 1, "", 125, "the bridge is full")
    cut = replace(world, wired=frozenset({WEB_2}))
    waiting = known(cut, replace(a_worker(1), ending=ending, failures=3, retry_at=NOW + 1))

    assert slow(waiting) == []
    assert plan(waiting).look_again_s == 1
    assert isinstance(slow(replace(waiting, now=NOW + 1))[0], Launch)


def test_a_new_worker_may_do_what_its_template_allows(world: World) -> None:
    free = replace(an_app(want=3), template=replace(TEMPLATE, egress=True))

    assert saved(wanting(world, free))[WorkerKey("web", 3, 1)].egress


def test_nothing_is_done_to_a_worker_with_a_step_under_way(world: World) -> None:
    busy = replace(without(wanting(world, an_app(want=1)), WEB_2), busy=frozenset({WEB_2}))

    assert WEB_2 not in saved(busy)
    assert slow(busy) == []


def test_a_worker_that_does_not_answer_is_taken_out_of_the_routes(world: World) -> None:
    unwell = replace(world, verdicts={**world.verdicts, WEB_1: Verdict(False, "no answer", NOW, 1.0)})

    assert names_in(published_after(unwell)) == {"w_web_2_1"}


def test_the_proxy_is_asked_often_whether_it_takes_up_a_worker_that_answers_and_not_one_that_hangs(
    world: World,
) -> None:
    alone = wanting(without(world, WEB_2), an_app(want=1))
    answers = replace(alone, live={})
    hangs = replace(alone, verdicts={WEB_1: Verdict(False, "no answer", NOW, 1.0)})

    assert plan(answers).look_again_s == TAKE_UP_S
    assert names_in(published_after(hangs)) == {"w_web_1_1"}  # it is the only one
    assert plan(hangs).look_again_s == RESYNC_S


def test_a_new_manager_takes_nobody_out_of_the_routes(world: World) -> None:
    assert plan(replace(world, verdicts={}, answered=frozenset())).steps == ()


def test_a_fresh_worker_is_not_published_before_it_answers(world: World) -> None:
    fresh = {key: value for key, value in world.routes.items() if "w_web_2" not in value + key}

    assert names_in(published_after(replace(world, routes=fresh, verdicts={}))) == {"w_web_1_1"}


def test_foreign_keys_under_the_proxys_root_are_deleted(world: World) -> None:
    strange = replace(world, routes={**world.routes, "http/routers/strange/rule": "Host(`x`)"})

    assert published_after(strange) == world.routes


def test_an_app_without_workers_keeps_its_routers(world: World) -> None:
    stopped = serving([replace(an_app(), stopped=True)], [])

    assert "http/routers/app_web/rule" in published_after(replace(stopped, routes={}))


def test_the_network_is_mended_before_anything_is_joined_to_it(world: World) -> None:
    broken = replace(world, network_intact=False, attached=frozenset(), wired=frozenset())

    assert plan(broken).steps[0] == MendNetwork(tuple(broken.records.values()), {})


def test_a_port_that_nobody_has_is_swept(world: World) -> None:
    assert plan(replace(world, stray_ports=frozenset({"scab12w1"}))).steps == (SweepPort("scab12w1"),)


def test_a_container_without_a_record_is_left_alone(world: World) -> None:
    """An empty or restored store must never kill workers."""
    assert slow(replace(world, records={}, specs={})) == []


def test_nothing_is_done_to_an_app_with_a_record_that_cannot_be_read(world: World) -> None:
    readable = {WEB_1: world.records[WEB_1]}
    unknown = replace(world, unreadable={"web": "workers/web/2/1"}, records=readable)

    assert plan(unknown).steps == ()
    assert plan(wanting(unknown, replace(an_app(want=0), removing=True))).steps == ()


def updating(order: str = "start-first", parallel: int = 1, want: int = 2) -> AppSpec:
    return replace(
        an_app(want=want),
        revision=2,
        newest=2,
        fallback=Past(1, TEMPLATE),
        order="stop-first" if order == "stop-first" else "start-first",
        parallel=parallel,
    )


def test_an_update_starts_one_successor_and_takes_nobody_away(world: World) -> None:
    assert [(key, record.leaving_since) for key, record in saved(wanting(world, updating())).items()] == [
        (WorkerKey("web", 1, 2), None)
    ]


def test_an_update_replaces_as_many_at_a_time_as_was_said(world: World) -> None:
    assert len(saved(wanting(world, updating(parallel=2)))) == 2


def test_an_old_worker_leaves_when_its_successor_is_ready_and_the_next_one_starts() -> None:
    halfway = serving([updating()], [a_worker(1), a_worker(1, 2), a_worker(2)])

    changed = saved(halfway)
    assert changed[WEB_1].leaving_since == NOW
    assert changed[WorkerKey("web", 2, 2)].leaving_since is None


def test_an_old_worker_stays_while_its_successor_is_not_live(world: World) -> None:
    early = serving([updating()], [a_worker(1), a_worker(1, 2), a_worker(2)])
    early = replace(early, live={"web": frozenset({"w_web_1_1", "w_web_2_1"})})

    assert saved(early) == {}


def test_an_update_that_stops_first_takes_one_away_before_its_successor(world: World) -> None:
    stopping = wanting(world, updating("stop-first"))

    assert [(key, record.leaving_since) for key, record in saved(stopping).items()] == [(WEB_1, NOW)]
    assert saved(leaving(stopping, WEB_1)) == {}


def test_of_updates_that_overtake_each_other_one_old_worker_a_slot_stays() -> None:
    third = replace(updating(want=1), revision=3, newest=3)
    second = serving([updating(want=1)], [a_worker(1), a_worker(1, 2)])
    overtaken = replace(second, specs={"web": third})

    assert saved(overtaken)[WEB_1].leaving_since == NOW
    assert WorkerKey("web", 1, 2) not in saved(overtaken)


def test_an_update_has_no_room_while_the_one_that_it_overtook_starts_its_workers(world: World) -> None:
    third = replace(updating(), revision=3, newest=3)
    overtaken = a_worker(1, 2)
    starting = replace(known(wanting(world, third), overtaken), busy=frozenset({overtaken.key}))

    assert saved(starting) == {}
    assert set(saved(replace(starting, busy=frozenset()))) == {overtaken.key, WorkerKey("web", 1, 3)}


def test_when_no_old_worker_is_ready_the_one_an_update_began_from_stays() -> None:
    third = replace(updating(want=1), revision=3, newest=3)
    unready = replace(serving([third], [a_worker(1), a_worker(1, 2)]), live={})

    assert WEB_1 not in saved(unready)
    assert saved(unready)[WorkerKey("web", 1, 2)].leaving_since == NOW


def test_old_workers_with_steps_under_way_do_not_let_all_be_replaced_at_once(world: World) -> None:
    busy = replace(wanting(world, updating()), busy=frozenset({WEB_1, WEB_2}))

    assert len(saved(busy)) == 1


def test_an_update_whose_worker_fails_again_and_again_falls_back(world: World) -> None:
    (step,) = update_ends(known(wanting(world, updating()), FAILING))

    assert (step.spec.revision, step.spec.fallback) == (1, None)


def test_an_update_that_falls_back_keeps_what_the_worker_that_failed_printed_last(world: World) -> None:
    ending = Ending(NOW, "x", 3, "exit code 3", last_lines=("reading", "no database"))

    (step,) = update_ends(known(wanting(world, updating()), replace(FAILING, ending=ending)))

    assert step.spec.rolled_back == Rollback(
        NOW, 2, "web.1 does not stay up: exit code 3", ("reading", "no database")
    )
    assert step.reason == (
        "revision 2 is rolled back: web.1 does not stay up: exit code 3; said: no database"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"verdicts": {WorkerKey("web", 1, 2): Verdict(False, "GET / refused", NOW, 0.0)}},
        {"containers": {}},
    ],
)
def test_a_worker_that_gets_nowhere_takes_the_update_back_in_time(changed: dict[str, Any]) -> None:
    slow = replace(a_worker(1, 2), created_at=NOW - UPDATE_LIMIT_S - 1)
    stuck = replace(serving([updating()], [slow, a_worker(1), a_worker(2)]), live={}, **changed)

    assert [step.spec.revision for step in update_ends(stuck)] == [1]


def test_a_worker_that_ended_once_late_in_an_update_may_try_again() -> None:
    ended = replace(
        a_worker(1, 2), created_at=NOW - 300, failures=1, retry_at=NOW, ending=Ending(NOW, "x", 1, "no")
    )
    broken = replace(serving([updating()], [ended, a_worker(1), a_worker(2)]), containers={}, live={})

    assert update_ends(broken) == []


def test_an_update_is_not_taken_back_for_a_proxy_that_forgot_its_routes() -> None:
    old = replace(a_worker(1, 2), created_at=NOW - 300)
    forgotten = replace(serving([updating()], [old, a_worker(2)]), live={})

    assert update_ends(forgotten) == []
    assert late_at(forgotten, forgotten.specs["web"]) == math.inf


def test_workers_of_two_revisions_are_each_asked_for_their_own_path() -> None:
    asked = replace(TEMPLATE, health=Health("path", "/healthz"))
    halfway = serving([replace(updating(), template=asked)], [a_worker(1, 2), a_worker(1), a_worker(2)])
    keys = published_after(halfway)
    both = replace(halfway.specs["web"], fallback=Past(1, replace(TEMPLATE, health=Health("path", "/up"))))
    checked = published_after(replace(halfway, specs={"web": both}))

    assert not any("healthcheck" in key for key in keys), "one revision is not checked, so none is"
    paths = {key.split("/")[2]: path for key, path in checked.items() if key.endswith("/healthcheck/path")}
    assert paths == {"w_web_1_2": "/healthz", "w_web_2_1": "/up"}


@pytest.mark.parametrize("without", [{"want": 0}, {"stopped": True}])
def test_an_update_proves_itself_with_the_first_workers_that_are_wanted(
    without: dict[str, Any],
) -> None:
    asleep = replace(updating(), **without)
    world = serving([asleep], [])

    assert plan(world).steps == ()
    assert is_settled(world, "web")
    (step,) = update_ends(known(wanting(world, updating()), FAILING))
    assert (step.spec.revision, step.spec.fallback) == (1, None)


def to_tcp(*answering: WorkerRecord) -> World:
    """Return the picture of an app between http and tcp in which these workers answer."""
    template = replace(TEMPLATE, port=9000, protocol="tcp", health=Health("tcp"))
    spec = replace(updating(), template=template, hosts=(), tcp_port=9100)
    past = Past(1, TEMPLATE, hosts=("web.localhost",))
    return serving([replace(spec, fallback=past)], answering)


def test_an_app_is_reached_as_before_until_a_worker_of_another_kind_answers() -> None:
    early = route_of(to_tcp(a_worker(1), a_worker(2)), to_tcp().specs["web"])
    halfway = route_of(to_tcp(a_worker(1, 2), a_worker(1), a_worker(2)), to_tcp().specs["web"])

    assert early is not None
    assert halfway is not None
    assert (early.kind, early.hosts, [server.name for server in early.servers]) == (
        "http",
        ("web.localhost",),
        ["w_web_1_1", "w_web_2_1"],
    )
    assert (halfway.kind, halfway.entry_point, [server.name for server in halfway.servers]) == (
        "tcp",
        "tcp9100",
        ["w_web_1_2"],
    )


@pytest.mark.parametrize(("kind", "routed"), [("tcp", ["w_web_2_1"]), ("http", ["w_web_1_2", "w_web_2_1"])])
def test_a_worker_of_an_overtaken_update_is_in_no_route_of_another_kind(
    kind: Literal["http", "tcp"], routed: list[str]
) -> None:
    template = replace(TEMPLATE, protocol=kind)
    overtaken = replace(updating(), template=template, tcp_port=9100, fallback=Past(1, TEMPLATE))
    answered = serving([overtaken], [a_worker(1, 2), a_worker(2)])
    third = replace(overtaken, template=TEMPLATE, revision=3, newest=3)

    before = route_of(answered, overtaken)
    after = route_of(wanting(answered, third), third)
    later = route_of(replace(answered, specs={"web": third}, routes=render(filter(None, [after]))), third)

    assert before is not None
    assert after is not None
    assert (before.kind, after.kind) == (kind, "http")
    assert [server.name for server in after.servers] == routed
    assert later == after


def test_an_app_keeps_its_route_until_a_worker_without_a_port_is_up() -> None:
    spec = replace(updating(), template=replace(TEMPLATE, port=None, health=Health("none")))
    without_port = replace(a_worker(1, 2), port=None)

    assert route_of(serving([spec], [a_worker(1), a_worker(2)]), spec) is not None
    assert route_of(serving([spec], [without_port, a_worker(1), a_worker(2)]), spec) is None


def test_an_update_is_over_when_all_are_replaced() -> None:
    (step,) = plan(serving([updating()], [a_worker(1, 2), a_worker(2, 2)])).steps

    assert isinstance(step, SaveSpec)
    assert step.spec == replace(updating(), fallback=None)


def wanting_many(count: int) -> World:
    """Return the picture in which `many` has so many records and no container, and `few` has one."""
    records = [a_worker(slot, app="many") for slot in range(1, count + 1)]
    specs = [an_app("many", want=count), an_app("few", want=1)]
    world = serving(specs, [*records, a_worker(1, app="few")])
    return replace(world, containers={}, attached=frozenset(), wired=frozenset(), routes={}, live={})


def starts(world: World) -> list[WorkerKey]:
    return [step.record.key for step in plan(world).steps if isinstance(step, Launch)]


def test_no_more_starts_are_begun_than_keep_docker_busy() -> None:
    many = wanting_many(100)

    begun = starts(many)
    later = starts(replace(many, busy=frozenset(begun[10:])))

    assert (len(begun), len(later)) == (STARTS_AHEAD, 10)


def test_who_asks_for_one_worker_does_not_stand_behind_hundreds() -> None:
    many = wanting_many(100)
    busy = frozenset(WorkerKey("many", slot, 1) for slot in range(1, STARTS_AHEAD))

    assert starts(replace(many, busy=busy)) == [WorkerKey("few", 1, 1)]


def done(world: World, key: WorkerKey) -> World:
    """Return the picture in which the worker's command has ended well, for good."""
    ending = Ending(NOW - 1, world.containers[key].id, 0, "exit code 0: the command ended")
    return known(ended(world, key, 0), replace(world.records[key], ending=ending))


def test_an_update_to_a_command_that_ends_well_replaces_all_and_is_over() -> None:
    second_1, second_2 = WorkerKey("web", 1, 2), WorkerKey("web", 2, 2)
    halfway = done(serving([updating()], [a_worker(1), a_worker(1, 2), a_worker(2)]), second_1)
    through = done(done(serving([updating()], [a_worker(1, 2), a_worker(2, 2)]), second_1), second_2)

    assert saved(halfway).keys() == {WEB_1, second_2}
    assert [step.spec for step in update_ends(through)] == [replace(updating(), fallback=None)]


def test_what_is_done_is_never_late() -> None:
    second = WorkerKey("web", 1, 2)
    old = done(serving([updating()], [a_worker(1, 2), a_worker(2)]), second)
    old = known(old, replace(old.records[second], created_at=NOW - 1000))

    assert late_at(old, old.specs["web"]) > NOW


def frozen(world: World, name: str = "web") -> World:
    return replace(world, frozen=frozenset({name}))


def up(world: World) -> World:
    """Return the picture in which it is known of every worker that it has been up."""
    return known(world, *(replace(record, was_up=True) for record in world.records.values()))


@pytest.mark.parametrize("name", ["web", "all"])
def test_a_worker_that_ended_is_not_started_again_while_its_app_is_frozen(world: World, name: str) -> None:
    ending = Ending(NOW - 1, world.containers[WEB_1].id, 1, "exit code 1")
    over = ended(known(world, replace(a_worker(1), ending=ending, failures=1, retry_at=NOW)), WEB_1)

    assert isinstance(slow(over)[0], Launch)
    assert slow(frozen(over, name)) == []
    assert isinstance(slow(frozen(over, "api"))[0], Launch)


def test_an_ending_is_noted_and_leaves_the_routes_while_frozen(world: World) -> None:
    dead = ended(frozen(up(world)), WEB_1)

    assert isinstance(slow(dead)[0], Bury)
    assert names_in(published_after(dead)) == {"w_web_2_1"}


def test_who_is_up_in_a_frozen_app_is_remembered_once(world: World) -> None:
    assert [record.was_up for record in saved(frozen(world)).values()] == [True, True]
    assert plan(frozen(up(world))).steps == ()


def test_a_container_removed_by_hand_and_a_cut_link_stay_so_while_frozen(world: World) -> None:
    lost = without(replace(up(world), wired=world.wired - {WEB_2}), WEB_1)

    assert slow(frozen(lost)) == []
    assert len(slow(lost)) == 2


def test_what_is_asked_for_is_done_while_frozen(world: World) -> None:
    grown = frozen(up(wanting(world, an_app(want=3))))
    new = known(grown, a_worker(3))

    assert list(saved(grown)) == [WorkerKey("web", 3, 1)]
    assert [step.record.key.slot for step in slow(new) if isinstance(step, Launch)] == [3]
    assert saved(frozen(up(wanting(world, an_app(want=1)))))[WEB_2].leaving_since == NOW


def test_a_first_start_that_failed_is_tried_again_while_frozen(world: World) -> None:
    failed = replace(a_worker(3), ending=Ending(NOW - 1, "", 125, "Docker said no"), failures=1, retry_at=NOW)

    (step,) = slow(frozen(known(up(wanting(world, an_app(want=3))), failed)))

    assert isinstance(step, Launch)


def test_a_frozen_cloud_mends_its_network_only_for_a_worker_that_was_asked_for(world: World) -> None:
    broken = replace(up(world), network_intact=False, attached=frozenset(), wired=frozenset())
    asked = known(wanting(broken, an_app(want=3)), a_worker(3))

    assert not any(isinstance(step, MendNetwork) for step in plan(frozen(broken, "all")).steps)
    assert isinstance(plan(frozen(asked, "all")).steps[0], MendNetwork)
    assert isinstance(plan(frozen(broken, "web")).steps[0], MendNetwork)


def test_a_failed_update_of_a_frozen_app_is_not_taken_back(world: World) -> None:
    assert update_ends(frozen(known(up(wanting(world, updating())), FAILING))) == []


def test_an_update_of_a_frozen_app_ends_when_all_are_replaced() -> None:
    (step,) = plan(frozen(up(serving([updating()], [a_worker(1, 2), a_worker(2, 2)])))).steps

    assert isinstance(step, SaveSpec)


def test_a_renewed_worker_of_a_frozen_app_takes_the_place_of_the_dead(world: World) -> None:
    dead = ended(up(wanting(world, replace(an_app(), turns={1: 1}))), WEB_1)

    assert saved(frozen(dead))[WEB_1].leaving_since == NOW


@pytest.mark.parametrize("frozen", [frozenset(), frozenset({"web"})], ids=["running", "frozen"])
def test_nothing_is_done_to_a_worker_until_its_container_has_its_name(
    world: World, frozen: frozenset[str]
) -> None:
    crashed = ended(replace(world, frozen=frozen), WEB_1)
    renamed = {WEB_1: replace(crashed.containers[WEB_1], name="x")}
    for picture in (crashed, leaving(crashed, WEB_1), without(crashed, WEB_1)):
        steps = plan(replace(picture, misnamed=renamed)).steps

        assert [step for step in steps if isinstance(step, Rename | Launch | Bury | Retire)] == [
            Rename(picture.records[WEB_1], renamed[WEB_1].id, "it was called x")
        ]
