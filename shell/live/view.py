"""What the live view is of: what was seen at one moment, and what the person chose to see of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shell.text.document import Document, fields, items, number
from shell.text.sparkline import Moments

SPAN_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was asked for at one moment; empty documents before the first answer.

    host: what this machine has, and what of it everything on it uses.
    decisions: the last one of each autoscaled app.  rates: requests/s of each app over the last minute.
    heard_at: when (unix seconds) the manager was heard last.  away_since: since when nobody answers,
    None while somebody does.  down: the cloud is.  page: what the command `page_of` printed.
    """

    status: Document = field(default_factory=dict)
    host: Document = field(default_factory=dict)
    apps: Sequence[Document] = ()
    workers: Sequence[Document] = ()
    events: Sequence[Document] = ()
    decisions: Mapping[str, Document] = field(default_factory=dict)
    rates: Mapping[str, Moments] = field(default_factory=dict)
    heard_at: float | None = None
    away_since: float | None = None
    down: bool = False
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


def told(before: Seen, look: Document, now: float) -> Seen:
    """Return what is seen after a Look of the manager: it has the documents that have changed."""
    news = fields(look.get("documents"))
    apps = _items(news, "apps", before.apps)
    of = {key.removeprefix("explain "): fields(news[key]) for key in news if key.startswith("explain ")}
    scaled = {str(app.get("name")) for app in apps if app.get("max") is not None}
    return replace(
        before,
        status=fields(news.get("status", before.status)),
        host=fields(news.get("host", before.host)),
        apps=apps,
        workers=_items(news, "ps", before.workers),
        events=_items(news, "events", before.events),
        decisions={name: decision for name, decision in {**before.decisions, **of}.items() if name in scaled},
        rates=remembered(before, apps, now),
        heard_at=now,
        away_since=None,
        down=False,
    )


def _items(news: Document, key: str, before: Sequence[Document]) -> Sequence[Document]:
    return items(fields(news[key]).get("items")) if key in news else before


def away(before: Seen, now: float, *, down: bool) -> Seen:
    """Return what is seen while nobody answers: what was seen last, and since when nothing new was heard."""
    return replace(before, away_since=before.away_since or before.heard_at or now, down=down)


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
