"""The workers that a target means, or the one of them that something is done in. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from manager.api.errors import WorkerNotFound
from manager.api.values import split_target
from manager.state import wishes
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.phase import phase
from manager.state.world import World, is_ready, runs


@dataclass(frozen=True, slots=True)
class Place:
    """A worker that something is done in: its name, and its container's.

    among: how many such workers its app has.  runs: whether it does, or has ended.
    """

    worker: str
    container: str
    among: int = 1
    notes: list[str] = field(default_factory=list)
    runs: bool = True


def resolve_target(word: str, world: World | None) -> tuple[str, int | None]:
    """Return app and slot of APP, APP.SLOT or a container id's first digits."""
    name, slot = split_target(word)
    if world is not None and slot is None and name not in world.specs:
        found = _with_id(world, name)
        if len(found) == 1:
            return found[0].app, found[0].slot
    return name, slot


def _with_id(world: World, start: str) -> list[WorkerKey]:
    """Return the workers whose container's id starts like this; none for fewer than four digits."""
    if len(start) < 4:
        return []
    return [key for key, container in world.containers.items() if container.id.startswith(start)]


def workers_of(world: World, name: str, slot: int | None) -> list[WorkerRecord]:
    """Return the workers of an app, or those in one of its slots; raises AppNotFound, WorkerNotFound."""
    spec = wishes.find(world.specs, name)
    records = [record for record in world.of_app(name) if slot in (None, record.slot)]
    if slot is not None and not records:
        raise _no_worker(spec, slot)
    return records


def _no_worker(spec: AppSpec, slot: int) -> WorkerNotFound:
    worker = f"{spec.name}.{slot}"
    if slot in spec.stopped_slots:
        return WorkerNotFound(f"{worker} is stopped", hint=f"start {worker}", word=worker)
    if slot in replace(spec, stopped=False).slots:
        return WorkerNotFound(f"{worker} is stopped", hint=f"start {spec.name}", word=worker)
    return WorkerNotFound(f"{spec.name} has no worker {slot}", hint=f"ps {spec.name} -a", word=worker)


def place_of(world: World, word: str, *, ended: bool = False) -> Place:
    """Return the running worker that APP, APP.SLOT or a container's id means.

    An app with several means the first that is ready, and a note says which that is.  ended: where none runs,
    one whose container is still there will do.  Raises AppNotFound, WorkerNotFound.
    """
    name, slot = split_target(word)
    if slot is None and name not in world.specs and (place := _by_id(world, name, ended=ended)):
        return place
    records = workers_of(world, name, slot)
    running = [record for record in records if runs(world, record)]
    if not running and ended:
        running = [record for record in records if record.key in world.containers]
    if not running:
        raise _none_runs(world, name, slot, records)
    # the first that is ready; one that is leaving only when there is no other
    best = min(running, key=lambda r: (not is_ready(world, r), r.leaving_since is not None, r.slot))
    return _place(world, best, running)


def _by_id(world: World, start: str, *, ended: bool) -> Place | None:
    """Return the worker whose container's id starts like this; None when there is none."""
    found = _with_id(world, start)
    if not found:
        return None
    if len(found) > 1:
        raise WorkerNotFound(
            f"{len(found)} containers have an id that starts with {start}", hint="ps -o wide"
        )
    container, worker = world.containers[found[0]], found[0].label
    if container.state != "running" and not ended:
        raise WorkerNotFound(f"{worker} ({start}) does not run", hint=f"ps {found[0].app} -a")
    return Place(worker, container.name, runs=container.state == "running")


def _place(world: World, record: WorkerRecord, running: list[WorkerRecord]) -> Place:
    worker, among = record.key.label, len({other.slot for other in running})
    notes = [f"{record.app} has {among} workers, this is {worker}"] if among > 1 else []
    notes += [
        f"{worker} is of revision {record.revision}; that of revision {other.revision} is "
        f"{world.containers[other.key].id[:12]}"
        for other in running
        if other.slot == record.slot and other is not record
    ]
    return Place(worker, world.containers[record.key].name, among, notes, runs(world, record))


def _none_runs(world: World, name: str, slot: int | None, records: list[WorkerRecord]) -> WorkerNotFound:
    if slot is None:
        start = f"start {name}" if world.specs[name].stopped else f"scale {name}=1"
        hint = start if not records else f"ps {name} -a"
        return WorkerNotFound(f"{name} has no running worker", hint=hint)
    found = phase(world, records[0])
    reason = f": {found.reason}" if found.reason else ""
    hint = f"start {name}.{slot}" if found.state == "stopped" else f"ps {name} -a"
    return WorkerNotFound(f"{name}.{slot} does not run ({found.state}{reason})", hint=hint)
