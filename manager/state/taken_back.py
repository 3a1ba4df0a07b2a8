"""What an `undo` takes back, as the commands that had made it; pure."""

from __future__ import annotations

from collections.abc import Iterator

from manager.api.quantities import objective_word
from manager.state.model import AppSpec, Autoscale


def taken_back(before: AppSpec, now: AppSpec | None, change: str, *, dry_run: bool = False) -> str:
    """Return the commands that had turned the app from what it was `before` into what it is `now`.

    now: None when it was removed.  change: the verb that made its present revision, from its history.
    dry_run: they are not taken back yet.
    """
    told = "would take back" if dry_run else "took back"
    return f"{told}: {'; '.join(_commands(before, now, change)) or 'nothing that is seen'}"


def takes_back(before: AppSpec, now: AppSpec) -> bool:
    """Return whether an undo would change anything that is seen."""
    return any(_commands(before, now, ""))


def _commands(before: AppSpec, now: AppSpec | None, change: str) -> Iterator[str]:
    name = before.name
    if now is None:
        yield f"rm {name}"
        return
    if now.revision != before.revision:
        yield f"{change} {name} (revision {now.revision})"
    if before.scales_itself and now.autoscale is None and now.want != before.want:
        yield f"scale {name}={now.want} --manual"
    elif now.autoscale != before.autoscale:
        yield f"autoscale {name} {policy_words(before.autoscale, now.autoscale)}"
    if now.stopped > before.stopped:
        yield f"stop {name}"
    yield from _started(now) if now.stopped < before.stopped else _slots(before, now)
    if now.spares != before.spares and now.autoscale == before.autoscale:
        yield f"update {name} --spares {now.spares}"


def _started(now: AppSpec) -> Iterator[str]:
    """Yield what started an app that was stopped: as a whole, or some of its workers alone."""
    alone = (f"start {worker}" for worker in now.labels(now.slots))
    yield from alone if now.stopped_slots else (f"start {now.name}",)


def policy_words(before: Autoscale | None, now: Autoscale | None) -> str:
    """Return what `autoscale` was told that made one policy of another."""
    if now is None:
        return "off"
    usual = before or Autoscale(1, now.max)
    objective = f"--slo {objective_word(now.slo_s, now.slo_share)}"
    differs = {
        f"--min {now.min}": now.min != usual.min,
        f"--max {now.max}": before is None or now.max != usual.max,
        objective: (now.slo_s, now.slo_share) != (usual.slo_s, usual.slo_share),
        f"--mode {now.mode}": now.mode != usual.mode,
    }
    return " ".join(option for option, is_so in differs.items() if is_so)


def _slots(before: AppSpec, now: AppSpec) -> Iterator[str]:
    """Yield what changed of single workers, and of their number where that does not follow from it."""
    ended, begun = now.stopped_slots - before.stopped_slots, before.stopped_slots - now.stopped_slots
    if now.want - before.want == len(begun) - len(ended):
        yield from (f"stop {worker}" for worker in now.labels(ended))
        yield from (f"start {worker}" for worker in now.labels(begun))
    elif not now.scales_itself and not before.scales_itself:
        yield f"scale {now.name}={now.want}"
