"""How an update ends: it is through, or it fails and is taken back; pure."""

from __future__ import annotations

import math
from dataclasses import replace

from manager.api.documents import sentences
from manager.plan.steps import SaveSpec
from manager.state.ending import HOPELESS
from manager.state.model import AppSpec, WorkerRecord
from manager.state.phase import has_arrived, last_said, phase
from manager.state.wishes import rolled_back
from manager.state.world import World, is_current, is_healthy

# An update whose worker gets nowhere for this long is rolled back; its command waits a little longer.
UPDATE_LIMIT_S = 55.0


def end_of_update(world: World, spec: AppSpec) -> SaveSpec | None:
    """Return how the update that is under way ends now; None while it goes on.

    In a frozen app one that fails stays as it is: taking it back is for the operator.
    """
    fresh = _fresh(world, spec)
    records = [record for record in world.of_app(spec.name) if not record.spare]
    failed = next((record for record in fresh if _has_failed(world, record)), None)
    if failed is not None:
        return None if world.is_frozen(spec.name) else _taken_back(world, spec, failed)
    if len(fresh) == len(records) == spec.wanted and all(has_arrived(world, record) for record in fresh):
        return _ended(world, replace(spec, fallback=None), f"revision {spec.revision} is ready")
    return None


def _taken_back(world: World, spec: AppSpec, failed: WorkerRecord) -> SaveSpec:
    """Return the end of an update of which this worker failed, with what that one printed last."""
    seen, ending = phase(world, failed), failed.ending
    if ending is not None and _is_hopeless(world, failed):
        why, lines = f"{failed.key.label} does not stay up: {ending.words}", ending.last_lines
    else:
        why, lines = f"{failed.key.label} {seen.state}: {seen.reason}", ()
    reason = f"revision {spec.revision} is rolled back: {sentences(why, last_said(lines))}"
    return _ended(world, rolled_back(spec, why, world.now, lines), reason)


def _ended(world: World, spec: AppSpec, reason: str) -> SaveSpec:
    return SaveSpec(spec, world.spec_versions.get(spec.name, 0), reason)


def late_at(world: World, spec: AppSpec) -> float:
    """Return when the first of the update's workers has taken too long; never in a frozen app."""
    deadlines = (_late_at(record) for record in _fresh(world, spec) if _is_on_its_way(world, record))
    return math.inf if world.is_frozen(spec.name) else min(deadlines, default=math.inf)


def _fresh(world: World, spec: AppSpec) -> list[WorkerRecord]:
    staying = [r for r in world.of_app(spec.name) if r.leaving_since is None and not r.spare]
    return [record for record in staying if is_current(spec, record)]


def _has_failed(world: World, record: WorkerRecord) -> bool:
    """Return whether an update cannot succeed with this worker."""
    late = world.now > _late_at(record) and _is_on_its_way(world, record)
    return late or _is_hopeless(world, record)


def _late_at(record: WorkerRecord) -> float:
    """Return when the worker has taken too long: an ending gives it as long again, if it may start again."""
    since = record.created_at if record.ending is None else max(record.created_at, record.ending.at)
    return since + UPDATE_LIMIT_S


def _is_on_its_way(world: World, record: WorkerRecord) -> bool:
    """Return whether the worker has itself to get ready; that the proxy sends it nothing is not its fault."""
    return not is_healthy(world, record) and not has_arrived(world, record)


def _is_hopeless(world: World, record: WorkerRecord) -> bool:
    return phase(world, record).state == "failed" or record.failures >= HOPELESS
