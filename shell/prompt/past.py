"""What apps were before: the revisions and decisions that can be gone back to, or explained.

A revision is asked for once, when an app has a new one; decisions are pushed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from manager.api.errors import CloudError, ManagerUnreachable, StoreUnavailable
from shell.client import Ask
from shell.prompt.named import Named
from shell.text import cells
from shell.text.document import Document, fields, items

Past = Mapping[str, tuple[Named, ...]]  # of each app, the newest first

_ASKED_AT_ONCE = 8  # histories: the next look of the manager takes no longer for more of them
_DECISIONS = 10


def revisions_of(history: Document) -> tuple[Named, ...]:
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
                self._known[name] = now[name], revisions_of(self._ask("history", {"app": name}))
            except (ManagerUnreachable, StoreUnavailable):
                break  # nobody answers: the next look tells
            except CloudError:
                self._known[name] = now[name], ()  # gone, or refused: those behind it have their turn
        return {name: revisions for name, (_, revisions) in self._known.items() if revisions}


def decisions_of(before: Past, news: Document) -> Past:
    """Return the last decision of each app, and those before that changed something, with a look's news."""
    told = {key.removeprefix("explain "): fields(news[key]) for key in news if key.startswith("explain ")}
    return {**before, **{app: (*_decisions(before.get(app, ()), told[app]),) for app in told}}


def _decisions(earlier: Sequence[Named], decision: Document) -> Iterator[Named]:
    number = decision.get("id")
    if not isinstance(number, int):
        return
    yield Named(str(number), cells.cell(f"{decision.get('action')}: {decision.get('reason')}", "text", 0))
    # not kept for long: what changed nothing, and what was decided on an app of this name that is gone
    changing = (each for each in earlier if int(each.name) < number and not each.meta.startswith("hold:"))
    yield from islice(changing, _DECISIONS - 1)
