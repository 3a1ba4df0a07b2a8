"""`freeze` and `thaw`: nothing happens by itself, for an app or the whole cloud, until it may again.

What the operator asks for by hand still happens; manager.plan says which steps are which. A freeze is a key
in the store, so it outlives managers, `down` and reboots. The cloud's own parts, etcd and the proxy, are
kept running: without them nothing could be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from manager.api.arguments import Arguments
from manager.api.documents import document
from manager.server import Call
from manager.service.changes import Changes, read_specs
from manager.service.dispatch import Answer
from manager.service.waiting import until_seen
from manager.state import wishes
from manager.state.model import Freeze
from manager.state.records import ALL, APPS, FROZEN, app_key, encode, freeze_key
from manager.state.world import World, is_left_alone, is_ready
from manager.store import Entry

_MEANS = "nothing is done by itself"


@dataclass(frozen=True, slots=True)
class FreezeVerbs:
    """The commands freeze and thaw."""

    changes: Changes

    def freeze(self, call: Call, arguments: Arguments) -> Answer:
        app = arguments.text("app")
        if arguments.flag("dry_run"):
            return self._plan(app, f"freeze {_name(app)}", frozen=True)
        revision = self.set_frozen(app)
        if revision is not None:
            until_seen(self.changes.reconciler, call, revision, serving_are_left_alone)
        return _said(f"{_name(app)} is frozen: {_MEANS} until: {_thaw(app)}")

    def thaw(self, call: Call, arguments: Arguments) -> Answer:
        app = arguments.text("app")
        if arguments.flag("dry_run"):
            return self._plan(app, f"thaw {_name(app)}", frozen=False)
        revision = self.set_thawed(app)
        left = self._still_frozen(app)
        if revision is None:
            return _said(f"{_name(app)}{' itself' if left else ''} is not frozen", *left)
        until_seen(self.changes.reconciler, call, revision)
        return _said(f"{_name(app)} is thawed", *left)

    def set_frozen(self, app: str | None) -> int | None:
        """Store that the app, or the cloud, is frozen; return the store's revision, None if it was before.

        Raises AppNotFound, Conflict, StoreUnavailable or NotConfirmed.
        """
        key, entries = self._read(app)
        if key in entries:
            return None
        freeze = encode(Freeze(self.changes.clock()))
        # an app that is forgotten meanwhile must not leave its freeze to the next of its name
        known = {app_key(app): entries[app_key(app)].mod_revision} if app else {}
        revision = self.changes.write({key: freeze}, absent=[key], unchanged=known)
        self.changes.journal.note(f"frozen: {_MEANS} until: {_thaw(app)}", app=app)
        self.changes.reconciler.dirty.set()
        return revision

    def set_thawed(self, app: str | None) -> int | None:
        """Store that the app, or the cloud, is not frozen; as `set_frozen`."""
        key, entries = self._read(app)
        if key not in entries:
            return None
        known = {key: entries[key].mod_revision}
        revision = self.changes.write({}, [key], unchanged=known)
        self.changes.journal.note("thawed", app=app)
        self.changes.reconciler.dirty.set()
        return revision

    def _plan(self, app: str | None, step: str, *, frozen: bool) -> Answer:
        """Tell what it takes that the app, or the cloud, is frozen or not."""
        key, entries = self._read(app)
        return document("Plan", {"steps": [] if (key in entries) == frozen else [step]})

    def _read(self, app: str | None) -> tuple[str, Mapping[str, Entry]]:
        """Return the freeze's key and the entries it is about; raises AppNotFound."""
        snapshot = self.changes.store.read(FROZEN, APPS)
        if app is not None:
            wishes.find(read_specs(snapshot), app)
        return freeze_key(app or ALL), snapshot.entries

    def _still_frozen(self, app: str | None) -> list[str]:
        """Return what keeps a thawed app, or some of the apps of a thawed cloud, frozen."""
        snapshot = self.changes.store.read(FROZEN, APPS)
        if app is not None:
            return ["the whole cloud is frozen: thaw"] if freeze_key(ALL) in snapshot.entries else []
        names = [name for name in read_specs(snapshot) if freeze_key(name) in snapshot.entries]
        return [f"{name} stays frozen: thaw {name}" for name in names]


def serving_are_left_alone(world: World) -> bool:
    """Return whether each worker that serves in what is frozen is recorded as one that was up.

    One that is not would be started again if its container were removed.
    """
    frozen = (r for r in world.records.values() if world.is_frozen(r.app) and r.app not in world.unreadable)
    return all(is_left_alone(world, record) for record in frozen if is_ready(world, record))


def _name(app: str | None) -> str:
    return app or "the cloud"


def _thaw(app: str | None) -> str:
    return f"thaw {app}" if app else "thaw"


def _said(message: str, *notes: str) -> Answer:
    return document("Result", {"message": message, "notes": list(notes)})
