"""The live view as lines of text: what `watch` shows of one moment. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shell import cells, render
from shell.glyphs import cut, escaped
from shell.sparkline import bar, sparkline

Document = Mapping[str, object]

HISTORY = 60
SPARK_COLUMNS = 20
WIDE_COLUMNS = 100
EVENTS = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """What was asked for at one moment; empty documents before the first answer.

    rates: requests/s of each app at the last looks, oldest first.  away_since: since when (unix seconds)
    nobody answers, None while somebody does.
    """

    status: Document = field(default_factory=dict)
    apps: Sequence[Document] = ()
    workers: Sequence[Document] = ()
    events: Sequence[Document] = ()
    rates: Mapping[str, Sequence[float]] = field(default_factory=dict)
    away_since: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What the person chose: the app under the cursor, the order, a text that names must contain."""

    chosen: int = 0
    sort: str = ""
    filter: str = ""
    paused: bool = False
    helping: bool = False


def remembered(before: Seen, apps: Sequence[Document]) -> dict[str, list[float]]:
    """Return the history of rates with these apps' rates at its end."""
    history = {}
    for app in apps:
        name, rate = str(app.get("name")), app.get("rate_rps")
        now = float(rate) if isinstance(rate, int | float) else 0.0
        history[name] = [*before.rates.get(name, ()), now][-HISTORY:]
    return history


def shown_apps(seen: Seen, view: View) -> list[Document]:
    """Return the apps in the order, and with the names, that the person chose."""
    apps = [app for app in seen.apps if view.filter in str(app.get("name"))]
    if view.sort:
        apps.sort(key=lambda app: -_number(app.get(view.sort)))
    return apps


def lines(seen: Seen, view: View, options: render.Options, height: int) -> list[str]:
    """Return the whole view, at most `height` lines; the caller adds the footer."""
    width = options.width or 80
    apps = shown_apps(seen, view)
    chosen = str(apps[min(view.chosen, len(apps) - 1)].get("name")) if apps else ""
    text = [*_header(seen, options), "", *_apps(seen, apps, chosen, options), ""]
    text += _workers(seen, chosen, options)
    events = _events(seen, options)
    room = max(0, height - len(text) - len(events) - 1)
    text = text[: height - len(events) - 1] + [""] * min(1, room) + events
    return [cut(line, width, "…" if options.utf8 else "...") for line in text[:height]]


def _header(seen: Seen, options: render.Options) -> Iterator[str]:
    if seen.away_since is not None:
        since_s = options.now - seen.away_since
        yield f"manager DOWN {since_s:.0f} s: showing the last picture; workers keep serving"
    if not seen.status:
        yield "waiting for the manager"
        return
    host = _fields(seen.status.get("host"))
    cores, memory = _number(host.get("cores")), _number(host.get("memory_bytes"))
    cpu = sum(_number(app.get("cpu_cores")) for app in seen.apps)
    used = sum(_number(app.get("memory_bytes")) for app in seen.apps)
    marks = [f"{part} {'ok' if well else 'NOT OK'}" for part, well in _health(seen)]
    yield f"{seen.status.get('cloud')}  " + "  ".join(marks)
    yield (
        f"cpu {bar(cpu / cores if cores else 0, 20, utf8=options.utf8)} {cpu:.2f} of {cores:g} cores   "
        f"memory {bar(used / memory if memory else 0, 20, utf8=options.utf8)} {cells.size(used)}"
    )


def _health(seen: Seen) -> Iterator[tuple[str, bool]]:
    yield "manager", seen.away_since is None
    for part in ("etcd", "proxy"):
        yield part, _fields(seen.status.get(part)).get("healthy") is True
    yield "docker", bool(_fields(seen.status.get("docker")).get("version"))
    yield "converged", seen.status.get("converged") is True


def _apps(seen: Seen, apps: Sequence[Document], chosen: str, options: render.Options) -> Iterator[str]:
    """Yield a line per app; the last minute is what a narrow terminal does without."""
    width = max([len("APP"), *(len(str(app.get("name"))) for app in apps)])
    spark_columns = SPARK_COLUMNS if (options.width or 0) >= WIDE_COLUMNS else 0
    minute = "LAST MINUTE".ljust(spark_columns) + "  " if spark_columns else ""
    yield f"  {'APP':<{width}}  READY   REQ/S       P95    CPU  {minute}NEXT"
    for app in apps:
        name = str(app.get("name"))
        mark = ">" if name == chosen else " "
        ready = f"{app.get('ready')}/{app.get('want')}"
        rate = cells.cell(app.get("rate_rps"), "rate", options.now)
        p95 = cells.cell(app.get("p95_s"), "seconds", options.now)
        cores = cells.cell(app.get("cpu_cores"), "cores", options.now)
        spark = sparkline(seen.rates.get(name, ()), spark_columns, utf8=options.utf8) if spark_columns else ""
        note = escaped(str(app.get("note") or ""))
        gap = "  " if spark else ""
        yield f"{mark} {name:<{width}}  {ready:>5} {rate:>7} {p95:>9} {cores:>6}  {spark}{gap}{note}".rstrip()


def _workers(seen: Seen, chosen: str, options: render.Options) -> Iterator[str]:
    mine = [worker for worker in seen.workers if worker.get("app") == chosen]
    if mine:
        yield from render.result({"kind": "WorkerList", "items": mine}, options)


def _events(seen: Seen, options: render.Options) -> list[str]:
    last = list(seen.events)[-EVENTS:]
    return [line for event in last if (line := render.item({"kind": "Event", **event}, options)) is not None]


def _fields(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def plain_line(seen: Seen, now: float) -> str:
    """Return one moment as one line, for where nothing can be drawn."""
    if seen.away_since is not None:
        return f"manager DOWN {now - seen.away_since:.0f} s; workers keep serving"
    apps = "  ".join(
        f"{app.get('name')} {app.get('ready')}/{app.get('want')} ready "
        f"{cells.cell(app.get('rate_rps'), 'rate', now)} req/s"
        for app in seen.apps
    )
    return f"{time.strftime('%H:%M:%S', time.gmtime(now))}Z  {apps or 'no apps'}"


def moved(view: View, step: int, seen: Seen) -> View:
    """Return the view with the cursor moved, kept on an app."""
    last = max(0, len(shown_apps(seen, view)) - 1)
    return replace(view, chosen=min(last, max(0, view.chosen + step)))
