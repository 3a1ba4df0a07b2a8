"""What the changing commands make of an application's spec; pure.

A stop of one worker empties its slot and lowers `want`; a later scale-up fills such slots first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from manager.api.amounts import ScaleChange, require_possible
from manager.api.cite import cited
from manager.api.documents import some
from manager.api.errors import AppNotFound, CloudError, UsageError, WorkerNotFound
from manager.api.suggest import did_you_mean
from manager.api.values import MAX_WORKERS
from manager.state.model import AppSpec, Autoscale, Hurry, Order, Past, Rollback
from manager.state.templates import Template


def find(specs: Mapping[str, AppSpec], name: str) -> AppSpec:
    """Return the app's spec; raises AppNotFound with the nearest name."""
    spec = specs.get(name)
    if spec is None:
        guess = did_you_mean(name, specs)
        meant = f" (did you mean {guess}?)" if guess else ""
        hint = f"ps {guess}" if guess else "apps"
        raise AppNotFound(f"no app is named {cited(name)}{meant}", hint=hint, word=name, meant=guess or "")
    return spec


def changeable(specs: Mapping[str, AppSpec], name: str) -> AppSpec:
    """Return the app's spec when it may be changed: it is there and is not being removed."""
    spec = find(specs, name)
    if spec.removing:
        raise CloudError(f"{name} is being removed", hint=f"wait {name} gone", word=name)
    return spec


def scaled(spec: AppSpec, change: ScaleChange, *, manual: bool = False) -> AppSpec:
    """Return the spec with as many workers as the change asks for; raises UsageError beyond the limits.

    manual: an app that scales itself is scaled by hand from now on; without it that is refused.
    """
    _require_running(spec)
    count = spec.want + change.amount if change.relative else change.amount
    nearest = min(max(0, count), MAX_WORKERS)
    if spec.autoscale is not None and spec.scales_itself and not manual:
        bounded = _bounded(spec, spec.autoscale, max(1, nearest))
        raise CloudError(
            f"{spec.name} is autoscaled, up to {spec.autoscale.max} workers",
            hint=f"{bounded}    (or: scale {spec.name}={nearest} --manual)",
            word=spec.name,
        )
    if spec.scales_itself:
        spec = autoscaled(spec, None)
    require_possible(change, count)
    if count == spec.want:
        return spec
    filled = max(0, count - spec.want)
    left = frozenset(sorted(spec.stopped_slots)[filled:])
    return _trimmed(replace(spec, want=count, stopped_slots=left, hurry=None))


def _bounded(spec: AppSpec, policy: Autoscale, count: int) -> str:
    """Return the command that has an autoscaler keep at least so many workers, or at most so few."""
    if count >= spec.want:
        return f"autoscale {spec.name} --min {count} --max {max(count, policy.max)}"
    least = f"--min {count} " if count < policy.min else ""
    return f"autoscale {spec.name} {least}--max {count}"


def with_spares(spec: AppSpec, asked: int | str | None) -> AppSpec:
    """Return the spec with so many spares, with "auto" as many as its autoscaler chooses; None leaves them.

    Raises UsageError for an app without autoscaler that should leave them to it.
    """
    if asked is None:
        return spec
    if isinstance(asked, str) and spec.autoscale is None:
        raise UsageError("--spares auto goes with --max", hint=f"autoscale {spec.name} --max 6")
    policy = spec.autoscale and replace(spec.autoscale, chooses_spares=isinstance(asked, str))
    return replace(spec, spares=asked if isinstance(asked, int) else 0, autoscale=policy)


def as_usual(spec: AppSpec) -> AppSpec:
    """Return the spec without addresses and spares of its own."""
    return with_spares(replace(spec, hosts=(), paths=()), 0 if spec.autoscale is None else "auto")


def autoscaled(spec: AppSpec, policy: Autoscale | None) -> AppSpec:
    """Return the spec that scales by itself under the policy, or by hand again when it is None.

    Its spares are chosen too, unless a number of them was asked for.  Stopped workers run again where the
    maximum has room for them: none that serves makes way for one that starts.  Raises UsageError for an app
    without a port.
    """
    before = spec.autoscale
    if policy is None:
        chosen = before is not None and before.chooses_spares
        return replace(spec, autoscale=None, spares=0 if chosen else spec.spares)
    if spec.template.port is None:
        raise UsageError(
            f"{spec.name} has no port, so there is no load to follow", hint=f"update {spec.name} --port 8000"
        )
    policy = replace(policy, chooses_spares=before.chooses_spares if before else spec.spares == 0)
    if policy.mode != "on":
        return replace(spec, autoscale=policy)
    with_stopped = spec.want + len(spec.stopped_slots)
    if with_stopped <= policy.max:
        spec = replace(spec, want=with_stopped, stopped_slots=frozenset())
    want = min(policy.max, max(policy.min, spec.want))
    return replace(spec, autoscale=policy, want=want, hurry=None)


def started_again(before: AppSpec, after: AppSpec) -> str:
    """Return which workers that were stopped run again, "" for none."""
    again = after.labels(before.stopped_slots & after.slots)
    return f"no longer stopped: {', '.join(again)}" if again else ""


def _trimmed(spec: AppSpec) -> AppSpec:
    """Return the spec without emptied slots above the last worker: nobody would miss them."""
    last = max(spec.slots, default=0)
    return replace(spec, stopped_slots=frozenset(slot for slot in spec.stopped_slots if slot < last))


def _hurried(spec: AppSpec, slot: int | None, at: float | None) -> AppSpec:
    """Return the spec of a command that hurried those in the slot, or all, at that time; None: nobody."""
    if at is None:
        return replace(spec, hurry=None)
    if slot is None:
        return replace(spec, hurry=Hurry(at))
    before = spec.hurry.slots if spec.hurry is not None and spec.hurry.at == at else frozenset()
    return replace(spec, hurry=Hurry(at, before | {slot}))


def stopped(spec: AppSpec, slot: int | None, *, now: float | None = None) -> AppSpec:
    """Return the spec with the app, or one of its workers, stopped.

    now: the time at which it is asked for, when they need not end what they serve.
    """
    if slot is None:
        return _hurried(replace(spec, stopped=True), slot, now)
    if slot in spec.stopped_slots:
        return spec
    _require_slot(spec, slot)
    if spec.scales_itself:
        raise CloudError(
            f"{spec.name} is autoscaled: it would start another",
            hint=f"restart {spec.name}.{slot}",
            word=f"{spec.name}.{slot}",
        )
    fewer = replace(spec, want=spec.want - 1, stopped_slots=spec.stopped_slots | {slot})
    return _hurried(fewer, slot, now)


def started(
    spec: AppSpec, slot: int | None, *, ended: Collection[int] = (), now: float | None = None
) -> AppSpec:
    """Return the spec with the app, or one of its workers, running again; of a stopped app that one alone.

    ended: the slots whose worker ended for good.  now: the time at which it is asked for, when those that
    still leave need not end what they serve.
    """
    spec = _hurried(spec, slot, now)
    if slot is None:
        want = spec.want + len(spec.stopped_slots)
        spec = replace(spec, stopped=False, want=want, stopped_slots=frozenset())
        return _renewed(spec, spec.slots.intersection(ended))
    if spec.stopped and not spec.scales_itself:
        running = replace(spec, stopped=False)
        if slot not in spec.stopped_slots:
            _require_slot(running, slot)
        spec = replace(running, want=0, stopped_slots=running.stopped_slots | running.slots)
    if slot in spec.stopped_slots:
        return replace(spec, want=spec.want + 1, stopped_slots=spec.stopped_slots - {slot})
    _require_slot(spec, slot)
    return _renewed(spec, {slot}.intersection(ended))


def _renewed(spec: AppSpec, slots: Collection[int]) -> AppSpec:
    """Return the spec with another worker, or spare, in each of these slots."""
    turns = {slot: spec.turns.get(slot, 0) + 1 for slot in slots}
    return replace(spec, turns={**spec.turns, **turns}) if turns else spec


def with_new_spares(spec: AppSpec) -> AppSpec:
    """Return the spec with another spare in each slot that shall have one."""
    return _renewed(spec, spec.spare_slots)


def restarted(spec: AppSpec, slot: int | None, *, now: float | None = None) -> AppSpec:
    """Return the spec with all workers to be replaced one by one, or one of them renewed in its slot."""
    _require_running(spec)
    if slot is None:
        return _hurried(updated(spec, spec.template), slot, now)
    _require_slot(spec, slot)
    return _hurried(_renewed(spec, {slot}), slot, now)


def updated(
    spec: AppSpec,
    template: Template,
    *,
    former: AppSpec | None = None,
    order: Order = "start-first",
    parallel: int = 1,
) -> AppSpec:
    """Return the spec with workers made from `template` as its next revision; the former is kept.

    former: the spec before its addresses were changed, where they were.  A stopped app starts with them.
    """
    newest = max(spec.revision, spec.newest) + 1
    return replace(
        _overtaken(spec, spec.revision) if spec.is_updating else spec,
        template=template,
        revision=newest,
        newest=newest,
        fallback=spec.fallback or Past.of(former or spec),
        rolled_back=None,
        order=order,
        parallel=parallel,
        hurry=None,
    )


def _overtaken(spec: AppSpec, revision: int) -> AppSpec:
    """Return the spec that knows of a revision that another command ended before it had got ready."""
    return replace(spec, failed=spec.failed | {revision}, overtaken=spec.overtaken | {revision})


def rolled_back(spec: AppSpec, reason: str, now: float, last_lines: tuple[str, ...] = ()) -> AppSpec:
    """Return the spec of a failed update with its former revision, whose workers are still there."""
    rollback, failed = Rollback(now, spec.revision, reason, last_lines), spec.failed | {spec.revision}
    return replace(proved(spec), hurry=None, rolled_back=rollback, failed=failed)


def proved(spec: AppSpec) -> AppSpec:
    """Return the spec as it was before an update that has not proved itself."""
    past = spec.fallback
    if past is None:
        return spec
    return replace(
        spec,
        template=past.template,
        revision=past.revision,
        hosts=past.hosts,
        paths=past.paths,
        tcp_port=past.tcp_port,
        fallback=None,
    )


def undone(spec: AppSpec | None, former: AppSpec) -> AppSpec:
    """Return the spec that was there before the last change, its workers made anew where needed.

    An update that has not proved itself goes back to the revision that it began from: the workers it has not
    replaced yet are of that one, and serve on.
    """
    if spec is None:
        newest = max(former.revision, former.newest) + 1  # no record of the removed app may be taken for new
        return replace(former, revision=newest, newest=newest, removing=False)
    former = replace(
        former,
        newest=spec.newest,
        turns=spec.turns,
        failed=spec.failed,
        overtaken=spec.overtaken,
        removing=False,
    )
    if former.revision == spec.revision:
        return replace(former, fallback=spec.fallback)  # what has got ready since then stays proved
    if former.fallback is None and spec.fallback is not None and spec.fallback.revision == former.revision:
        return _overtaken(replace(former, hurry=None, rolled_back=None), spec.revision)
    base = replace(former, stopped=spec.stopped, revision=spec.revision, fallback=spec.fallback)
    again = updated(base, former.template, former=spec)
    return replace(again, stopped=former.stopped)


def _require_running(spec: AppSpec) -> None:
    if spec.stopped:
        raise CloudError(f"{spec.name} is stopped", hint=f"start {spec.name}", word=spec.name)


def removed(spec: AppSpec, *, now: float | None = None) -> AppSpec:
    """Return the spec of an app on its way out."""
    return _hurried(replace(spec, removing=True), None, now)


def _require_slot(spec: AppSpec, slot: int) -> None:
    worker = f"{spec.name}.{slot}"
    if spec.stopped:
        raise CloudError(
            f"{spec.name} is stopped, and {worker} with it", hint=f"start {spec.name}", word=worker
        )
    if slot in spec.stopped_slots:
        raise CloudError(f"{worker} is stopped", hint=f"start {worker}", word=worker)
    if slot not in spec.slots:
        raise WorkerNotFound(
            f"{spec.name} has no worker {slot} (it has {some(spec.labels(spec.slots)) or 'none'})",
            hint=f"ps {spec.name} -a",
            word=worker,
        )


def as_adopted(spec: AppSpec, slots: frozenset[int], spares: int = 0) -> AppSpec:
    """Return the spec that wants exactly the workers in `slots` and spares, and has no change under way."""
    last = max(slots, default=0)
    return replace(
        spec,
        want=len(slots),
        stopped_slots=frozenset(range(1, last + 1)) - slots,
        stopped=False,
        removing=False,
        hurry=None,
        fallback=None,
        rolled_back=None,
        spares=spares,
    )
