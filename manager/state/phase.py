"""What a worker is doing, in one word and with the reason: derived from the picture, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manager.api.documents import counted, sentences
from manager.api.views import WorkerState
from manager.state.ending import exit_words
from manager.state.model import AppSpec, WorkerRecord
from manager.state.records import ALL
from manager.state.world import (
    STARTUP_S,
    World,
    is_connected,
    is_current,
    is_healthy,
    is_left_alone,
    is_ready,
    is_up,
    is_wanted_spare,
)


@dataclass(frozen=True, slots=True)
class Phase:
    """A worker's state, derived, with the reason in words ("" when it is plain)."""

    state: WorkerState
    reason: str = ""


def phase(world: World, record: WorkerRecord) -> Phase:
    """Return the worker's state and the reason why it is not ready."""
    if record.leaving_since is not None:
        return Phase("draining", still_open(world, record) or "leaving")
    if record.ending is not None and not is_up(world, record):
        return _ended(world, record)
    container, alone = world.containers.get(record.key), _frozen_words(world, record)
    if container is None:
        gone = Phase("failed", f"its container was removed by hand; {alone}")
        return gone if alone else Phase("starting", "its container is being created")
    if container.has_ended:
        memory = world.specs[record.app].template.memory_bytes if record.app in world.specs else None
        return Phase("backoff", exit_words(container.exit_code, container.oom_killed, memory))
    if container.state == "paused":
        return _paused(world, record, container.name)
    if not is_connected(world, record):
        cut = Phase("unready", f"it is not connected to the bridge; {alone}")
        return cut if alone else Phase("starting", "its network is being connected")
    return _running(world, record, container.started_at)


def has_arrived(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker is where it was to go: ready, or at the good end of its command."""
    return is_ready(world, record) or phase(world, record).state == "stopped"


def ended_slots(world: World, spec: AppSpec) -> frozenset[int]:
    """Return which of the app's slots have a worker that has ended for good."""
    current = (record for record in world.of_app(spec.name) if is_current(spec, record))
    return frozenset(r.slot for r in current if phase(world, r).state in ("stopped", "failed")) & spec.slots


def updated_slots(world: World, spec: AppSpec) -> frozenset[int]:
    """Return which of the app's slots have a worker as the app wants it, ready or done."""
    return frozenset(r.slot for r in world.of_app(spec.name) if is_current(spec, r) and has_arrived(world, r))


def _paused(world: World, record: WorkerRecord, container: str) -> Phase:
    if not record.spare:
        return Phase("unready", f"paused by hand: docker unpause {container}")
    if is_wanted_spare(world, record):
        return Phase("starting", "it was a spare and goes on")
    return Phase("spare", "ready, and paused until it is wanted")


def _running(world: World, record: WorkerRecord, started_at: float | None) -> Phase:
    if is_ready(world, record):
        return Phase("ready")
    if is_healthy(world, record):
        next_words = "it is paused now" if record.spare else "the proxy has not taken it up yet"
        return Phase("starting", f"healthy; {next_words}")
    verdict = world.verdicts.get(record.key)
    words = verdict.text if verdict is not None else "no health answer yet"
    return Phase("starting" if _may_still_start(world, record, started_at) else "unready", words)


def _may_still_start(world: World, record: WorkerRecord, started_at: float | None) -> bool:
    """Return whether the worker may still be starting, so that its silence is no fault yet.

    What a former spare answered before it was paused does not count.
    """
    if is_wanted_spare(world, record) or started_at is None:
        return started_at is not None
    if record.created_at > started_at:
        return world.now - record.created_at < STARTUP_S
    return world.now - started_at < STARTUP_S and record.key not in world.answered


def _ended(world: World, record: WorkerRecord) -> Phase:
    ending = record.ending
    assert ending is not None
    words = sentences(ending.told, last_said(ending.last_lines))
    if record.retry_at is None:
        return Phase("stopped" if ending.exit_code == 0 and ending.container else "failed", words)
    if alone := _frozen_words(world, record):
        return Phase("backoff", f"{words}; {alone}")
    wait_s = record.retry_at - world.now
    again = f"starts again in {wait_s:.0f} s" if wait_s > 0.5 else "starting again"
    return Phase("backoff", f"{words}; {again}")


def _frozen_words(world: World, record: WorkerRecord) -> str:
    """Return what ends the freeze that leaves the worker alone, "" where none does."""
    if not is_left_alone(world, record):
        return ""
    return f"frozen: {thaw_of(world, record.app)}"


def thaw_of(world: World, app: str) -> str:
    """Return the command that thaws a frozen app."""
    return "thaw" if ALL in world.frozen else f"thaw {app}"


def last_said(lines: Iterable[str]) -> str:
    """Return the last of the lines that a worker printed, as part of a sentence; "" where there are none."""
    last = [line.strip() for line in lines if line.strip()][-1:]
    return f"said: {last[0]}" if last else ""


def still_open(world: World, record: WorkerRecord) -> str:
    """Return the requests, of a tcp app the connections, that a leaving worker has open; "" for none."""
    count = world.inflight.get(record.key, 0)
    return counted(count, drained(world, record)) if count else ""


def drained(world: World, record: WorkerRecord) -> str:
    """Return what one of those is called that a leaving worker has to end first."""
    spec = world.specs.get(record.app)
    is_tcp = spec is not None and spec.template_of(record.revision).protocol == "tcp"
    return "open connection" if is_tcp else "open request"
