"""Changes of specs: one transaction each, exactly once however often it is asked for.

A change stores the specs and its outcome under the request's id together. A request that is sent again,
after a lost connection or a dead manager, finds its outcome and changes nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from manager.api.errors import AppExists, CloudError, StoreUnavailable, UsageError
from manager.api.values import KEPT_REVISIONS
from manager.api.wire import Request
from manager.journal import Journal
from manager.lead import LEASE_S, Leadership
from manager.loop.reconcile import Reconciler
from manager.plan.foresee import foreseen, pace_words
from manager.server import Call
from manager.state.model import AppSpec, Revision, ScalingTarget
from manager.state.records import (
    APPS,
    DECISIONS,
    REQUESTS,
    REVISIONS,
    TARGETS,
    WORKERS,
    app_key,
    encode,
    freeze_key,
    readable,
    revision_key,
    target_key,
    undo_key,
)
from manager.state.specs import Held, held_in, require_reached
from manager.state.taken_back import policy_words
from manager.state.world import World, as_scaled, unread_words
from manager.store import NO_REVISIONS, Fence, Fenced, Snapshot, Store

LEAD_WAIT_S = LEASE_S + 2.0  # nothing is sent meanwhile; the key of a leader that died stays for a lease
LOOK_S = 0.02
_BESIDE = ("request", "wait", "detach")

Edit = Callable[[Mapping[str, AppSpec]], "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """New specs of some apps, what is said when they are there, and what is worth noting.

    aside: no change of what the apps are, so that `undo` takes back what it would have without it.
    """

    specs: tuple[AppSpec, ...]
    note: str = ""
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A change that is stored: a picture of this store revision, or a later one, shows it.

    apps: how many workers it wants of each, and of which revision.
    """

    apps: Mapping[str, tuple[int, int]]
    note: str
    revision: int


@dataclass(slots=True)
class Changes:
    """Changes specs, one at a time, each exactly once however often it is asked for.

    lead_wait_s: how long a write waits for this manager to lead, or to lead anew.
    """

    store: Store
    leadership: Leadership
    reconciler: Reconciler
    journal: Journal
    clock: Callable[[], float]
    lead_wait_s: float = LEAD_WAIT_S
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def make(self, call: Call, edit: Edit) -> Made:
        """Store what `edit` makes of the specs, and return what was done.

        It sees them as a picture does: an app that follows its load has the workers that it came to.
        Raises what `edit` raises, UsageError for an id of another request, Conflict, StoreUnavailable or
        NotConfirmed.
        """
        request = call.request.params.get("request")
        key = f"{REQUESTS}{request}" if request is not None else None
        with self._one_at_a_time:
            snapshot = self.store.read(APPS, TARGETS, *([key] if key else []))
            if key and key in snapshot.entries:
                return _made_before(call.request, snapshot, key)
            specs = _as_scaled(snapshot)
            wish = edit(specs)
            require_readable(_names(snapshot) - specs.keys(), wish.specs)
            require_reached(specs, wish.specs)
            revision = self._write(snapshot, specs, wish, key, call.request)
        for spec in _changed(specs, wish):
            words = _words(specs.get(spec.name), spec, aside=wish.aside)
            self.journal.note(f"{call.request.method}: {words}", app=spec.name)
        self.reconciler.dirty.set()
        return Made(wanted(wish.specs), wish.note, revision)

    def foresee(self, edit: Edit) -> tuple[list[str], Wish]:
        """Return what would become of the apps, were `edit` made; raises what `make` raises for it."""
        world = self.reconciler.seen().world
        wish = edit(world.specs)
        require_readable(world.unreadable.keys() - world.specs.keys(), wish.specs)
        require_cared_for(world, wish.specs)
        require_reached(world.specs, wish.specs)
        return [step for spec in wish.specs for step in foreseen(world.specs.get(spec.name), spec)], wish

    def _write(
        self, snapshot: Snapshot, before: Mapping[str, AppSpec], wish: Wish, key: str | None, request: Request
    ) -> int:
        """Store the specs with what belongs to them: history, what `undo` goes back to, the outcome."""
        if (picture := self.reconciler.picture()) is not None:
            require_cared_for(picture.world, wish.specs)
        changed = _changed(before, wish)
        puts = {app_key(spec.name): encode(spec) for spec in changed}
        known = {k: entry.mod_revision for k, entry in snapshot.entries.items() if k in puts}
        new = [k for k in puts if k not in known]
        stale: list[str] = []
        for spec in changed:
            beside, gone = self._beside(before.get(spec.name), spec, request.method, aside=wish.aside)
            puts |= beside
            stale += gone
        if key:
            said = {"apps": wanted(wish.specs), "note": wish.note, "asked": _asked(request)}
            puts[key] = json.dumps({"at": self.clock(), **said})
            new.append(key)
        return self.write(puts, stale, unchanged=known, absent=new) if puts else snapshot.revision

    def _beside(
        self, former: AppSpec | None, spec: AppSpec, change: str, *, aside: bool
    ) -> tuple[dict[str, str], list[str]]:
        """Return what is stored beside an app's new spec, by key, and which keys go with the former one."""
        puts, stale = {}, []
        if former is None:
            stale.append(undo_key(spec.name))  # of another app of that name
            if change != "undo":  # which brings that one back as it was
                stale += [freeze_key(spec.name), *self.store.read(f"{REVISIONS}{spec.name}/").entries]
        elif not aside:
            puts[undo_key(spec.name)] = encode(former)
        if spec.scales_itself and (former is None or not former.scales_itself):
            decisions = self.store.read(f"{DECISIONS}{spec.name}/").entries  # counted from 1 again
            stale += [target_key(spec.name), *decisions]
        if former is None or spec.revision > max(former.revision, former.newest):
            entry = Revision.of(spec, self.clock(), change)
            puts[revision_key(spec.name, spec.revision)] = encode(entry)
            stale += self._outdated(spec, former) if former is not None else []
        return puts, [key for key in stale if key not in puts]

    def _outdated(self, spec: AppSpec, former: AppSpec) -> list[str]:
        """Return the keys of the app's revisions that go now that it gets another one."""
        name = spec.name
        keys = self.store.read(f"{REVISIONS}{name}/", f"{WORKERS}{name}/").entries
        running = {int(key.rpartition("/")[2]) for key in keys if key.startswith(WORKERS)}
        used = {revision_key(name, number) for number in {*running, *spec.templates, *former.templates}}
        known = [key for key in keys if key.startswith(REVISIONS)]
        return [key for key in known[: 1 - KEPT_REVISIONS] if key not in used]

    def write(
        self,
        puts: Mapping[str, str],
        deletes: Iterable[str] = (),
        *,
        unchanged: Mapping[str, int] = NO_REVISIONS,
        absent: Iterable[str] = (),
    ) -> int:
        """Write as the store does, under this manager's fence; raises what it raises.

        An etcd that lost its data knows of no leader until this manager claims the key anew: then once more.
        """
        write = partial(self.store.write, puts, deletes, unchanged=unchanged, absent=absent)
        refused = self.fence()
        try:
            return write(fence=refused)
        except Fenced:
            ends_at = time.monotonic() + self.lead_wait_s
            while self.leadership.fence in (None, refused):
                if time.monotonic() > ends_at:
                    raise
                time.sleep(LOOK_S)
        return write(fence=self.fence())

    def held(self) -> Held:
        """Return what a new app must not share with lost workers; raises StoreUnavailable."""
        return held_in(self.reconciler.seen().world)

    def fence(self) -> Fence:
        """Return the fence of this manager's writes; raises StoreUnavailable while it cannot lead."""
        if self.leadership.fence is None:
            self.leadership.gained.wait(self.lead_wait_s)
        fence = self.leadership.fence
        if fence is None:
            raise StoreUnavailable(
                "etcd does not answer, so nothing can be changed; workers keep serving", hint="status"
            )
        return fence


def _changed(before: Mapping[str, AppSpec], wish: Wish) -> list[AppSpec]:
    """Return the specs that are new: what stays as it is, is no change that `undo` could take back."""
    return [spec for spec in wish.specs if spec != before.get(spec.name)]


def _made_before(request: Request, snapshot: Snapshot, key: str) -> Made:
    """Return what came of the request when it came first; raises UsageError when that was another one."""
    outcome = json.loads(snapshot.entries[key].value)
    if outcome.get("asked", asked := _asked(request)) != asked:
        raise UsageError("another request had this id", hint='"request":"5f3b"    (each its own)')
    apps = {name: (wanted, revision) for name, (wanted, revision) in outcome["apps"].items()}
    return Made(apps, str(outcome["note"]), snapshot.revision)


def wanted(specs: Iterable[AppSpec]) -> dict[str, tuple[int, int]]:
    """Return how many workers each app wants, and of which revision."""
    return {spec.name: (spec.wanted, spec.revision) for spec in specs}


def _asked(request: Request) -> str:
    """Return what tells one request from another: all of it but its id, and how its end is waited for."""
    params = {name: value for name, value in request.params.items() if name not in _BESIDE}
    return sha256(json.dumps([request.method, params], sort_keys=True).encode()).hexdigest()


def _words(before: AppSpec | None, spec: AppSpec, *, aside: bool) -> str:
    """Return what a change made of an app, as its event tells it."""
    if spec.removing:
        return "to be removed"
    if aside:
        return pace_words(before, spec) or "its spares are made anew"
    words = f"want {spec.wanted}, revision {spec.revision}"
    policy = before.autoscale if before is not None else None
    return words if policy == spec.autoscale else f"{policy_words(policy, spec.autoscale)}, {words}"


def read_specs(snapshot: Snapshot) -> dict[str, AppSpec]:
    """Return the specs of a snapshot by name; one that cannot be read, or is another's, is left out."""
    entries = snapshot.entries.items()
    specs = {key: readable(AppSpec, entry.value) for key, entry in entries if key.startswith(APPS)}
    return {spec.name: spec for key, spec in specs.items() if spec is not None and app_key(spec.name) == key}


def _names(snapshot: Snapshot) -> set[str]:
    """Return the names of the apps of which a snapshot has a spec, readable or not."""
    return {key.removeprefix(APPS) for key in snapshot.entries if key.startswith(APPS)}


def require_readable(unreadable: Collection[str], wished: Iterable[AppSpec]) -> None:
    """Raise AppExists when a new app would take the place of one whose spec cannot be read."""
    taken = next((spec.name for spec in wished if spec.name in unreadable), None)
    if taken is not None:
        raise AppExists(f"an app is named {taken} already, and its record cannot be read", hint="doctor")


def require_cared_for(world: World, wished: Iterable[AppSpec]) -> None:
    """Raise CloudError for an app of which some record cannot be read: nothing would come of the change."""
    for spec in wished:
        if words := unread_words(world, spec.name):
            raise CloudError(f"{spec.name} is {words}", hint="doctor")


def _as_scaled(snapshot: Snapshot) -> dict[str, AppSpec]:
    """Return the specs of a snapshot with what their autoscalers want, of which only the targets tell."""
    entries, specs = snapshot.entries.items(), read_specs(snapshot)
    targets = {key: readable(ScalingTarget, entry.value) for key, entry in entries if key.startswith(TARGETS)}
    return {name: as_scaled(spec, targets.get(target_key(name))) for name, spec in specs.items()}
