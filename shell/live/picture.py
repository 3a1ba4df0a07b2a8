"""The live view as styled lines: what `watch` shows of one moment. Pure.

A view is blocks above each other: what there is room for is given to the first of them first, and what is
under the cursor is always seen. What a narrow terminal does without, in this order, is DROPPED.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from manager.api.cite import cited
from manager.api.listings import LISTINGS, Column
from shell.live import header
from shell.live.keys import HELP, HELP_PAGE, explained
from shell.live.upcoming import upcoming
from shell.live.view import SPAN_S, Seen, View, app_of, shown_apps, shown_workers, worker_of
from shell.text import cells, stream_item, styled, tables
from shell.text.document import Document, number
from shell.text.glyphs import escaped, mark, stripped
from shell.text.render import NO_APPS
from shell.text.sparkline import by_time, sparkline
from shell.text.styled import Line
from shell.text.tables import Options

ALL = 1000  # lines: no limit
FEW_EVENTS = 6  # of one look that is printed, or drawn into a file
DROPPED = ("MEMORY", "ERRORS", "CPU", "LAST MINUTE", "P95", "REQ/S")
_WIDE_COLUMNS = 120
_APP_COLUMNS = (
    Column("  APP", "name"),
    Column("READY", "ready", "count"),
    Column("REQ/S", "rate_rps", "rate"),
    Column("P95", "p95_s", "seconds"),
    Column("ERRORS", "error_ratio", "ratio"),
    Column("CPU", "cpu_cores", "cores"),
    Column("MEMORY", "memory_bytes", "bytes"),
    Column("LAST MINUTE", "spark"),
    Column("NEXT", "next"),
)


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines under a head, of which the one at `cursor` has to be seen; at most `most` of them."""

    head: Sequence[Line]
    rows: Sequence[Line]
    cursor: int = 0
    most: int = ALL


def lines(seen: Seen, view: View, options: Options, height: int, events: int = ALL) -> list[Line]:
    """Return the view, at most `height` lines; what is below them is the caller's.

    events: at most how many of the last ones; those of an app that was gone into are all shown.
    """
    width = options.screen_columns
    most = height if view.app else min(events, height)
    blocks = [_Block([*header.lines(seen, options)], []), *_blocks(seen, view, options, most)]
    drawn = [styled.cut(line, width, mark(options.utf8)) for line in _stacked(blocks, height)]
    return drawn if options.utf8 else [styled.as_ascii(line) for line in drawn]


def _blocks(seen: Seen, view: View, options: Options, events: int) -> Iterator[_Block]:
    if view.page:
        yield _page(seen, view, options.screen_columns)
        return
    apps, app = shown_apps(seen, view), app_of(seen, view)
    workers, worker = shown_workers(seen, view), worker_of(seen, view)
    if seen.status and not seen.apps:
        yield _Block([styled.line(NO_APPS, "dim")], [])
    elif seen.status:
        yield _apps(seen, apps, "" if view.app else app, options)
    if view.filter and not (workers if view.app else apps):
        yield _Block([styled.line(f"no name contains {cited(view.filter)}", "dim")], [])
    if view.app and apps:
        yield _Block([*_about(apps[0], options)], [])
    yield _workers(workers, worker, options)
    of_app = [event for event in seen.events if not view.app or event.get("app") == view.app]
    yield _events(of_app, options, events)


def _stacked(blocks: Sequence[_Block], height: int) -> list[Line]:
    """Return the blocks with an empty line between two, each cut to its share of the height."""
    stacked: list[Line] = []
    shown = [block for block in blocks if block.head or block.rows]
    for at, block in enumerate(shown):
        gap = [styled.line("")] if stacked else []
        left = height - len(stacked) - len(gap) - len(block.head)
        later = sum(1 + len(after.head) + min(3, len(after.rows)) for after in shown[at + 1 :])
        room = min(block.most, max(left - later, min(left, 3), 0))
        stacked += [*gap, *block.head, *_window(block.rows, block.cursor, room)]
    return stacked[:height]


def _window(rows: Sequence[Line], cursor: int, room: int) -> Sequence[Line]:
    first = max(0, min(cursor - room // 2, len(rows) - room))
    return rows[first : first + room]


def _apps(seen: Seen, apps: Sequence[Document], chosen: str, options: Options) -> _Block:
    told = [
        upcoming(app, _of(seen, app), seen.decisions.get(str(app.get("name")), {}), options.now)
        for app in apps
    ]
    columns = [column for column in _APP_COLUMNS if column.field != "spark" or _has_history(seen)]
    body = [
        [_app_cell(seen, app, chosen, column, text, options) for column in columns]
        for app, (_, text) in zip(apps, told, strict=True)
    ]
    shown, body = tables.fitted(columns, body, DROPPED, options.screen_columns, mark(options.utf8))
    head, *rows = styled.table(
        shown, body, lambda at, column, text: _app_style(apps[at], told[at][0], column.field)
    )
    return _with_cursor(head, rows, [str(app.get("name")) for app in apps], chosen, options.screen_columns)


def _app_style(app: Document, next_style: str, field: str) -> str:
    """Return what a cell of an app looks like: what is not as it should be is seen at once."""
    match field:
        case "next":
            return next_style
        case "ready":
            ready, want, done = (number(app.get(key)) or 0 for key in ("ready", "want", "done"))
            whole = ready >= want - done
            return "well" if whole else "bad" if next_style == "bad" else "busy"
        case "error_ratio":
            return "bad" if number(app.get("error_ratio")) else ""
        case "spark":
            return "idle"
        case _:
            return ""


def _has_history(seen: Seen) -> bool:
    """Tell whether something was served in the last minute; without it there is nothing to draw."""
    return any(rate for history in seen.rates.values() for _, rate in history)


def _of(seen: Seen, app: Document) -> list[Document]:
    return [worker for worker in seen.workers if worker.get("app") == app.get("name")]


def _app_cell(seen: Seen, app: Document, chosen: str, column: Column, upcoming: str, options: Options) -> str:
    name = str(app.get("name"))
    match column.field:
        case "name":
            return f"{'>' if name == chosen else ' '} {name}"
        case "ready":
            return f"{app.get('ready')}/{app.get('want')}"
        case "spark":
            columns = 20 if options.screen_columns >= _WIDE_COLUMNS else 12
            history = by_time(seen.rates.get(name, ()), options.now, SPAN_S, columns)
            return sparkline(history, columns, utf8=options.utf8)
        case "next":
            return escaped(upcoming)
        case _:
            return cells.cell(app.get(column.field), column.format, options.now)


def _with_cursor(head: Line, rows: Sequence[Line], names: Sequence[str], chosen: str, width: int) -> _Block:
    cursor = names.index(chosen) if chosen in names else 0
    marked = [
        styled.chosen(row, width) if name == chosen else row for row, name in zip(rows, names, strict=True)
    ]
    return _Block([head], marked, cursor)


def _about(app: Document, options: Options) -> Iterator[Line]:
    """Yield what an app is made from and where it answers."""
    yield styled.line(f"  {cells.cell(app.get('command'), 'list', 0)}   {app.get('image')}", "dim")
    urls = cells.cell(app.get("urls"), "list", 0)
    policy = f"{app.get('min')} to {app.get('max')} workers by itself" if app.get("scaling") == "auto" else ""
    told = [part for part in (urls, policy) if part not in ("", cells.NOTHING)]
    if told:
        yield styled.line("  " + "   ".join(told), "dim")


def _workers(workers: Sequence[Document], chosen: str, options: Options) -> _Block:
    if not workers:
        return _Block([], [])
    columns = tables.usual_columns("WorkerList", workers)
    body = [
        [cells.cell(worker.get(column.field), column.format, options.now) for column in columns]
        for worker in workers
    ]
    marked = [[f"{'>' if row[0] == chosen else ' '} {row[0]}", *row[1:]] for row in body]
    first = Column("  WORKER", "name")
    shown, fitted = tables.fitted(
        [first, *columns[1:]],
        marked,
        LISTINGS["WorkerList"].dropped,
        options.screen_columns,
        mark(options.utf8),
    )
    head, *rows = styled.table(shown, fitted, lambda at, column, text: styled.STATE_STYLES.get(text, ""))
    names = [str(worker.get("name")) for worker in workers]
    return _with_cursor(head, rows, names, chosen, options.screen_columns)


def _events(events: Sequence[Document], options: Options, most: int) -> _Block:
    told = [stream_item.line({"kind": "Event", **event}, options) for event in events[-most:]]
    rows = [styled.line(line, "dim") for line in told if line is not None]
    return _Block([], rows, len(rows), most)


def _page(seen: Seen, view: View, width: int) -> _Block:
    """Return the keys, or what a command printed: logs from their end, all else from its beginning.

    Each key leads a line, or a key that is explained, on.
    """
    head = [styled.line(" ".join(view.page), "head")]
    if view.page == HELP_PAGE:
        return _Block(head, [row for key in HELP[view.scroll :] for row in explained(*key, width)])
    printed = [*seen.page] or ["nothing printed yet"] if seen.page_of == view.page else []
    rows = [styled.line(stripped(line)) for line in printed]
    is_log = view.page[0] == "logs"
    rows = rows[: len(rows) + view.scroll] if is_log else rows[view.scroll :]
    return _Block(head, rows, len(rows) if is_log else 0)


def plain_line(seen: Seen, now: float) -> str:
    """Return one moment as one line, for where nothing can be drawn."""
    if seen.away_since is not None:
        return "; ".join(header.absence(seen, seen.away_since, now))
    apps = "  ".join(
        f"{app.get('name')} {app.get('ready')}/{app.get('want')} ready "
        f"{cells.cell(app.get('rate_rps'), 'rate', now)} req/s"
        for app in seen.apps
    )
    return f"{time.strftime('%H:%M:%S', time.gmtime(now))}Z  {apps or 'no apps'}"
