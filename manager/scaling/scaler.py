"""The autoscaler's hands: what decisions are made from comes in, targets and their reasons go out.

What the next decision follows from is stored with the target, so that the next manager decides as this one
would have. A tick that cannot be stored is as if it had not been. For a frozen app it decides, learns and
records as ever, and the number stays.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from balancer.crowd import Asked, Decided, decide_all
from balancer.decision import Action, ScalingDecision, frozen
from balancer.memory import Memory
from balancer.samples import Mode, Policy
from manager.api.documents import counted, rfc3339
from manager.journal import Journal
from manager.loop.reconcile import Reconciler
from manager.observe.host_use import CpuMeter
from manager.scaling.holding import Holds
from manager.scaling.measure import Observer
from manager.scaling.observation import Host, Watcher, spare_bytes
from manager.scaling.recording import Recording
from manager.state.model import AppSpec, Autoscale, ScalingTarget
from manager.state.records import (
    ALL,
    DECISIONS,
    TARGETS,
    UnreadableRecord,
    decision_key,
    decode,
    encode,
    freeze_key,
    held_decision_key,
    target_key,
)
from manager.state.world import World
from manager.store import Fence, Store

KEEP_DECISIONS = 50  # those that changed a number

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Scaler:
    """Decides on every autoscaled app. One thread calls `look`."""

    reconciler: Reconciler
    observer: Observer
    store: Store
    fence: Callable[[], Fence | None]
    journal: Journal
    clock: Callable[[], float]
    recording: Recording
    _watchers: dict[str, Watcher] = field(default_factory=dict)
    _cpu: CpuMeter = field(default_factory=CpuMeter)
    _holds: Holds = field(default_factory=Holds)

    def look(self) -> None:
        """Decide once on each app that is scaled by itself; raises StoreUnavailable or Conflict."""
        picture, fence = self.reconciler.picture(), self.fence()
        if picture is None or picture.trouble or fence is None:
            return
        world = picture.world
        apps = {spec.name: spec for spec in world.specs.values() if _is_scaled(world, spec)}
        for name in self._watchers.keys() - apps.keys():
            del self._watchers[name]
        self._holds.keep(apps)
        # From the store: the picture may be a tick old, and would take back what that tick learned.
        targets = dict(self._targets(apps)) if apps else {}
        host = Host(self._cpu.used_cores(time.monotonic()), spare_bytes() / max(1, len(apps)))
        asked = {name: self._asked(world, apps[name], target, host) for name, target in targets.items()}
        now = self.clock()
        decided = {
            name: _unmoved(each, asked[name].memory, targets[name]) if world.is_frozen(name) else each
            for name, each in decide_all(asked, now).items()
        }
        self._carry_out(apps, targets, decided, fence)
        self.recording.tidy(now)

    def _targets(self, apps: Iterable[str]) -> Iterator[tuple[str, ScalingTarget | None]]:
        """Yield what is stored of each app; one that cannot be read is left alone, and so is its app."""
        entries = self.store.read(TARGETS).entries
        for name in apps:
            entry = entries.get(target_key(name))
            try:
                yield name, None if entry is None else decode(ScalingTarget, entry.value)
            except UnreadableRecord as error:
                log.error("%s is not scaled: its target is left alone: %s", name, error)

    def _asked(self, world: World, spec: AppSpec, target: ScalingTarget | None, host: Host) -> Asked:
        watcher = self._watchers.setdefault(spec.name, Watcher())
        seen = watcher.observe(world, spec, self.observer.latest(), host)
        assert spec.autoscale is not None
        return Asked(policy_of(spec.autoscale), _memory_of(spec, target), seen)

    def _carry_out(
        self,
        apps: Mapping[str, AppSpec],
        targets: Mapping[str, ScalingTarget | None],
        decided: Mapping[str, Decided],
        fence: Fence,
    ) -> None:
        """Store and tell what was decided: what is news on its own, all that hold in one transaction."""
        puts = {name: _puts(name, targets[name], each) for name, each in decided.items()}
        held = [name for name, each in decided.items() if not _is_news(each.decision, targets[name])]
        if held:  # first: that a change is refused costs the others nothing
            self.store.write({key: value for name in held for key, value in puts[name].items()}, fence=fence)
        for name in held:
            self._tell(apps[name], decided[name])
        for name in [name for name in decided if name not in held]:
            self._change(name, puts[name], fence)
            self._tell(apps[name], decided[name])
            self.journal.note(_words(decided[name].decision), app=name)

    def _change(self, app: str, puts: Mapping[str, str], fence: Fence) -> None:
        outdated = sorted(self.store.read(f"{DECISIONS}{app}/0").entries)[: -KEEP_DECISIONS + 1]
        # a freeze that came meanwhile undoes this tick: nothing is changed after it was confirmed
        self.store.write(puts, outdated, fence=fence, absent=[freeze_key(ALL), freeze_key(app)])
        self.reconciler.dirty.set()

    def _tell(self, spec: AppSpec, decided: Decided) -> None:
        decision = decided.decision
        self.recording.add(spec.name, spec.created_at, decided)
        if held := self._holds.news(spec.name, decision):
            self.journal.note(f"autoscale: {held}", app=spec.name)


def _puts(app: str, known: ScalingTarget | None, decided: Decided) -> dict[str, str]:
    """Return what is stored of a decision: what the app shall have, and why."""
    decision = decided.decision
    is_news = _is_news(decision, known)
    at = decision.at_s if is_news or known is None else known.at
    memory = decided.memory.to_json()
    target = ScalingTarget(decision.final, decision.id, at, decision.reason, memory, decision.spares)
    record = {**decision.record(app), "at": rfc3339(decision.at_s)}
    key = (decision_key if is_news else held_decision_key)(app, decision.id)
    return {target_key(app): encode(target), key: json.dumps(record, allow_nan=False)}


def _is_news(decision: ScalingDecision, known: ScalingTarget | None) -> bool:
    """Return whether a decision changes the number of workers, or recommends another than the one before."""
    is_new = decision.carried_out or known is None or decision.final != known.want
    return is_new and decision.action is not Action.HOLD


def _words(decision: ScalingDecision) -> str:
    advice = "" if decision.carried_out else f" recommends {counted(decision.final, 'worker')}"
    return f"autoscale{advice}: {decision.reason}"


def _is_scaled(world: World, spec: AppSpec) -> bool:
    readable = spec.name not in world.unreadable
    return spec.autoscale is not None and readable and not spec.stopped and not spec.removing


def _unmoved(decided: Decided, before: Memory, target: ScalingTarget | None) -> Decided:
    """Return what was decided of a frozen app: nothing changes, and nothing has changed."""
    memory = replace(decided.memory, changed_s=before.changed_s)
    spares = target.spares if target is not None else 0
    return replace(decided, decision=frozen(decided.decision, spares), memory=memory)


def _memory_of(spec: AppSpec, target: ScalingTarget | None) -> Memory:
    """Return what is remembered of an app; what another version wrote is learned anew."""
    if target is None or not target.memory:
        return Memory()
    try:
        return Memory.from_json(target.memory)
    except ValueError as error:
        log.warning("%s: what was learned cannot be read and is learned anew: %s", spec.name, error)
        return Memory(number=target.decision)


def policy_of(asked: Autoscale) -> Policy:
    """Return an operator's policy as decisions take it, who need a worker to learn anything from."""
    mode = Mode.RECOMMEND if asked.mode == "recommend" else Mode.ON
    return Policy(asked.max, max(1, asked.min), asked.slo_s, asked.slo_share, mode)
