"""Checks for what carries the mark of a cloud that is down: a reboot or a `down` that was cut short left it.

A cloud of which a process runs, or whose directory in /run is there, is up; one of which an `up` or `down`
is at work is on its way. Nothing of these is a leftover. Only what belongs to a cloud that this machine
knows, by its state, is removed unasked; a label alone may be a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from manager.api.cite import cited
from manager.api.errors import CloudError, EngineError, NetworkFailed, UsageError
from manager.api.places import Places, places_of
from manager.engine.survey import containers_by_cloud
from manager.host.checks.finding import Finding, fail, ok, warn
from manager.host.down import take_down
from manager.host.network import translated
from manager.host.processes import processes_of
from manager.host.remains import LeftBehind
from manager.host.telling import simplecloud
from manager.host.turn import is_taken, taken_turns, turn_file, turn_if_free
from netsetup.survey import Survey, survey


def check_leftovers(asked: Places, docker: Path | None) -> Iterator[Finding]:
    """Yield a line for each cloud that left something, or one that says that none did.

    docker: the socket where the Docker answers whose containers are looked at, None when none does.
    """
    # before looking: one that goes down meanwhile leaves nothing
    before = _directories(asked.run.parent) | taken_turns(asked.run.parent)
    try:
        containers = containers_by_cloud(docker) if docker is not None else {}
        with translated():
            network = survey()
    except (EngineError, NetworkFailed) as error:
        fix = f"sudo {simplecloud(asked, 'doctor')}"
        yield warn("leftovers", f"cannot look for them: {error.message}", fix)
        return
    known = _directories(asked.state.parent) | {asked.cloud}
    marks = marks_by_cloud(containers, network, known | before)
    found = list(leftovers({cloud: marks[cloud] for cloud in marks.keys() - before}, known))
    yield from found or [ok("leftovers", "none: no container, link or rule of a cloud that is down")]


def _directories(parent: Path) -> set[str]:
    return {directory.name for directory in parent.glob("*/")}


def marks_by_cloud(
    containers: Mapping[str, list[str]], network: Survey, known: set[str]
) -> dict[str, LeftBehind]:
    """Return what carries each cloud's mark; tables of a tag that no known name has go by the tag."""
    clouds = {*known, *containers, *network.links, *network.rules}
    tags = {Places(cloud).tag: cloud for cloud in clouds}
    tables = {tags.get(tag, f"sc_{tag}"): count for tag, count in network.tables.items()}
    return {
        cloud: LeftBehind(
            len(containers.get(cloud, ())),
            network.links.get(cloud, 0),
            network.rules.get(cloud, 0) + tables.get(cloud, 0),
        )
        for cloud in {*clouds, *tables}
    }


def leftovers(marks: Mapping[str, LeftBehind], known: set[str]) -> Iterator[Finding]:
    """Yield what clouds that are down left, by name."""
    for cloud, left in sorted(marks.items()):
        try:
            places = places_of(cloud)
        except UsageError:  # no name of a cloud: the tables of a tag that nobody has
            yield warn("leftovers", f"{left.words()} of no known cloud", f"nft list ruleset | grep {cloud}")
            continue
        if not left.words() or _is_begun(places) or is_taken(turn_file(places)):
            continue
        fact = f"the cloud {cited(cloud)} is down, and left {left.words()}"
        fix = simplecloud(places, "down")
        if cloud in known:
            yield fail("leftovers", fact, fix, partial(_remove, places))
        else:
            yield warn("leftovers", f"{fact}; it has no state here", fix)


def _is_begun(places: Places) -> bool:
    return places.run.exists() or bool(processes_of(places, "keeper") + processes_of(places, "manager"))


def _remove(places: Places) -> str:
    """What the cloud left is gone. Raises CloudError."""
    with turn_if_free(places) as ours:
        if not ours or _is_begun(places):
            return f"the cloud {cited(places.cloud)} is on its way up or down: left alone"
        left = take_down(places, purge=False)
    if not left.nothing:
        raise CloudError(f"cloud {cited(places.cloud)}: {left.sentence()}", hint=simplecloud(places, "down"))
    return f"removed what the cloud {cited(places.cloud)} had left; {left.sentence()}"
