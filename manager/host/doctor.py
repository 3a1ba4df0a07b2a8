"""`doctor`: looks at the machine and at one cloud on it; `--fix` mends what is safe to mend.

The result is a finding a line on standard output, as it comes, which the shell renders; what is done goes to
stderr.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from manager.api.errors import CloudError
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.host import dockerd
from manager.host.checks.finding import Finding, fail, warn
from manager.host.checks.leftovers import check_leftovers
from manager.host.checks.machine import check_machine
from manager.host.checks.parts import check_parts
from manager.host.checks.processes import check_processes, is_running, processes_now
from manager.host.checks.records import check_records
from manager.host.docker_host import docker_socket
from manager.host.recall import carried, complaint, remains_of, way_out, write_again
from manager.host.settings import FILE, Settings, load
from manager.host.telling import pasteable, say, simplecloud


def examine(places: Places, *, fix: bool) -> int:
    """Print what was found, after mending with `fix`; returns 1 when something is not well, else 0."""
    found: Iterable[Finding] = look(places)
    if fix:
        found = [*found]
        found = look(places) if mend(found) else found
    failed = False
    for finding in found:
        print(json.dumps(asdict(finding.view)), flush=True)
        failed = failed or finding.view.state == "FAIL"
    return int(failed)


def look(places: Places) -> Iterator[Finding]:
    """Yield every finding about the machine and the cloud."""
    socket = docker_socket(places)
    engine = DockerEngine(places.cloud, socket) if dockerd.state(socket) == "answers" else None
    try:
        yield from (finding.for_cloud(places) for finding in check_machine(engine, socket))
        yield from _cloud(places, engine, socket)
    except CloudError as error:  # Docker went away in the middle
        yield fail("doctor", error.message, simplecloud(places, "doctor"))
    finally:
        if engine is not None:
            engine.close()


def _cloud(places: Places, engine: DockerEngine | None, socket: Path) -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield warn("cloud", "its state is for root: not looked at", f"sudo {simplecloud(places, 'doctor')}")
        return
    try:
        settings = load(places)
    except CloudError as error:
        yield fail("cloud", error.message, pasteable(error.hint, places))
        settings = None
    else:
        if settings is None:
            settings = carried(places) if engine is not None else None
            yield from _lost(places, settings)
    yield from _running(places, settings, engine)
    yield from check_leftovers(places, socket if engine is not None else None)


def _lost(places: Places, told: Settings | None) -> Iterator[Finding]:
    """Yield that the settings are lost, where they should be there; told: what the parts say of them."""
    if told is not None:
        fix = simplecloud(places, "doctor --fix")
        fact = f"{places.state / FILE} is gone; the cloud's parts have what it said"
        yield fail("settings", fact, fix, lambda: write_again(places, told))
    elif remains := remains_of(places):
        yield fail("settings", complaint(places, remains), pasteable(way_out(places), places))


def _running(places: Places, settings: Settings | None, engine: DockerEngine | None) -> Iterator[Finding]:
    seen = processes_now(places, known=settings is not None)
    yield from check_processes(places, seen)
    if settings is not None:
        yield from check_parts(places, settings, engine, running=is_running(seen))
        if is_running(seen):
            yield from check_records(places, settings, engine)


def mend(found: list[Finding]) -> bool:
    """Do what the findings offer, one after the other, and say so; returns whether there was anything.

    Two findings may have one cause, and the second offer finds nothing left to do.
    """
    offers = [(finding.view, finding.mend) for finding in found if finding.mend is not None]
    for view, offer in offers:
        try:
            say(f"{view.name}: {offer()}")
        except CloudError as error:
            say(f"{view.name}: not mended: {error.message}")
    return bool(offers)
