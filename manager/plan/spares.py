"""Spares: workers that are made before they are wanted; pure.

A spare stands in one of the slots after the last wanted one. It is made as every worker is, paused as soon
as it is ready, and in no route. When its slot is wanted it goes on, under its own name, and is in service as
soon as it answers; from then on it is a worker as all are. One that is wanted no more, and whose slot shall
have a spare, becomes that spare once nobody can send it requests and it has none. A spare is made anew when
one of its secrets is set anew.

Spares give way to everything else: they are made while no other worker starts, a few at a time, and leave
when a worker needs their address. An update that is under way keeps those of the revision that it may fall
back to; when it is through, its own revision takes their place.
"""

from __future__ import annotations

from collections.abc import Mapping

from manager.state.model import AppSpec, WorkerRecord
from manager.state.phase import phase
from manager.state.world import World, is_connected, is_wanted_spare

AT_ONCE = 2  # steps under way, so that a worker that is wanted meanwhile need not queue behind spares
LOOK_S = 0.5  # how soon to see whether the others have started


def is_kept(spec: AppSpec, record: WorkerRecord) -> bool:
    """Return whether the spare stays where it is: its slot comes next, and its revision may be wanted."""
    wanted = spec.templates if spec.is_updating else {spec.revision}
    current = record.revision in wanted and record.turn == spec.turns.get(record.slot, 0)
    return record.spare and record.slot in spec.spare_slots and current


def can_stand_by(world: World, spec: AppSpec, record: WorkerRecord) -> bool:
    """Return whether a worker that leaves is as good as the spare that would be made in its place.

    Nobody asks one that is leaving how it is: that it has ever been well must do until it is a spare.  One
    that was given secrets may have what they held before they were set anew.
    """
    runs = is_connected(world, record) and record.key in world.answered
    current = record.revision == spec.revision and record.turn == spec.turns.get(record.slot, 0)
    wanted = record.slot in spec.spare_slots and not (spec.is_updating or spec.template.secrets)
    return wanted and current and runs


def goes_on(world: World, record: WorkerRecord) -> bool:
    """Return whether the spare is being unpaused, as it is wanted."""
    container = world.containers.get(record.key)
    paused = container is not None and container.state == "paused"
    return paused and record.key in world.busy and is_wanted_spare(world, record)


def lacking(world: World, spec: AppSpec) -> list[int]:
    """Return the slots that lack a spare, and that nobody is leaving; none while an update is under way."""
    if not spec.spares or spec.is_updating:
        return []
    return sorted(spec.spare_slots - {record.slot for record in world.of_app(spec.name)})


def is_quiet(world: World) -> bool:
    """Return whether no worker of any app is on its way into service."""
    return not any(
        phase(world, record).state == "starting"
        for record in world.records.values()
        if not record.spare or is_wanted_spare(world, record)
    )


def room(world: World) -> int:
    """Return how many more spares may be started now."""
    under_way = sum(key in world.busy and record.spare for key, record in world.records.items())
    return max(0, AT_ONCE - under_way)


def dispensable(world: World, specs: Mapping[str, AppSpec]) -> WorkerRecord | None:
    """Return a spare that can leave for the sake of a worker that is wanted; the last of its app."""
    spares = [
        record
        for record in world.records.values()
        if record.app in specs and record.leaving_since is None and record.key not in world.busy
        if is_kept(specs[record.app], record)
    ]
    return max(spares, key=lambda record: record.slot, default=None)
