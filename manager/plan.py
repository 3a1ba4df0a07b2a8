"""What to do next, as a pure function of one picture of the cloud.

Every step may be repeated and the manager may die between any two: the next pass, of this manager or of
the next one, looks again and goes on. The order for a worker is

    record -> rules -> container -> start -> network -> healthy -> published
    leaving -> unpublished -> gone from the proxy -> no open request or drain over -> removed -> forgotten

so that nothing exists without a record, and nothing is removed that requests may still reach. A spare stops
halfway, paused, and goes on when its slot is wanted (manager.spares).

In a frozen app what the operator asks for still happens, and nothing happens by itself:

    asked for     records of new slots, of other revisions and turns; the first start of their workers, until
                  they have been up; leaving, removal, forgetting; the end of an update that succeeds
    by itself     another start of a worker that was up: it ended, was removed by hand, or lost its link;
                  the rollback of an update that fails; in a frozen cloud, mending the bridge and its rules,
                  unless a worker that was asked for is about to be joined to them

Routes follow health, and endings are noted, frozen or not: both tell what is, so that no request goes to
the dead. The autoscaler writes no other target (manager.scaler).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from balancer.routes import Route, app_of, change, render
from manager.model import AppSpec, WorkerKey, WorkerRecord
from manager.records import ALL
from manager.spares import (
    LOOK_S,
    dispensable,
    in_service,
    is_kept,
    is_quiet,
    lacking,
    room,
    shall_pause,
)
from manager.steps import (
    Bury,
    Forget,
    Launch,
    Pause,
    Publish,
    Retire,
    SaveRecords,
    SaveSpec,
    SlowStep,
    Step,
    SweepPort,
    Unpause,
)
from manager.updates import end_of_update, late_at
from manager.wiring import groups, mend, tell_names
from manager.world import (
    World,
    is_left_alone,
    is_live,
    is_published,
    is_ready,
    is_wanted_spare,
    route_of,
)
from netsetup.addresses import allocate
from netsetup.errors import NetworkError

RESYNC_S = 2.0
CONFIRM_S = 0.005  # how often to ask the proxy whether it has dropped a worker
DRAIN_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one pass, and the seconds after which to look again without being told."""

    steps: tuple[Step, ...]
    look_again_s: float = RESYNC_S

    @property
    def converged(self) -> bool:
        return not self.steps and self.look_again_s >= RESYNC_S


@dataclass(slots=True)
class _Draft:
    """What one pass collects before it is put in order.

    spares: starts of spares, which wait for everything else.  cramped: a wanted worker got no address.
    """

    saves: list[WorkerRecord] = field(default_factory=list)
    specs: list[SaveSpec] = field(default_factory=list)
    slow: list[SlowStep] = field(default_factory=list)
    spares: list[Launch] = field(default_factory=list)
    cramped: bool = False
    forgets: list[WorkerKey] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    look_again_s: float = RESYNC_S

    def again_in(self, seconds: float) -> None:
        self.look_again_s = min(self.look_again_s, max(0.0, seconds))


def plan(world: World) -> Plan:
    """Return the steps that bring the cloud nearer to what is wanted; none when it is there."""
    draft = _Draft()
    addresses = {record.address for record in world.records.values()}
    specs = _readable(world)
    for spec in specs.values():
        _place(world, spec, addresses, draft)
        _end_update(world, spec, draft)
    for record in world.records.values():
        if record.key not in world.busy and record.app in specs:
            _advance(world, specs[record.app], record, draft)
    _add_spares(world, specs, addresses, draft)
    for spec in specs.values():
        if spec.removing and not any(record.app == spec.name for record in world.records.values()):
            draft.removed.append(spec.name)
    return _ordered(world, draft)


def _readable(world: World) -> dict[str, AppSpec]:
    """Return the specs of the apps of which every record can be read."""
    return {name: spec for name, spec in world.specs.items() if name not in world.unreadable}


def _ordered(world: World, draft: _Draft) -> Plan:
    """Return the draft as steps: mend, record, tell names and routes, then the slow ones, then forget."""
    steps: list[Step] = [mend(world)] if _mends(world, draft) else []
    steps += draft.specs
    if draft.saves:
        steps.append(SaveRecords(tuple(draft.saves), _save_reason(world, draft.saves)))
    after = _after(world, draft)
    steps += filter(None, (tell_names(after), _publish(after)))
    steps += draft.slow
    steps += [SweepPort(name) for name in sorted(world.stray_ports)]
    if draft.forgets or draft.removed:
        names = [key.label for key in draft.forgets] + draft.removed
        steps.append(Forget(tuple(draft.forgets), tuple(draft.removed), f"gone: {', '.join(names)}"))
    return Plan(tuple(steps), draft.look_again_s)


def _after(world: World, draft: _Draft) -> World:
    """Return the picture with the records as they will be saved."""
    return replace(world, records={**world.records, **{record.key: record for record in draft.saves}})


def _mends(world: World, draft: _Draft) -> bool:
    """Return whether the network is mended now; in a frozen cloud only for a worker that was asked for."""
    thawed = ALL not in world.frozen
    return not world.network_intact and (thawed or any(isinstance(step, Launch) for step in draft.slow))


def _save_reason(world: World, saves: list[WorkerRecord]) -> str:
    told: dict[str, list[str]] = {}
    for record in saves:
        told.setdefault(_change_of(world.records.get(record.key), record), []).append(record.key.label)
    return "; ".join(f"{words}: {', '.join(labels)}" for words, labels in told.items())


def _change_of(before: WorkerRecord | None, record: WorkerRecord) -> str:
    if record.leaving_since is not None:
        return "leaving"
    if before is None:
        return "new spare" if record.spare else "new"
    return "wanted" if before.spare and not record.spare else "up, and frozen"


def _place(world: World, spec: AppSpec, addresses: set[IPv4Address], draft: _Draft) -> None:
    """Draft a record for each slot that lacks a worker of this revision, and mark who has to leave."""
    staying = [record for record in world.of_app(spec.name) if record.leaving_since is None]
    older = _stand_ins(world, spec, [record for record in staying if not record.spare])
    idle = [record for record in staying if record.key not in world.busy]
    leavers = [record for record in idle if _must_leave(world, spec, record, older.get(record.slot))]
    taken = {record.key for record in world.of_app(spec.name)}
    room = _replacement_room(world, spec) if older else len(spec.slots)
    for slot in sorted(spec.slots):
        if room <= 0 or WorkerKey(spec.name, slot, spec.revision) in taken:
            continue
        room -= 1
        if spec.order == "stop-first" and slot in older:
            leavers += [older[slot]] if older[slot] in idle else []
        elif spec.order == "start-first" or not _is_taken(world, spec, slot):
            address = _free_address(world, addresses)
            if address is None:
                draft.cramped = True
                break
            addresses.add(address)
            draft.saves.append(_new_record(world, spec, slot, address))
    leaving = {record.key: replace(record, leaving_since=world.now) for record in leavers}
    draft.saves += leaving.values()


def _add_spares(
    world: World, specs: Mapping[str, AppSpec], addresses: set[IPv4Address], draft: _Draft
) -> None:
    """Draft records and starts of the spares there shall be, while nothing else is started."""
    places = [(spec, slot) for spec in specs.values() for slot in lacking(world, spec)]
    if draft.cramped:
        given_up = dispensable(world, specs)
        draft.saves += [replace(given_up, leaving_since=world.now)] if given_up is not None else []
    elif not places and not draft.spares:
        return
    elif any(isinstance(step, Launch) for step in draft.slow) or not is_quiet(_after(world, draft)):
        draft.again_in(LOOK_S)
    else:
        draft.slow += draft.spares[: room(world)]
        for spec, slot in places:
            address = _free_address(world, addresses)
            if address is not None:
                addresses.add(address)
                draft.saves.append(replace(_new_record(world, spec, slot, address), spare=True))


def _free_address(world: World, used: Collection[IPv4Address]) -> IPv4Address | None:
    """Return an address for a new worker; None while there is none, until a leaving one gives its back."""
    try:
        return allocate(world.subnet, used)
    except NetworkError:
        return None


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


def _replacement_room(world: World, spec: AppSpec) -> int:
    """Return how many more workers of an update may be replaced now, beside those under way."""
    records = [record for record in world.of_app(spec.name) if record.slot in spec.slots]
    fresh = [r for r in records if r.revision == spec.revision and r.leaving_since is None]
    under_way = sum(not is_ready(world, record) for record in fresh)
    if spec.order == "stop-first":
        under_way += sum(r.revision != spec.revision and r.leaving_since is not None for r in records)
    return spec.parallel - under_way


def _end_update(world: World, spec: AppSpec, draft: _Draft) -> None:
    """Draft the end of an update that is through, or that has failed; else look again in time."""
    if spec.fallback is None:
        return
    ended = end_of_update(world, spec)
    if ended is not None:
        draft.specs.append(ended)
    else:
        draft.again_in(late_at(world, spec) - world.now)


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
    container = world.containers.get(record.key)
    if container is None or container.state != "running" or record is not stand_in:
        return True
    successor = world.records.get(WorkerKey(record.app, record.slot, spec.revision))
    return successor is not None and is_ready(world, successor)


def _advance(world: World, spec: AppSpec, record: WorkerRecord, draft: _Draft) -> None:
    """Draft the next step of one worker's life."""
    if record.leaving_since is not None:
        _leave(world, spec, record, draft)
        return
    if any(saved.key == record.key for saved in draft.saves):
        return  # it has just been told to leave
    if is_wanted_spare(world, record):
        _enter_service(world, record, draft)
        return
    container = world.containers.get(record.key)
    if (
        container is not None
        and container.state in ("exited", "dead")
        and not record.has_buried(container.id)
    ):
        reason = f"its container ended with exit code {container.exit_code}"
        draft.slow.append(Bury(record, spec, reason, world.is_frozen(spec.name)))
        return
    if container is None or container.state not in ("running", "paused"):
        _start(world, spec, record, draft)
        return
    if container.state == "paused" and not record.spare:
        return  # somebody paused it by hand
    if record.key not in world.wired:
        if not is_left_alone(world, record):
            draft.slow.append(_launch(world, record, spec, "its port or its rules are not as they should be"))
    elif world.is_frozen(record.app) and not record.was_up:
        draft.saves.append(replace(record, was_up=True))
    elif record.spare:
        if shall_pause(world, record):
            draft.slow.append(Pause(record, "it is ready, and a spare"))
    elif not is_ready(world, record) and is_published(world, record):
        draft.again_in(DRAIN_POLL_S)  # the proxy is about to take it up


def _enter_service(world: World, record: WorkerRecord, draft: _Draft) -> None:
    """Draft that a spare goes on and then is a worker as all are.

    In this order: what is paused and no spare was paused by hand, and is left so.
    """
    container = world.containers.get(record.key)
    if container is not None and container.state == "paused":
        draft.slow.append(Unpause(record, "it was a spare, and is wanted"))
    else:
        draft.saves.append(in_service(record, world.now))


def _start(world: World, spec: AppSpec, record: WorkerRecord, draft: _Draft) -> None:
    if record.ending is not None and record.retry_at is None:
        return  # its restart policy wants no other container
    if is_left_alone(world, record):
        return
    if record.retry_at is not None and record.retry_at > world.now:
        draft.again_in(record.retry_at - world.now)
        return
    step = _launch(world, record, spec, "it has no running container")
    if record.spare:
        draft.spares.append(step)
    else:
        draft.slow.append(step)


def _launch(world: World, record: WorkerRecord, spec: AppSpec, reason: str) -> Launch:
    return Launch(record, spec, reason, groups(world.specs, record.reach))


def _leave(world: World, spec: AppSpec, record: WorkerRecord, draft: _Draft) -> None:
    """Draft what a leaving worker's life ends with, once requests can no longer reach it."""
    assert record.leaving_since is not None
    if record.key not in world.containers and record.key not in world.attached:
        draft.forgets.append(record.key)
        return
    hurried = spec.hurry is not None and spec.hurry.takes(record)
    drain_ends_at = record.leaving_since + (0.0 if hurried or record.spare else record.drain_s)
    if is_published(world, record) or (is_live(world, record) and not hurried):
        draft.again_in(CONFIRM_S)
    elif world.now < drain_ends_at and (world.live is None or world.inflight.get(record.key, 0) > 0):
        draft.again_in(DRAIN_POLL_S)  # a proxy that does not say may still send requests
    else:
        draft.slow.append(Retire(record, _retire_reason(world, record)))


def _retire_reason(world: World, record: WorkerRecord) -> str:
    left = world.inflight.get(record.key, 0)
    return f"drain time is over with {left} open requests" if left else "no open requests"


def _publish(world: World) -> Publish | None:
    """Return the change that makes the stored routes those of the healthy workers, or None."""
    wanted = render(_routes(world))
    difference = change(world.routes, {**_kept(world), **wanted})
    if not difference.puts and not difference.deletes:
        return None
    touched = {app_of(key) for key in (*difference.puts, *difference.deletes)}
    names = sorted(name or "the proxy's root" for name in touched)
    return Publish(difference, f"routes of {', '.join(names)}")


def _kept(world: World) -> dict[str, str]:
    """Return the routes of the apps of which some record cannot be read."""
    if not world.unreadable:
        return {}
    return {key: value for key, value in world.routes.items() if app_of(key) in world.unreadable}


def _routes(world: World) -> Iterator[Route]:
    for spec in _readable(world).values():
        route = None if spec.removing and not world.of_app(spec.name) else route_of(world, spec)
        if route is not None:
            yield route
