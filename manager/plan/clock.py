"""When somebody sets the clock, the times in records move with it, so that every wait keeps its length; pure.

Back-off, drains and the limits of a start and an update are stored as times of day, since they outlive the
manager that began them. An hour back would make a worker wait that long for its next start; an hour forward
would end its open requests, and take an update back.

What the clock was when the times were told is stored with them: it does not matter which manager sees that it
was set, how much later, and how many die before the times are moved.
"""

from __future__ import annotations

from dataclasses import replace

from manager.plan.steps import SaveRecords
from manager.state.model import WorkerRecord
from manager.state.world import World


def note_clock(world: World) -> SaveRecords | None:
    """Return the step that stores by which clock times are told, None where this boot is stored."""
    if world.clock is None or (world.told_by is not None and world.told_by.boot == world.clock.boot):
        return None
    return SaveRecords((), "by which clock times are told since this boot", world.clock)


def move_times(world: World) -> SaveRecords:
    """Return the step that moves the times of all records as far as the clock was set."""
    by_s = world.clock_set_s
    way = "forward" if by_s > 0 else "back"
    reason = f"the clock was set {way} by {abs(by_s):.0f} s: what they wait for goes with it"
    return SaveRecords(tuple(_moved(record, by_s) for record in world.records.values()), reason, world.clock)


def _moved(record: WorkerRecord, by_s: float) -> WorkerRecord:
    return replace(
        record,
        created_at=record.created_at + by_s,
        retry_at=_later(record.retry_at, by_s),
        leaving_since=_later(record.leaving_since, by_s),
    )


def _later(at: float | None, by_s: float) -> float | None:
    return None if at is None else at + by_s
