"""What is kept for an undo or a rollback once an app or a revision is gone, and what that is too old for."""

from __future__ import annotations

import re
from collections.abc import Collection

from manager.api.values import KEPT_REMOVALS
from manager.engine.contract import Engine
from manager.state.records import APPS, REVISIONS, UNDO, app_key, freeze_key, undo_key
from manager.store import Store

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def beyond_undo(store: Store, going: Collection[str]) -> list[str]:
    """Return the apps that were removed too long ago for an undo; going: those that are removed now."""
    stored = store.read(APPS, UNDO).entries
    undos = {key.removeprefix(UNDO): entry for key, entry in stored.items() if key.startswith(UNDO)}
    gone = [name for name in undos if name in going or app_key(name) not in stored]
    gone.sort(key=lambda name: undos[name].mod_revision)
    return [name for name in gone[:-KEPT_REMOVALS] if name not in going]


def keys_of_removed(store: Store, name: str) -> list[str]:
    """Return the keys that are kept of a removed app.

    The last one makes it known: who dies amid deleting them in this order leaves none that nobody finds.
    """
    return [*store.read(f"{REVISIONS}{name}/").entries, freeze_key(name), undo_key(name)]


def named_files(store: Store, engine: Engine) -> set[str]:
    """Return the sha256 of each copied file that an app, a kept revision, an undo or a container names."""
    texts = [entry.value for entry in store.read(APPS, REVISIONS, UNDO).entries.values()]
    texts += [label for container in engine.workers() for label in container.labels.values()]
    return {digest for text in texts for digest in _DIGEST.findall(text)}
