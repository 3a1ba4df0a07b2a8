"""Which worker each slot shall have: who is recorded, and who has to leave; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from manager.plan.draft import Draft
from manager.plan.spares import LOOK_S, dispensable, is_kept, is_quiet, lacking, room
from manager.plan.steps import Launch
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.phase import has_arrived
from manager.state.world import World, is_ready, runs
from netsetup.addresses import allocate, every_is_used
from netsetup.errors import NetworkError


def place(world: World, spec: AppSpec, draft: Draft) -> None:
    """Draft a record for each slot that lacks a worker of this revision, and mark who has to leave."""
    staying = [record for record in world.of_app(spec.name) if record.leaving_since is None]
    older = _stand_ins(world, spec, [record for record in staying if not record.spare])
    idle = [record for record in staying if record.key not in world.busy]
    leavers = [record for record in idle if _must_leave(world, spec, record, older.get(record.slot))]
    taken = {record.key for record in world.of_app(spec.name)}
    left = _replacement_room(world, spec, staying, older) if older else len(spec.slots)
    for slot in sorted(spec.slots):
        if left <= 0 or WorkerKey(spec.name, slot, spec.revision) in taken:
            continue
        left -= 1
        if spec.order == "stop-first" and slot in older:
            leavers += [older[slot]] if older[slot] in idle else []
        elif spec.order == "start-first" or not _is_taken(world, spec, slot):
            address = _free_address(world, draft)
            if address is None:
                draft.cramped = True
                break
            draft.saves.append(_new_record(world, spec, slot, address))
    leaving = {record.key: replace(record, leaving_since=world.now) for record in leavers}
    draft.saves += leaving.values()


def add_spares(world: World, specs: Mapping[str, AppSpec], draft: Draft) -> None:
    """Draft records and starts of the spares there shall be, while nothing else is started."""
    places = [(spec, slot) for spec in specs.values() for slot in lacking(world, spec)]
    if draft.cramped:
        given_up = dispensable(world, specs)
        draft.saves += [replace(given_up, leaving_since=world.now)] if given_up is not None else []
    elif not places and not draft.spares:
        return
    elif any(isinstance(step, Launch) for step in draft.slow) or not is_quiet(draft.applied_to(world)):
        draft.again_in(LOOK_S)
    else:
        draft.slow += draft.spares[: room(world)]
        for spec, slot in places:
            address = _free_address(world, draft)
            if address is not None:
                draft.saves.append(replace(_new_record(world, spec, slot, address), spare=True))


def is_placed(world: World, spec: AppSpec) -> bool:
    """Return whether all workers are recorded that there can be now, and marked that have to leave."""
    draft = Draft()
    place(world, spec, draft)
    return not draft.saves


def shortage(world: World, spec: AppSpec) -> str:
    """Return why a slot lacks a worker of this revision, when it is for want of an address; else "".

    One whose turn in an update has not come lacks no address yet.
    """
    filled = {record.slot for record in world.of_app(spec.name) if record.revision == spec.revision}
    if spec.slots <= filled:
        return ""
    draft = Draft()
    place(world, spec, draft)
    return str(every_is_used(world.subnet)) if draft.cramped else ""


def _free_address(world: World, draft: Draft) -> IPv4Address | None:
    """Return an address for a new worker; None while there is none, until a leaving one gives its back."""
    draft.used = draft.used or world.addresses
    try:
        address = allocate(world.subnet, draft.used)
    except NetworkError:
        return None
    draft.used.add(address)
    return address


def _stand_ins(world: World, spec: AppSpec, staying: Iterable[WorkerRecord]) -> dict[int, WorkerRecord]:
    """Return the one worker of another revision that serves in each slot until its successor is ready.

    A ready one, the newest of them; when none is, the oldest, which an update began from.
    """
    chosen: dict[int, tuple[tuple[bool, int], WorkerRecord]] = {}
    for record in staying:
        if record.revision != spec.revision:
            ready = is_ready(world, record)
            merit = (ready, record.revision if ready else -record.revision)
            if record.slot not in chosen or merit > chosen[record.slot][0]:
                chosen[record.slot] = (merit, record)
    return {slot: record for slot, (_, record) in chosen.items()}


def _is_taken(world: World, spec: AppSpec, slot: int) -> bool:
    """Return whether a worker of another revision is still on its way out of the slot."""
    return any(record.slot == slot for record in world.of_app(spec.name))


def _replacement_room(
    world: World, spec: AppSpec, staying: Iterable[WorkerRecord], older: Mapping[int, WorkerRecord]
) -> int:
    """Return how many more workers of an update may be replaced now, beside those under way.

    Those that an overtaken update is just starting are under way too: they cannot leave yet.
    """
    records = [record for record in world.of_app(spec.name) if record.slot in spec.slots]
    fresh = [r for r in records if r.revision == spec.revision and r.leaving_since is None]
    under_way = sum(not has_arrived(world, record) for record in fresh)
    if spec.order == "stop-first":
        under_way += sum(r.revision != spec.revision and r.leaving_since is not None for r in records)
    starting = [r for r in staying if r.key in world.busy and r.revision != spec.revision and not r.spare]
    overtaken = sum(record is not older.get(record.slot) for record in starting)
    return spec.parallel - under_way - overtaken


def _new_record(world: World, spec: AppSpec, slot: int, address: IPv4Address) -> WorkerRecord:
    return WorkerRecord(
        app=spec.name,
        slot=slot,
        revision=spec.revision,
        number=spec.number,
        turn=spec.turns.get(slot, 0),
        address=address,
        drain_s=spec.template.drain_s,
        created_at=world.now,
        port=spec.template.port,
        egress=spec.template.egress,
        reach=spec.template.reach,
    )


def _must_leave(world: World, spec: AppSpec, record: WorkerRecord, stand_in: WorkerRecord | None) -> bool:
    """Return whether the worker is unwanted now: its slot, its turn, or a ready successor stands there.

    A worker of an older revision that does not run is not started again: its template is history. Of two
    older ones, as updates that overtake each other leave them, one is enough.
    """
    if record.slot not in spec.slots:
        return not is_kept(spec, record)
    if record.revision == spec.revision:
        return record.turn != spec.turns.get(record.slot, 0)
    if not runs(world, record) or record is not stand_in:
        return True
    successor = world.records.get(WorkerKey(record.app, record.slot, spec.revision))
    return successor is not None and has_arrived(world, successor)
