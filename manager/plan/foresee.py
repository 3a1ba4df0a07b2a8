"""What a change of an app's spec brings: the plan that `--dry-run` prints; pure.

It tells the whole way to what is asked for, where a pass plans only its next steps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from manager.api.documents import counted
from manager.state.model import AppSpec, Autoscale


def foreseen(before: AppSpec | None, after: AppSpec) -> Iterator[str]:
    """Yield what becomes of the app and its workers; nothing where nothing does."""
    if before is None:
        yield f"make {after.name}" if after.slots else f"make {after.name}, without workers"
    there = before.slots if before is not None else frozenset()
    if after.slots - there:
        yield f"start {_labels(after, after.slots - there)}"
    if before is not None:
        yield from _replaced(before, after)
    if there - after.slots:
        yield f"stop {_labels(after, there - after.slots)}"
    if before is not None and before.autoscale != after.autoscale:
        yield scaling_words(after)
    if after.removing:
        yield f"remove {after.name}"
    elif after.spares != (before.spares if before is not None else 0):
        yield f"keep {counted(after.spares, 'spare')} of {after.name}"


def scaling_words(spec: AppSpec) -> str:
    """Return who says from now on how many workers there are."""
    match spec.autoscale:
        case None:
            return f"{spec.name} is scaled by hand from now on"
        case Autoscale(mode="recommend"):
            return f"{spec.name} is told what it needs from now on, and scaled by hand"
        case policy:
            return f"{spec.name} is scaled by itself from now on, {policy.min} to {policy.max} workers"


def _replaced(before: AppSpec, after: AppSpec) -> Iterator[str]:
    """Yield which of the workers that stay make room for new ones."""
    staying = before.slots & after.slots
    if before.revision != after.revision and staying:
        yield f"replace {_labels(after, staying)} by revision {after.revision}, {after.parallel} at a time"
        return
    if before.revision != after.revision and not after.slots:
        yield f"keep revision {after.revision} of {after.name} for its next start"
    turned = {slot for slot in staying if before.turns.get(slot) != after.turns.get(slot)}
    if turned:
        yield f"replace {_labels(after, turned)}"
    if words := pace_words(before, after):
        yield words


def pace_words(before: AppSpec | None, after: AppSpec) -> str:
    """Return how an update under way goes on whose order or number at a time is another now; else ""."""
    if before is None or before.revision != after.revision or not after.is_updating:
        return ""
    if (before.order, before.parallel) == (after.order, after.parallel):
        return ""
    return f"the update of {after.name} goes on {after.order}, {after.parallel} at a time"


def _labels(spec: AppSpec, slots: Collection[int]) -> str:
    return ", ".join(spec.labels(slots))
