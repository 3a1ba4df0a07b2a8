"""Which worker a target means, where one is needed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from manager.api.errors import WorkerNotFound
from manager.api.values import split_target
from manager.state import wishes
from manager.state.model import AppSpec, WorkerRecord
from manager.state.phase import phase
from manager.state.world import World, is_ready


@dataclass(frozen=True, slots=True)
class Place:
    """A running worker: its name, its container's, and how many its app has running."""

    worker: str
    container: str
    among: int = 1
    notes: list[str] = field(default_factory=list)


def place_of(world: World, word: str) -> Place:
    """Return the running worker that APP, APP.SLOT or a container's id means.

    An app with several means the first that is ready, and a note says which that is.
    Raises AppNotFound, WorkerNotFound.
    """
    name, slot = split_target(word)
    if slot is None and name not in world.specs and (place := _by_id(world, name)):
        return place
    spec = wishes.find(world.specs, name)
    records = [r for r in world.of_app(name) if slot in (None, r.slot)]
    if slot is not None and not records:
        raise WorkerNotFound(f"{name} has no worker {slot}", hint=f"ps {name} -a", word=f"{name}.{slot}")
    running = [record for record in records if _runs(world, record)]
    if not running:
        raise _none_runs(world, spec, slot, records)
    # the first that is ready; one that is leaving only when there is no other
    best = min(running, key=lambda r: (not is_ready(world, r), r.leaving_since is not None, r.slot))
    return _place(world, best, running)


def _by_id(world: World, start: str) -> Place | None:
    """Return the worker whose container's id starts like this; None when there is none."""
    found = [key for key, container in world.containers.items() if container.id.startswith(start)]
    if len(start) < 4 or not found:
        return None
    if len(found) > 1:
        raise WorkerNotFound(
            f"{len(found)} containers have an id that starts with {start}", hint="ps -o wide"
        )
    container, worker = world.containers[found[0]], f"{found[0].app}.{found[0].slot}"
    if container.state != "running":
        raise WorkerNotFound(f"{worker} ({start}) does not run", hint=f"ps {found[0].app} -a")
    return Place(worker, container.name)


def _runs(world: World, record: WorkerRecord) -> bool:
    container = world.containers.get(record.key)
    return container is not None and container.state == "running"


def _place(world: World, record: WorkerRecord, running: list[WorkerRecord]) -> Place:
    worker, among = record.key.label, len({other.slot for other in running})
    notes = [f"{record.app} has {among} workers, this is {worker}"] if among > 1 else []
    notes += [
        f"{worker} is of revision {record.revision}; that of revision {other.revision} is "
        f"{world.containers[other.key].id[:12]}"
        for other in running
        if other.slot == record.slot and other is not record
    ]
    return Place(worker, world.containers[record.key].name, among, notes)


def _none_runs(world: World, spec: AppSpec, slot: int | None, records: list[WorkerRecord]) -> WorkerNotFound:
    if slot is None:
        hint = f"scale {spec.name}=1" if not records else f"ps {spec.name} -a"
        return WorkerNotFound(f"{spec.name} has no running worker", hint=hint)
    found = phase(world, records[0])
    reason = f": {found.reason}" if found.reason else ""
    hint = f"start {spec.name}.{slot}" if found.state == "stopped" else f"ps {spec.name} -a"
    return WorkerNotFound(f"{spec.name}.{slot} does not run ({found.state}{reason})", hint=hint)
