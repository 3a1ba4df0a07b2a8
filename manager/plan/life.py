"""The next step of one worker's life, from its record to its being forgotten; pure."""

from __future__ import annotations

from dataclasses import replace

from manager.plan.draft import Draft
from manager.plan.spares import can_stand_by, goes_on
from manager.plan.steps import GRACE_S, Bury, Launch, Pause, Rename, Retire, Unpause
from manager.plan.wiring import groups
from manager.state.model import AppSpec, WorkerRecord
from manager.state.phase import drained, still_open
from manager.state.world import (
    World,
    is_healthy,
    is_left_alone,
    is_live,
    is_published,
    is_ready,
    is_wanted_spare,
)

CONFIRM_S = 0.005  # how often to ask the proxy whether it has dropped a worker
TAKE_UP_S = 0.02  # how often to ask the proxy whether it has taken up one that answers
DRAIN_POLL_S, LONGEST_DRAIN_POLL_S = 0.02, 1.0
DRAIN_POLL_SHARE = 0.05  # of the time that it drains already: each count is a whole look
HURRIED_GRACE_S = 1.0


def advance(world: World, spec: AppSpec, record: WorkerRecord, draft: Draft) -> None:
    """Draft the next step of one worker's life."""
    misnamed = world.misnamed.get(record.key)
    if misnamed is not None:
        draft.slow.append(Rename(record, misnamed.id, f"it was called {misnamed.name}"))
    elif record.leaving_since is not None:
        _leave(world, spec, record, draft)
    elif any(saved.key == record.key for saved in draft.saves):
        return  # it has just been told to leave
    elif is_wanted_spare(world, record):
        _enter_service(world, record, draft)
    else:
        _go_on(world, spec, record, draft)


def _go_on(world: World, spec: AppSpec, record: WorkerRecord, draft: Draft) -> None:
    """Draft what a worker needs that stays what it is."""
    container = world.containers.get(record.key)
    if container is not None and container.has_ended and not record.has_buried(container.id):
        reason = f"its container ended with exit code {container.exit_code}"
        draft.slow.append(Bury(record, spec, reason, world.is_frozen(spec.name)))
    elif container is None or not container.is_up:
        _start(world, spec, record, draft)
    elif container.state == "running" or record.spare:  # else somebody paused it by hand
        _keep_up(world, spec, record, draft)


def _keep_up(world: World, spec: AppSpec, record: WorkerRecord, draft: Draft) -> None:
    """Draft what a worker lacks whose container is there."""
    if record.key not in world.wired:
        if not is_left_alone(world, record) and not _waits(world, record, draft):
            draft.slow.append(_launch(world, record, spec, "its port or its rules are not as they should be"))
    elif world.is_frozen(record.app) and not record.was_up:
        draft.saves.append(replace(record, was_up=True))
    elif record.spare:
        if is_healthy(world, record):
            draft.slow.append(Pause(record, "it is ready, and a spare"))
    elif is_healthy(world, record) and is_published(world, record) and not is_ready(world, record):
        draft.again_in(TAKE_UP_S)


def _enter_service(world: World, record: WorkerRecord, draft: Draft) -> None:
    """Draft the next step of a spare into service: it is unpaused, then recorded as a worker like all others.

    In this order, because a paused worker that is no spare counts as paused by hand, and is left alone. Those
    of one app enter together: each change of its routes takes the proxy a tenth of a second.
    """
    container = world.containers.get(record.key)
    if container is not None and container.state == "paused":
        draft.slow.append(Unpause(record, "it was a spare, and is wanted"))
    elif container is None or not any(goes_on(world, other) for other in world.of_app(record.app)):
        draft.saves.append(replace(record, spare=False, created_at=world.now))


def _start(world: World, spec: AppSpec, record: WorkerRecord, draft: Draft) -> None:
    if record.ending is not None and record.retry_at is None:
        return  # its restart policy wants no other container
    if is_left_alone(world, record) or _waits(world, record, draft):
        return
    step = _launch(world, record, spec, "it has no running container")
    if record.spare:
        draft.spares.append(step)
    else:
        draft.slow.append(step)


def _waits(world: World, record: WorkerRecord, draft: Draft) -> bool:
    """Return whether the next try comes later, and look again then."""
    if record.retry_at is None or record.retry_at <= world.now:
        return False
    draft.again_in(record.retry_at - world.now)
    return True


def _launch(world: World, record: WorkerRecord, spec: AppSpec, reason: str) -> Launch:
    return Launch(record, spec, reason, groups(world.specs, record.reach))


def _leave(world: World, spec: AppSpec, record: WorkerRecord, draft: Draft) -> None:
    """Draft what a leaving worker's life ends with, once requests can no longer reach it."""
    assert record.leaving_since is not None
    if record.key not in world.containers and record.key not in world.attached:
        draft.forgets.append(record.key)
        return
    hurried = spec.hurry is not None and spec.hurry.takes(record)
    waited_for = record.port is not None and not (hurried or record.spare)
    drain_ends_at = record.leaving_since + (record.drain_s if waited_for else 0.0)
    if is_published(world, record) or (is_live(world, record) and not hurried):
        draft.again_in(CONFIRM_S)
    # a proxy that does not say may still send requests
    elif world.now < drain_ends_at and (world.live is None or world.inflight.get(record.key, 0) != 0):
        draft.again_in(min(_drain_poll_s(world, record), drain_ends_at - world.now))
    elif not hurried and world.inflight.get(record.key, 0) == 0 and can_stand_by(world, spec, record):
        draft.saves.append(replace(record, leaving_since=None, spare=True))
    else:
        grace_s = HURRIED_GRACE_S if hurried else GRACE_S
        draft.slow.append(Retire(record, _retire_reason(world, record, hurried=hurried), grace_s))


def _drain_poll_s(world: World, record: WorkerRecord) -> float:
    """Return when to count again what a leaving worker has open: ever more seldom, it may last for long."""
    assert record.leaving_since is not None
    if world.inflight.get(record.key, 0) is None:
        return DRAIN_POLL_S  # nothing, if the next count says so too
    passed_s = world.now - record.leaving_since
    return min(max(DRAIN_POLL_S, DRAIN_POLL_SHARE * passed_s), LONGEST_DRAIN_POLL_S)


def _retire_reason(world: World, record: WorkerRecord, *, hurried: bool) -> str:
    if record.port is None:
        return "nothing to wait for"
    if left := still_open(world, record):
        return f"{left} not waited for" if hurried else f"drain time is over with {left}"
    if world.inflight.get(record.key, None if hurried else 0) == 0:
        return f"no {drained(world, record)}s"
    return f"{drained(world, record)}s not waited for" if hurried else "drain time is over"
