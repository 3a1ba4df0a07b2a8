"""What apps were before: the revisions and decisions that can be gone back to, or explained.

A revision is asked for once, when an app has a new one; a decision is pushed with those that are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from manager.api.errors import CloudError, ManagerUnreachable, StoreUnavailable
from shell.client import Ask
from shell.prompt.named import Named
from shell.text import cells
from shell.text.document import Document, items

Past = Mapping[str, tuple[Named, ...]]  # of each app, the newest first

_ASKED_AT_ONCE = 8  # histories: the next look of the manager takes no longer for more of them


def _revisions_of(history: Document) -> tuple[Named, ...]:
    """Return the revisions that an app is not of now, with what made them and what they brought."""
    former = [item for item in items(history.get("items")) if item.get("state") != "current"]
    return tuple(Named(str(item.get("revision")), _brought(item)) for item in reversed(former))


def _brought(item: Document) -> str:
    return cells.cell(f"{item.get('change')} {item.get('changed', '')}".rstrip(), "text", 0)


class Histories:
    """The revisions of the apps that have had more than one; asked for again when an app has a new one."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[str, tuple[object, tuple[Named, ...]]] = {}

    def take(self, apps: Sequence[Document]) -> Past:
        """Return what is known, after asking for some of what is not."""
        now = {str(app.get("name")): app.get("revision") for app in apps if app.get("revision") != 1}
        self._known = {name: told for name, told in self._known.items() if now.get(name) == told[0]}
        for name in islice((name for name in now if name not in self._known), _ASKED_AT_ONCE):
            try:
                self._known[name] = now[name], _revisions_of(self._ask("history", {"app": name}))
            except (ManagerUnreachable, StoreUnavailable):
                break  # nobody answers: the next look tells
            except CloudError:
                self._known[name] = now[name], ()  # gone, or refused: those behind it have their turn
        return {name: revisions for name, (_, revisions) in self._known.items() if revisions}


def decisions_of(answers: Mapping[str, Document]) -> Past:
    """Return the last decision of each app and those before that changed something, of answers to explain."""
    told = {key.removeprefix("explain "): answers[key] for key in answers if key.startswith("explain ")}
    return {app: tuple(map(_decision, items(decision.get("kept")))) for app, decision in told.items()}


def _decision(kept: Document) -> Named:
    return Named(str(kept.get("id")), cells.cell(f"{kept.get('action')}: {kept.get('reason')}", "text", 0))
