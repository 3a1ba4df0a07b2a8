"""Pictures of a cloud in which all is well, for tests that change one thing about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from balancer.routes import render, server_name
from manager.engine.containers import Container
from manager.observe.verdicts import Verdict
from manager.state.model import AppSpec, WorkerKey, WorkerRecord, container_name
from manager.state.templates import Health, Template
from manager.state.world import World, route_of

NOW = 1_000_000.0
SUBNET = IPv4Network("10.9.0.0/24")
TEMPLATE = Template(command=("serve",), image="simplecloud/base", port=8000, health=Health("http"))


def an_app(name: str = "web", want: int = 2) -> AppSpec:
    return AppSpec(
        name=name,
        number=1,
        revision=1,
        template=TEMPLATE,
        want=want,
        created_at=NOW - 100,
        hosts=(f"{name}.localhost",),
        paths=(f"/{name}",),
    )


def a_worker(slot: int, revision: int = 1, app: str = "web") -> WorkerRecord:
    return WorkerRecord(
        app=app,
        slot=slot,
        revision=revision,
        number=1,
        turn=0,
        address=IPv4Address(f"10.9.0.{10 * revision + slot}"),
        drain_s=10.0,
        created_at=NOW - 100,
        port=8000,
    )


def a_container(key: WorkerKey) -> Container:
    """Return the worker's container; it has been running for a minute and a half."""
    return Container(
        name=container_name("default", key),
        id=f"{key.app}{key.slot}{key.revision}" + "0" * 50,
        app=key.app,
        slot=key.slot,
        revision=key.revision,
        state="running",
        pid=4000 + key.slot,
        netns=f"/proc/{key.slot}{key.revision}/ns/net",
        exit_code=0,
        oom_killed=False,
        started_at=NOW - 90,
        finished_at=None,
        order="",
        labels={},
    )


def ended(world: World, key: WorkerKey, exit_code: int = 1) -> World:
    """Return the picture in which the worker's container has ended."""
    gone = replace(
        world.containers[key], state="exited", exit_code=exit_code, pid=0, netns="", finished_at=NOW - 1
    )
    return replace(
        world,
        containers={**world.containers, key: gone},
        attached=world.attached - {key},
        wired=world.wired - {key},
    )


def without(world: World, key: WorkerKey) -> World:
    """Return the picture in which the worker has no container."""
    containers = {each: container for each, container in world.containers.items() if each != key}
    return replace(world, containers=containers, attached=world.attached - {key}, wired=world.wired - {key})


def known(world: World, *records: WorkerRecord) -> World:
    """Return the picture with these records, in the place of others of their keys."""
    return replace(world, records={**world.records, **{record.key: record for record in records}})


def serving(specs: Iterable[AppSpec], records: Iterable[WorkerRecord]) -> World:
    """Return the picture in which all these workers run, answer, and have their requests."""
    keys = {record.key: record for record in records}
    world = World(
        now=NOW,
        revision=7,
        subnet=SUBNET,
        specs={spec.name: spec for spec in specs},
        records=keys,
        containers={key: a_container(key) for key in keys},
        attached=frozenset(keys),
        wired=frozenset(keys),
        verdicts={key: Verdict(True, "GET / 200", NOW, 0.001) for key in keys},
        answered=frozenset(keys),
        live={
            spec.name: frozenset(server_name(*key) for key in keys if key.app == spec.name) for spec in specs
        },
    )
    routes = filter(None, (route_of(world, spec) for spec in world.specs.values()))
    return replace(world, routes=render(routes))
