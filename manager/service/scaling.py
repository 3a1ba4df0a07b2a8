"""The commands of the autoscaler: set its policy, list it, and explain a decision."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from balancer.decision import Action
from manager.api.arguments import Arguments
from manager.api.documents import document, listing, sentences
from manager.api.errors import CloudError, UsageError
from manager.api.views import AutoscaleView, KeptDecision
from manager.plan.foresee import scaling_words
from manager.server import Call
from manager.service.changes import Changes, Wish
from manager.service.dispatch import Answer
from manager.service.revisions import ranges
from manager.service.waiting import LOOK_S, until_seen
from manager.state import wishes
from manager.state.model import AppSpec, ScalingTarget
from manager.state.records import DECISIONS
from manager.state.specs import autoscale_policy
from manager.state.world import World, ready_slots

FIRST_S = 5.0  # the first decision on an app comes sooner

_POLICY = {"state", "max", "min", "slo", "mode"}
_KEPT = 10  # decisions that an answer names beside its own


@dataclass(frozen=True, slots=True)
class ScalingVerbs:
    """What an app's scaling is set and explained with."""

    changes: Changes

    def autoscale(self, call: Call, arguments: Arguments) -> Answer:
        name, off = arguments.text("app"), arguments.text("state") == "off"
        if name is None or not _POLICY & arguments.values.keys():
            world = self.changes.reconciler.seen().world
            shown = [spec for spec in world.specs.values() if spec.autoscale and name in (None, spec.name)]
            if shown or name is None:
                return listing("AutoscaleList", (_view(world, spec) for spec in shown))

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            spec = wishes.changeable(specs, name)
            policy = None if off else autoscale_policy(arguments, spec.autoscale)
            if policy is None and not off:
                raise UsageError(f"how many workers may {name} have?", hint=f"autoscale {name} --max 6")
            if policy is None and spec.autoscale is None:
                return Wish((spec,), f"{name} is scaled by hand already")
            scaled = wishes.autoscaled(spec, policy)
            return Wish((scaled,), sentences(scaling_words(scaled), wishes.started_again(spec, scaled)))

        if arguments.flag("dry_run"):
            steps, _ = self.changes.foresee(edit)
            return document("Plan", {"steps": steps})
        made = self.changes.make(call, edit)
        until_seen(self.changes.reconciler, call, made.revision)
        return document("Result", {"message": made.note})

    def explain(self, call: Call, arguments: Arguments) -> Answer:
        name, number = arguments.text("app") or "", arguments.whole("decision")
        world = self._decided(call, name) if number is None else self.changes.reconciler.seen().world
        spec = wishes.find(world.specs, name)
        entries = self.changes.store.read(f"{DECISIONS}{name}/").entries
        stored = (json.loads(entry.value) for entry in entries.values())
        known = {decision["id"]: decision for decision in stored}
        target = world.targets.get(name)
        _require_decided(spec, known, target, number)
        newest = target.decision if target is not None and target.decision in known else max(known)
        wanted = newest if number is None else number
        if wanted not in known:
            last = ", ".join(ranges(known).split(", ")[-5:])
            raise CloudError(
                f"decision {wanted} is not kept: those that change something are, and the newest ({last})",
                hint=f"explain {name}",
                word=str(wanted),
            )
        # those that changed nothing are soon forgotten
        changing = (each for each in known if each != newest and known[each]["action"] != Action.HOLD.value)
        past = (known[each] for each in (newest, *sorted(changing, reverse=True)[: _KEPT - 1]))
        kept = [asdict(KeptDecision(each["id"], each["action"], each["reason"])) for each in past]
        ready = len(ready_slots(world, spec))
        return document("Decision", {**known[wanted], "ready": ready, "kept": kept})

    def _decided(self, call: Call, name: str) -> World:
        """Return the world once there is a decision on an app that scales itself since a moment ago."""
        picture, ends_at = self.changes.reconciler.seen(), time.monotonic() + FIRST_S
        while _waits_for_first(picture.world, name) and time.monotonic() < ends_at:
            call.check()
            picture = self.changes.reconciler.next_picture(picture, LOOK_S) or picture
        return picture.world


def _require_decided(
    spec: AppSpec, known: Collection[int], target: ScalingTarget | None, number: int | None
) -> None:
    """Raise CloudError where there is no decision of this number on the app, or none that is its last."""
    name = spec.name
    if spec.autoscale and (not known or (target is None and number is None)):
        raise CloudError(
            f"nothing was decided yet on {name}: the first time is soon", hint=f"explain {name}", word=name
        )
    if spec.autoscale is None and (number is None or not known):
        hint = f"explain {name} --decision {max(known)}" if known else f"autoscale {name} --max 6"
        raise CloudError(f"{name} is scaled by hand: nothing decides", hint=hint, word=name)
    if spec.stopped and number is None:
        raise CloudError(f"{name} is stopped: nothing decides", hint=f"start {name}", word=name)


def _waits_for_first(world: World, name: str) -> bool:
    spec = world.specs.get(name)
    scales = spec is not None and spec.autoscale is not None and not spec.stopped
    return scales and name not in world.targets


def _view(world: World, spec: AppSpec) -> AutoscaleView:
    policy, target = spec.autoscale, world.targets.get(spec.name)
    assert policy is not None
    return AutoscaleView(
        app=spec.name,
        mode=policy.mode,
        min=policy.min,
        max=policy.max,
        slo_s=policy.slo_s,
        slo_share=policy.slo_share,
        want=spec.wanted,
        ready=len(ready_slots(world, spec)),
        decision=target.decision if target else None,
        reason=target.reason if target else "waiting for the first look",
    )
