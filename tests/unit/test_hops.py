"""`trace` marks the hop that fails, says what mends it, and stops telling of a worker there."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from manager.api.views import CheckView
from manager.engine.containers import Container
from manager.service.hops import Seen, Sights, hops
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.templates import Health, Template
from manager.state.world import World

KEY = WorkerKey("web", 1, 1)
ADDRESS = IPv4Address("10.200.0.2")
SPEC = AppSpec(
    name="web",
    number=1,
    revision=1,
    template=Template(("serve",), "simplecloud/base", port=8000, health=Health("http")),
    want=1,
    created_at=0.0,
    hosts=("web.localhost",),
    paths=("/web",),
)
RECORD = WorkerRecord("web", 1, 1, number=1, turn=0, address=ADDRESS, drain_s=10, created_at=0.0, port=8000)
CONTAINER = Container(
    name="sc_test_web_1_1",
    id="0123456789abcdef",
    app="web",
    slot=1,
    revision=1,
    state="running",
    pid=812,
    netns="/proc/1/ns/net",
    exit_code=0,
    oom_killed=False,
    started_at=0.0,
    finished_at=None,
    order="",
    labels={},
)
WORLD = World(
    now=60.0,
    revision=1,
    subnet=IPv4Network("10.200.0.0/22"),
    specs={"web": SPEC},
    records={KEY: RECORD},
    containers={KEY: CONTAINER},
)
WELL = Seen(True, True, True, {8000: frozenset({IPv4Address("0.0.0.0")})}, True, "GET / 200 in 1 ms")
SIGHTS = Sights(
    entry="127.0.0.1:8080",
    entry_accepts=True,
    live={"web": frozenset({"w_web_1_1"})},
    faults={},
    bridge="sc12abbr",
    bridge_intact=True,
    rules_intact=True,
    status=200,
    workers={KEY: WELL},
)


def seen(worker: Seen) -> list[CheckView]:
    return hops(WORLD, SPEC, replace(SIGHTS, workers={KEY: worker}))


def failing(checks: list[CheckView]) -> list[CheckView]:
    return [check for check in checks if check.state == "FAIL"]


def test_every_hop_of_a_way_that_works_is_ok() -> None:
    found = hops(WORLD, SPEC, SIGHTS)

    assert failing(found) == []
    assert [check.name for check in found] == [
        "entry point",
        "router",
        "service",
        "bridge",
        "web.1 container",
        "web.1 veth",
        "web.1 namespace",
        "web.1 port",
        "web.1 health",
        "request",
    ]


@pytest.mark.parametrize(
    ("sights", "name", "fix"),
    [
        (replace(SIGHTS, entry_accepts=False), "entry point", "doctor --fix"),
        (replace(SIGHTS, live=None), "router", "doctor --fix"),
        (replace(SIGHTS, faults={"web": "bad rule"}), "router", "describe web"),
        (replace(SIGHTS, live={"web": frozenset()}), "service", "ps web"),
        (replace(SIGHTS, bridge_intact=False), "bridge", "net --repair"),
        (replace(SIGHTS, rules_intact=False), "bridge", "net --repair"),
        (replace(SIGHTS, workers={}), "web.1 container", "logs web.1"),
        (replace(SIGHTS, status=503), "request", "logs web --tail 20"),
        (replace(SIGHTS, status=None), "request", "ps web"),
    ],
)
def test_the_hop_that_fails_is_marked_with_its_fix(sights: Sights, name: str, fix: str) -> None:
    assert [(check.name, check.fix) for check in failing(hops(WORLD, SPEC, sights))] == [(name, fix)]


@pytest.mark.parametrize("hanging", [replace(SIGHTS, live=None), replace(SIGHTS, entry_accepts=False)])
def test_a_request_that_the_proxy_does_not_answer_is_not_for_the_app_to_mend(hanging: Sights) -> None:
    request = hops(WORLD, SPEC, replace(hanging, status=None))[-1]

    assert (request.name, request.state, request.fix) == ("request", "FAIL", "doctor --fix")


@pytest.mark.parametrize(
    ("worker", "name", "fix"),
    [
        (replace(WELL, attached=None), "web.1 veth", "net --repair"),
        (replace(WELL, attached=False), "web.1 veth", "net --repair"),
        (replace(WELL, bound=False), "web.1 veth", "net --repair"),
        (replace(WELL, addressed=False), "web.1 namespace", "restart web.1"),
        (replace(WELL, listening={}), "web.1 port", "logs web.1"),
        (replace(WELL, healthy=False, answer="GET / 500"), "web.1 health", "logs web.1 --tail 20"),
    ],
)
def test_of_a_worker_nothing_is_told_behind_the_hop_that_fails(worker: Seen, name: str, fix: str) -> None:
    of_worker = [check for check in seen(worker) if check.name.startswith("web.1")]

    assert [(check.name, check.fix) for check in failing(of_worker)] == [(name, fix)]
    assert of_worker[-1].name == name


def test_the_update_that_mends_a_tcp_app_leaves_it_one() -> None:
    listening = {9000: frozenset({IPv4Address("0.0.0.0")})}

    spec = replace(SPEC, template=replace(SPEC.template, protocol="tcp"), tcp_port=9001)
    world = replace(WORLD, specs={spec.name: spec})
    sights = replace(SIGHTS, workers={KEY: replace(WELL, listening=listening)})

    found = hops(world, spec, sights)

    assert "update web -p 9000/tcp" in [check.fix for check in failing(found)]


def test_a_program_on_another_port_is_named_with_the_update_that_mends_it() -> None:
    listening = {9000: frozenset({IPv4Address("0.0.0.0")})}

    found = failing(seen(replace(WELL, listening=listening)))

    assert [(check.fact, check.fix) for check in found] == [
        ("nothing listens on 8000, but on 9000", "update web -p 9000")
    ]


def test_a_program_that_listens_on_loopback_is_told_apart_from_one_that_does_not_listen() -> None:
    listening = {8000: frozenset({IPv4Address("127.0.0.1")})}

    found = failing(seen(replace(WELL, listening=listening)))

    assert [check.fact for check in found] == ["listens on 127.0.0.1 only, where nobody else reaches it"]


def test_no_way_leads_to_a_spare() -> None:
    spare = replace(RECORD, slot=2, spare=True)
    world = replace(WORLD, records={KEY: RECORD, spare.key: spare})

    assert not any(check.name.startswith("web.2") for check in hops(world, SPEC, SIGHTS))


def test_a_stopped_app_is_told_to_be_started() -> None:
    stopped = replace(SPEC, stopped=True)
    sights = replace(SIGHTS, live={"web": frozenset()}, workers={}, status=503)
    world = replace(WORLD, specs={"web": stopped}, records={}, containers={})

    found = failing(hops(world, stopped, sights))

    assert found[0].fix == "start web"
