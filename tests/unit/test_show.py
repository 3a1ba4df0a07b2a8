"""A picture of the cloud as the lines that people read."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from manager.observe.cgroups import Usage
from manager.observe.verdicts import Verdict
from manager.scaling.measure import Measures
from manager.service.show import (
    LATELY_S,
    Addressing,
    app_view,
    is_as_asked,
    route_views,
    worker_view,
    worker_views,
)
from manager.state.ending import Ending
from manager.state.model import AppSpec, Autoscale, Past, ScalingTarget, WorkerKey, WorkerRecord
from manager.state.world import World
from tests.simulation.worlds import NOW, a_worker, an_app, ended, known, serving, without

ADDRESSING = Addressing("127.0.0.1", 8080)
NOTHING = Measures()
WEB_1, WEB_2 = WorkerKey("web", 1, 1), WorkerKey("web", 2, 1)


def note(world: World, spec: AppSpec, measures: Measures = NOTHING) -> str:
    return app_view(world, spec, measures, ADDRESSING).note


def state_and_reason(world: World, record: WorkerRecord) -> tuple[str, str]:
    view = worker_view(world, record, NOTHING)
    return view.state, view.reason


def test_an_app_in_service_has_all_its_workers_ready_and_no_note(world: World) -> None:
    view = app_view(world, an_app(), NOTHING, ADDRESSING)

    assert (view.ready, view.want, view.note) == (2, 2, "")
    assert view.urls == ["http://web.localhost:8080/", "http://127.0.0.1:8080/web/"]


def test_an_app_whose_workers_find_no_address_says_so(world: World) -> None:
    only = replace(a_worker(1), address=IPv4Address("10.9.0.10"))
    full = replace(serving([an_app(want=1)], [only]), subnet=IPv4Network("10.9.0.8/30"))

    assert note(full, an_app(want=1)) == ""
    assert note(full, an_app(want=2)) == "every address of 10.9.0.8/30 is used (1)"
    assert note(world, an_app(want=3)) == ""


def updating() -> AppSpec:
    return replace(an_app(), revision=2, newest=2, fallback=Past(1, an_app().template))


def test_a_slot_whose_turn_in_an_update_has_not_come_lacks_no_address() -> None:
    first = replace(a_worker(1, 2), address=IPv4Address("10.9.0.10"))
    full = replace(serving([updating()], [first, a_worker(2)]), subnet=IPv4Network("10.9.0.8/30"))
    starting = without(full, first.key)

    assert "web.1 starting" in note(starting, updating())
    assert "every address" not in note(starting, updating())
    assert "every address" in note(starting, replace(updating(), parallel=2))


def test_during_an_update_every_slot_that_serves_is_ready_and_the_note_counts_the_new_ones() -> None:
    spec = updating()
    view = app_view(serving([spec], [a_worker(1), a_worker(1, 2), a_worker(2)]), spec, NOTHING, ADDRESSING)

    assert (view.ready, view.want, view.updated) == (2, 2, 1)
    assert view.note == "updating to revision 2: 1 of 2"


def test_why_an_update_does_not_get_on_stands_beside_how_far_it_is() -> None:
    spec = updating()
    world = serving([spec], [a_worker(1), a_worker(1, 2), a_worker(2)])
    refused = {WorkerKey("web", 1, 2): Verdict(False, "GET / refused", NOW, 0.1)}

    unwell = replace(world, verdicts={**world.verdicts, **refused})

    assert note(unwell, spec) == "updating to revision 2: 0 of 2; web.1 unready: GET / refused"


def test_an_app_is_not_as_asked_while_an_update_is_under_way_or_a_worker_is_not_ready(world: World) -> None:
    through = serving([updating()], [a_worker(1, 2), a_worker(2, 2)])

    assert is_as_asked(world, an_app())
    assert not is_as_asked(through, updating())
    assert is_as_asked(through, replace(updating(), fallback=None))
    assert not is_as_asked(ended(world, WEB_1), an_app())


def test_an_app_that_is_left_alone_says_which_record_cannot_be_read_and_so_do_its_lost_workers(
    world: World,
) -> None:
    alone = replace(ended(world, WEB_1), unreadable={"web": "workers/web/3/1"})

    reasons = [view.reason for view in worker_views(alone, an_app(), NOTHING, everything=False)]

    assert note(alone, an_app()) == "left alone: the record workers/web/3/1 cannot be read"
    assert reasons == ["exit code 1; left alone: the record workers/web/3/1 cannot be read", ""]


def test_what_keeps_the_manager_from_a_step_that_is_due_is_told_of_a_ready_worker(world: World) -> None:
    hindered = replace(world, hindered={WEB_2: "another container has the name x"})

    assert state_and_reason(hindered, a_worker(2)) == ("ready", "another container has the name x")
    assert note(hindered, an_app()) == "web.2: another container has the name x"


def test_what_was_not_observed_is_not_known(world: World) -> None:
    view = app_view(world, an_app(), NOTHING, ADDRESSING)

    assert (view.rate_rps, view.p95_s, view.cpu_cores, view.memory_bytes) == (None, None, None, None)


def test_an_app_uses_what_its_workers_use(world: World) -> None:
    measures = Measures(usage={WEB_1: Usage(9.0, 100, 0.25), WEB_2: Usage(9.0, 50)})

    view = app_view(world, an_app(), measures, ADDRESSING)

    assert (view.cpu_cores, view.memory_bytes) == (0.25, 150)


def test_a_tcp_app_is_reached_at_its_reserved_port(world: World) -> None:
    spec = an_app()
    tcp = replace(spec, template=replace(spec.template, protocol="tcp"), tcp_port=9001, hosts=(), paths=())

    (route,) = route_views(serving([tcp], [a_worker(1)]), tcp, ADDRESSING)

    assert (route.rule, route.url, route.live) == ("port 9001", "tcp://127.0.0.1:9001", True)


def test_an_app_without_a_port_has_no_route(world: World) -> None:
    spec = replace(an_app(), template=replace(an_app().template, port=None), hosts=(), paths=())

    assert app_view(world, spec, NOTHING, ADDRESSING).urls == []


def test_a_worker_that_listens_without_a_route_is_noted() -> None:
    spec = replace(an_app(want=0), template=replace(an_app().template, port=None))

    assert note(serving([], []), spec, Measures(listening={"web": 8000})) == (
        "listens on port 8000 and has no route: update web -p 8000    (not http: -p 8000/tcp)"
    )


def test_an_app_that_others_reach_is_noted_to_listen_and_needs_no_route() -> None:
    spec = replace(an_app(want=0), template=replace(an_app().template, port=None))
    other = replace(an_app("api"), template=replace(an_app().template, reach=("web",)))

    assert note(serving([spec, other], []), spec, Measures(listening={"web": 6379})) == (
        "listens on port 6379"
    )


def test_each_address_of_an_app_is_a_route_with_the_workers_that_are_ready(world: World) -> None:
    routes = route_views(world, an_app(), ADDRESSING)

    assert [route.rule for route in routes] == ["host web.localhost", "path /web"]
    assert routes[0].workers == ["web.1", "web.2"]
    assert routes[0].weights == [1, 1]
    assert (routes[0].health, routes[0].live) == ("GET /", True)


def test_an_app_whose_workers_are_all_down_has_a_dead_route(world: World) -> None:
    down = ended(ended(world, WEB_1), WEB_2)

    assert [route.live for route in route_views(down, an_app(), ADDRESSING)] == [False, False]


def test_a_route_of_which_the_proxy_says_nothing_is_not_called_live(world: World) -> None:
    silent = replace(world, live=None)

    assert [route.live for route in route_views(silent, an_app(), ADDRESSING)] == [False, False]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"removing": True}, "being removed"),
        ({"stopped": True}, "stopped; start web brings 2 back"),
        ({"stopped_slots": frozenset({3})}, "stopped: web.3"),
        ({"stopped": True, "stopped_slots": frozenset({2})}, "stopped; start web brings 3 back"),
    ],
)
def test_what_the_operator_did_is_noted(world: World, changed: dict[str, Any], words: str) -> None:
    assert note(world, replace(an_app(), **changed)) == words


def test_the_worst_worker_is_noted(world: World) -> None:
    unwell = replace(world, verdicts={**world.verdicts, WEB_1: Verdict(False, "GET / 503", NOW, 0.1)})
    worse = known(
        ended(unwell, WEB_2), replace(a_worker(2), ending=Ending(NOW, "c", 3, "exit code 3"), failures=1)
    )

    assert note(unwell, an_app()) == "web.1 unready: GET / 503"
    assert note(worse, an_app()) == "web.2 failed: exit code 3"


def test_a_worker_that_is_ready_again_is_noted_with_how_it_ended_for_five_minutes(world: World) -> None:
    ending = Ending(NOW - LATELY_S + 1, "c", 1, "exit code 1", last_lines=("no weights",))
    again = known(world, replace(a_worker(2), restarts=3, failures=1, ending=ending))

    assert note(again, an_app()) == ("web.2 restarted 3 times: exit code 1; said: no weights")
    assert note(replace(again, now=NOW + 1), an_app()) == ""


def test_a_ready_worker_has_its_address_process_and_start(world: World) -> None:
    view = worker_view(world, a_worker(1), NOTHING)

    assert (view.name, view.state, view.reason) == ("web.1", "ready", "")
    assert (view.address, view.port, view.pid) == ("10.9.0.11", 8000, 4001)
    assert view.started_at == "1970-01-12T13:45:10.000Z"
    assert len(view.container or "") == 12


def test_a_worker_without_a_container_is_starting(world: World) -> None:
    assert state_and_reason(without(world, WEB_1), a_worker(1)) == (
        "starting",
        "its container is being created",
    )


def test_a_worker_that_was_never_healthy_has_its_time_to_start(world: World) -> None:
    verdicts = {WEB_1: Verdict(False, "GET / refused", NOW, 0.1)}
    young = replace(world, verdicts=verdicts, answered=frozenset())
    container = replace(young.containers[WEB_1], started_at=NOW - 5)

    assert state_and_reason(young, a_worker(1)) == ("unready", "GET / refused")
    assert state_and_reason(
        replace(young, containers={**young.containers, WEB_1: container}), a_worker(1)
    ) == ("starting", "GET / refused")


def test_a_healthy_worker_is_not_ready_before_the_proxy_has_it(world: World) -> None:
    assert state_and_reason(replace(world, live={}), a_worker(1)) == (
        "starting",
        "healthy; the proxy has not taken it up yet",
    )


def test_a_worker_whose_route_is_gone_is_not_ready_though_the_proxy_has_yet_to_follow(world: World) -> None:
    state, _ = state_and_reason(replace(world, routes={}), a_worker(1))

    assert state == "starting"


def test_a_worker_that_waits_says_why_what_it_said_last_and_when_it_starts_again(world: World) -> None:
    ending = Ending(NOW, "c", 1, "exit code 1", last_lines=("first", "no such table ", ""))
    waiting = replace(a_worker(1), ending=ending, failures=5, retry_at=NOW + 8)

    assert state_and_reason(known(ended(world, WEB_1), waiting), waiting) == (
        "backoff",
        "exit code 1; said: no such table; starts again in 8 s",
    )


def test_a_command_that_came_to_its_end_is_no_failure(world: World) -> None:
    done = replace(a_worker(1), ending=Ending(NOW, "c", 0, "exit code 0: the command ended"))

    assert state_and_reason(known(ended(world, WEB_1, 0), done), done) == (
        "stopped",
        "exit code 0: the command ended",
    )
    assert note(known(ended(world, WEB_1, 0), done), an_app()) == "1 of 2 workers have done their work"


def test_a_leaving_worker_tells_its_open_requests(world: World) -> None:
    leaving = replace(a_worker(1), leaving_since=NOW)

    uncounted = replace(known(world, leaving), inflight={WEB_1: None})
    assert state_and_reason(known(world, leaving), leaving) == ("draining", "leaving")
    assert state_and_reason(uncounted, leaving) == ("draining", "leaving")
    assert state_and_reason(replace(known(world, leaving), inflight={WEB_1: 2}), leaving) == (
        "draining",
        "2 open requests",
    )
    template = replace(world.specs["web"].template, protocol="tcp")
    spec = replace(world.specs["web"], template=template, tcp_port=9000)
    of_tcp = replace(known(world, leaving), specs={"web": spec}, inflight={WEB_1: 2})
    assert state_and_reason(of_tcp, leaving) == ("draining", "2 open connections")


def test_a_paused_worker_says_how_to_go_on(world: World) -> None:
    container = replace(world.containers[WEB_1], state="paused")
    paused = replace(world, containers={**world.containers, WEB_1: container})

    assert state_and_reason(paused, a_worker(1)) == (
        "unready",
        "paused by hand: docker unpause sc_default_web_1_1",
    )


def test_stopped_workers_are_shown_when_asked_for(world: World) -> None:
    spec = replace(an_app(), stopped_slots=frozenset({3}))

    assert [view.name for view in worker_views(world, spec, NOTHING, everything=False)] == [
        "web.1",
        "web.2",
    ]
    (stopped,) = worker_views(world, spec, NOTHING, everything=True)[2:]
    assert (stopped.name, stopped.state, stopped.reason) == ("web.3", "stopped", "start web.3")


def test_every_worker_of_a_stopped_app_is_shown_as_stopped() -> None:
    spec = replace(an_app(), stopped=True)

    views = worker_views(serving([spec], []), spec, NOTHING, everything=True)

    assert [(view.name, view.reason) for view in views] == [("web.1", "start web"), ("web.2", "start web")]


def test_a_frozen_app_says_how_it_is_thawed_before_anything_else(world: World) -> None:
    frozen = replace(world, frozen=frozenset({"web"}))

    assert note(frozen, an_app()) == "frozen (thaw web)"
    assert note(replace(world, frozen=frozenset({"all"})), an_app()) == "frozen (thaw)"
    assert note(frozen, replace(an_app(), stopped=True)).startswith("frozen (thaw web); stopped")


def test_a_worker_that_is_not_brought_back_says_why(world: World) -> None:
    frozen = replace(known(world, replace(a_worker(1), was_up=True)), frozen=frozenset({"web"}))
    ending = Ending(NOW - 1, "abc", 3, "exit code 3")
    noted = replace(a_worker(1), ending=ending, retry_at=NOW)

    assert state_and_reason(without(frozen, WEB_1), frozen.records[WEB_1]) == (
        "failed",
        "its container was removed by hand; frozen: thaw web",
    )
    assert state_and_reason(ended(known(frozen, noted), WEB_1), noted) == (
        "backoff",
        "exit code 3; frozen: thaw web",
    )


def test_the_note_of_a_frozen_autoscaled_app_says_so_once(world: World) -> None:
    policy = Autoscale(1, 4)
    target = ScalingTarget(2, 1, NOW, "frozen; 3 req/s fit in 2")
    frozen = replace(world, frozen=frozenset({"web"}), targets={"web": target})

    assert note(frozen, replace(an_app(), autoscale=policy)) == "frozen (thaw web); 3 req/s fit in 2"


def test_an_app_that_workers_are_only_recommended_for_is_scaled_by_hand(world: World) -> None:
    advised = replace(an_app(), autoscale=Autoscale(1, 4, mode="recommend"))
    seen = replace(world, targets={"web": ScalingTarget(2, 1, NOW, "3 req/s expected: 2 workers needed")})

    assert app_view(seen, advised, NOTHING, ADDRESSING).scaling == "manual"
    assert note(seen, advised) == "recommends 2 workers: 3 req/s expected: 2 workers needed"
