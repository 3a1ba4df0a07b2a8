"""The autoscaler's hands: what decisions are made from comes in, targets and their reasons go out.

What the next decision follows from is stored with the target, so that the next manager decides as this one
would have. A tick that cannot be stored is as if it had not been. For a frozen app it decides, learns and
records as ever, and the number stays.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from balancer.decide import decide
from balancer.decision import Action, ScalingDecision, frozen
from balancer.memory import Memory
from balancer.samples import Mode, Policy
from manager.api.views import rfc3339
from manager.journal import Journal
from manager.measure import Observer
from manager.model import AppSpec, Autoscale, ScalingTarget
from manager.observation import HostMeter, Watcher
from manager.reconcile import Reconciler
from manager.records import (
    ALL,
    DECISIONS,
    decision_key,
    encode,
    freeze_key,
    latest_decision_key,
    target_key,
)
from manager.store import Fence, Store
from manager.world import World
from netsetup.network import Network

KEEP_DECISIONS = 50  # those that changed a number

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Scaler:
    """Decides on every autoscaled app. One thread calls `look`."""

    reconciler: Reconciler
    observer: Observer
    network: Network
    store: Store
    fence: Callable[[], Fence | None]
    journal: Journal
    clock: Callable[[], float]
    _watchers: dict[str, Watcher] = field(default_factory=dict)
    _host: HostMeter = field(default_factory=HostMeter)

    def look(self) -> None:
        """Decide once on each app that is scaled by itself; raises StoreUnavailable or Conflict."""
        picture, fence = self.reconciler.picture(), self.fence()
        if picture is None or picture.trouble or fence is None:
            return
        world = picture.world
        used_cores = self._host.used_cores(time.monotonic())
        apps = {spec.name: spec for spec in world.specs.values() if _is_scaled(spec)}
        for name in self._watchers.keys() - apps.keys():
            del self._watchers[name]
        for spec in apps.values():
            self._tick(world, spec, used_cores, fence)

    def _tick(self, world: World, spec: AppSpec, used_cores: float | None, fence: Fence) -> None:
        watcher = self._watchers.setdefault(spec.name, Watcher(self.network))
        seen = watcher.observe(world, spec, self.observer, used_cores)
        known = world.targets.get(spec.name)
        memory = Memory.from_json(known.memory) if known is not None and known.memory else Memory()
        assert spec.autoscale is not None
        now = self.clock()
        changed_s = memory.changed_s
        decision, memory = decide(_policy(spec.autoscale), memory, seen, now)
        if world.is_frozen(spec.name):
            decision, memory = frozen(decision), replace(memory, changed_s=changed_s)
        self._store(spec, known, decision, memory, fence)
        if decision.action is not Action.HOLD:
            self.journal.note(f"autoscale: {decision.reason}", app=spec.name)
            self.reconciler.dirty.set()

    def _store(
        self,
        spec: AppSpec,
        known: ScalingTarget | None,
        decision: ScalingDecision,
        memory: Memory,
        fence: Fence,
    ) -> None:
        changed = decision.action is not Action.HOLD
        at = decision.at_s if changed or known is None else known.at
        target = ScalingTarget(decision.final, decision.id, at, decision.reason, memory.to_json())
        record = {**decision.record(spec.name), "at": rfc3339(decision.at_s)}
        text = json.dumps(record, allow_nan=False)
        puts = {target_key(spec.name): encode(target), latest_decision_key(spec.name): text}
        outdated: list[str] = []
        if changed:
            puts[decision_key(spec.name, decision.id)] = text
            outdated = sorted(self.store.read(f"{DECISIONS}{spec.name}/0").entries)[: -KEEP_DECISIONS + 1]
        # a freeze that came meanwhile undoes this tick: nothing is changed after it was confirmed
        thawed = [freeze_key(ALL), freeze_key(spec.name)] if changed else []
        self.store.write(puts, outdated, fence=fence, absent=thawed)


def _is_scaled(spec: AppSpec) -> bool:
    return spec.autoscale is not None and not spec.stopped and not spec.removing


def _policy(asked: Autoscale) -> Policy:
    mode = Mode.RECOMMEND if asked.mode == "recommend" else Mode.ON
    return Policy(asked.max, asked.min, asked.slo_s, asked.slo_share, mode)
