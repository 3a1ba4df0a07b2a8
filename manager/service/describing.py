"""`describe`: what `inspect` knows of an app or a worker, with what happened to it last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace

from manager.api.arguments import Arguments
from manager.api.documents import rfc3339
from manager.api.views import EventView
from manager.journal import events
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.reading import Reading, plain
from manager.service.show import route_views
from manager.service.targets import resolve_target
from manager.state import wishes
from manager.state.model import AppSpec, ScalingTarget, WorkerRecord
from manager.state.records import decision_key, held_decision_key
from manager.store import Store

LAST_EVENTS = 10


def describe(reading: Reading, call: Call, arguments: Arguments) -> Answer:
    """Return an app or a worker with its spec, its last ending, decision and events."""
    fields = dict(reading.inspect(call, arguments))
    world = reading.world()
    name, slot = resolve_target(arguments.text("target") or "", world)
    spec = wishes.find(world.specs, name)
    records = [record for record in world.of_app(name) if slot in (None, record.slot)]
    if slot is not None and records:  # while an update replaces it, it is made from another template
        spec = replace(spec, template=spec.template_of(records[0].revision))
    told = [event for event in events(reading.store) if _is_about(event, name, slot)]
    fields |= {
        "spec": plain(spec),
        "ending": _last_ending(records),
        "events": [asdict(event) for event in told[-LAST_EVENTS:]],
    }
    if slot is not None:
        return {**fields, "kind": "WorkerDescription"}
    target = world.targets.get(name)
    routes = [asdict(view) for view in route_views(world, spec, reading.addressing)]
    decision = _decision(reading.store, spec, target)
    fields |= {"routes": routes, "decision": decision}
    if decision is not None and target is not None:
        fields["note"] = _without_reason(str(fields["note"]), target.reason)
    return {**fields, "kind": "AppDescription"}


def _decision(store: Store, spec: AppSpec, target: ScalingTarget | None) -> object:
    """Return the autoscaler's last decision on the app, None where there is none."""
    if spec.autoscale is None or target is None:
        return None
    keys = [key(spec.name, target.decision) for key in (decision_key, held_decision_key)]
    kept = [json.loads(entry.value) for entry in store.read(*keys).entries.values()]
    return next((decision for decision in kept if decision["id"] == target.decision), None)


def _without_reason(note: str, reason: str) -> str:
    """Return an app's note without the reason of its last decision, which stands beside it."""
    return note.removesuffix(reason.removeprefix("frozen; ")).rstrip(";: ")


def _is_about(event: EventView, name: str, slot: int | None) -> bool:
    return event.app == name if slot is None else event.worker == f"{name}.{slot}"


def _last_ending(records: Iterable[WorkerRecord]) -> dict[str, object] | None:
    """Return the newest ending of the workers' containers, in words, with what they said last."""
    endings = [(record.ending, record) for record in records if record.ending is not None]
    if not endings:
        return None
    ending, record = max(endings, key=lambda pair: pair[0].at)
    return {
        "worker": record.key.label,
        "at": rfc3339(ending.at),
        "exit_code": ending.exit_code,
        "words": ending.words,
        "oom_killed": ending.oom_killed,
        "last_lines": list(ending.last_lines),
    }
