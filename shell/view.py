"""What the live view is of: what was seen at one moment, and what the person chose to see of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shell.document import Document, number
from shell.sparkline import Moments

SPAN_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was asked for at one moment; empty documents before the first answer.

    decisions: the last one of each autoscaled app.  rates: requests/s of each app over the last minute.
    away_since: since when (unix seconds) nobody answers, None while somebody does.  page: what the
    command `page_of` printed.
    """

    status: Document = field(default_factory=dict)
    apps: Sequence[Document] = ()
    workers: Sequence[Document] = ()
    events: Sequence[Document] = ()
    decisions: Mapping[str, Document] = field(default_factory=dict)
    rates: Mapping[str, Moments] = field(default_factory=dict)
    away_since: float | None = None
    page_of: tuple[str, ...] = ()
    page: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What the person chose to see, and where the cursor is.

    app: the one gone into, "" outside.  chosen, worker: the names under the cursor, outside and inside.
    filter: a text that names contain.  typing: it is being typed.  page: the command whose output is
    shown instead, and `scroll` how many lines it is moved.  said, well: what became of the last command.
    """

    app: str = ""
    chosen: str = ""
    worker: str = ""
    sort: str = ""
    filter: str = ""
    typing: bool = False
    paused: bool = False
    page: tuple[str, ...] = ()
    scroll: int = 0
    said: str = ""
    well: bool = True


def remembered(before: Seen, apps: Sequence[Document], now: float) -> dict[str, Moments]:
    """Return the history of rates with these apps' rates at its end, no longer than SPAN_S."""
    history: dict[str, Moments] = {}
    for app in apps:
        name = str(app.get("name"))
        young = [moment for moment in before.rates.get(name, ()) if now - moment[0] < SPAN_S]
        history[name] = [*young, (now, number(app.get("rate_rps")) or 0.0)]
    return history


def shown_apps(seen: Seen, view: View) -> list[Document]:
    """Return the apps in the order, and with the names, that the person chose."""
    return _picked([app for app in seen.apps if not view.app or app.get("name") == view.app], view)


def shown_workers(seen: Seen, view: View) -> list[Document]:
    """Return the workers of the app that the person looks at."""
    app = app_of(seen, view)
    return _picked([worker for worker in seen.workers if worker.get("app") == app], view, inside=True)


def _picked(rows: list[Document], view: View, *, inside: bool = False) -> list[Document]:
    if bool(view.app) == inside:
        rows = [row for row in rows if view.filter in str(row.get("name"))]
        if view.sort:
            rows.sort(key=lambda row: -(number(row.get(view.sort)) or 0.0))
    return rows


def app_of(seen: Seen, view: View) -> str:
    """Return the app gone into, or under the cursor; "" where there is none."""
    return view.app or _under_cursor(shown_apps(seen, view), view.chosen)


def worker_of(seen: Seen, view: View) -> str:
    """Return the worker under the cursor, once an app was gone into; "" else."""
    return _under_cursor(shown_workers(seen, view), view.worker) if view.app else ""


def _under_cursor(rows: Sequence[Document], wanted: str) -> str:
    names = [str(row.get("name")) for row in rows]
    return wanted if wanted in names else next(iter(names), "")
