"""Listings as text: tables that fit the terminal, and JSON, CSV and names for programs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from manager.api.documents import document
from manager.api.listings import LISTINGS, Column
from shell.text.cells import NOTHING, RIGHT, cell
from shell.text.columns import chosen, field_names, filtered, ordered
from shell.text.document import Document
from shell.text.glyphs import TURNING, cut, escaped, mark, paint
from shell.text.glyphs import columns as columns_of
from shell.text.styled import STATE_STYLES


@dataclass(frozen=True, slots=True)
class Options:
    """How results are written.

    `width`: columns of the terminal; None is not a terminal, where nothing is ever cut.  `now`: unix
    seconds, what ages are relative to.  `timestamps`: log lines show when they were printed.
    """

    format: str = "table"
    sort: str | None = None
    filters: tuple[str, ...] = ()
    columns: str | None = None
    quiet: bool = False
    width: int | None = None
    colour: bool = False
    utf8: bool = True
    now: float = 0.0
    timestamps: bool = False

    @property
    def screen_columns(self) -> int:
        """The columns of the terminal, or of a usual one."""
        return self.width or 80


# Sentences: they are cut to so many columns before another column goes, and to half where none is left to go.
_SENTENCES = {
    **dict.fromkeys(("NOTE", "REASON", "OPTIONS"), 16),
    **dict.fromkeys(("EVENT", "RULE", "DRIFT", "NEXT", "CHANGED", "COMMAND"), 24),
}
_GAP = 2
# The terminal's own fit its background, but for yellow, which many have too pale for white.
_COLOURS = {"well": "32", "idle": "36", "busy": "38;5;130", "dim": "2", "bad": "31"}
# These steer some terminals, or end a line, and JSON does not escape them by itself.
_JSON_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *map(ord, TURNING))}


def listing(kind: str, items: Sequence[Document], options: Options) -> Iterator[str]:
    """Return the lines of a listing; raises UsageError for a column that is not there."""
    picked = chosen(kind, options.columns) if options.columns else ()
    rows = filtered(kind, items, options.filters, options.now)
    if options.sort:
        rows = ordered(kind, rows, options.sort)
    match "name" if options.quiet else options.format:
        case "name":
            return _names(kind, rows)
        case "json":
            whole = document(kind, {"items": _projected(rows, picked)})
            return iter(as_json(whole, options).splitlines())
        case "jsonl":
            compact = replace(options, width=None)
            return (as_json(row, compact) for row in _projected(rows, picked))
        case "csv":
            return _csv(kind, rows, picked)
        case _:
            return _table(kind, rows, picked, options)


def as_json(value: object, options: Options) -> str:
    """Return a value as JSON: indented on a terminal, one line elsewhere."""
    indent, separators = (2, (",", ": ")) if options.width is not None else (None, (",", ":"))
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=not options.utf8)
    return unsteering(text)


def unsteering(text: str) -> str:
    """Return JSON, or TOML, in which what steers a terminal is escaped."""
    return text.translate(_JSON_CONTROLS)


def _names(kind: str, rows: Sequence[Document]) -> Iterator[str]:
    return iter(dict.fromkeys(str(row.get(LISTINGS[kind].name)) for row in rows))


def _projected(rows: Sequence[Document], picked: Sequence[Column]) -> Sequence[Document]:
    if not picked:
        return rows
    return [{field: row.get(field) for field in _fields(picked)} for row in rows]


def _fields(picked: Sequence[Column]) -> list[str]:
    return [field for column in picked for field in (column.field, column.beside) if field]


def _csv(kind: str, rows: Sequence[Document], picked: Sequence[Column]) -> Iterator[str]:
    import csv
    from io import StringIO

    names = _fields(picked) or list(field_names(kind))
    records: list[list[object]] = [[*names], *([_raw(row.get(name)) for name in names] for row in rows)]
    for record in records:
        line = StringIO()
        csv.writer(line, lineterminator="").writerow(record)
        yield line.getvalue()


def _raw(value: object) -> object:
    """Return a value of CSV: numbers as they are, lists as in a table, and nothing that steers a terminal."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return escaped(shlex.join(map(str, value)))
        case str():
            return escaped(value)
        case _:
            return value


def _table(kind: str, rows: Sequence[Document], picked: Sequence[Column], options: Options) -> Iterator[str]:
    wide = options.format == "wide"
    shown = list(picked) or (list(LISTINGS[kind].columns) if wide else usual_columns(kind, rows))
    body = [[_cell(row, column, wide, options.now) for column in shown] for row in rows]
    if options.width is not None and not wide:
        droppable = () if picked else LISTINGS[kind].dropped
        shown, body = fitted(shown, body, droppable, options.width, mark(options.utf8), drops_empty=True)
    if options.colour:
        body = [_coloured(line, shown) for line in body]
    return _aligned(shown, body)


def usual_columns(kind: str, rows: Sequence[Document]) -> list[Column]:
    """Return the columns that a table of these rows has where nobody asks for more."""
    columns = LISTINGS[kind].columns
    return [column for column in columns if not column.wide or (column.apart and _tells_apart(column, rows))]


def _tells_apart(column: Column, rows: Sequence[Document]) -> bool:
    """Return whether the rows of some app differ in the column."""
    values = {(row.get("app"), row.get(column.field)) for row in rows}
    return len(values) > len({app for app, _ in values})


def _cell(row: Document, column: Column, wide: bool, now: float) -> str:
    value = row.get(column.field)
    if column.field == "urls" and isinstance(value, list) and not wide:
        value = value[:1]
    text = cell(value, column.format, now)
    return f"{text} / {cell(row.get(column.beside), column.format, now)}" if column.beside else text


def _widths(shown: Sequence[Column], body: Sequence[Sequence[str]]) -> list[int]:
    heads = [len(column.header) for column in shown]
    return [max([head, *(columns_of(line[at]) for line in body)]) for at, head in enumerate(heads)]


def _needed(widths: Sequence[int]) -> int:
    """Return how many columns of the terminal a table of these takes."""
    return sum(widths) + _GAP * (len(widths) - 1)


def is_too_wide(kind: str, rows: Sequence[Document], options: Options) -> bool:
    """Tell whether a table of all its columns needs more than the terminal has."""
    shown = [column for column in LISTINGS[kind].columns if not column.wide]
    widths = _widths(shown, [[_cell(row, column, False, options.now) for column in shown] for row in rows])
    return options.width is not None and _needed(widths) > options.width


def fitted(
    shown: list[Column],
    body: list[list[str]],
    droppable: Sequence[str],
    width: int,
    mark: str,
    *,
    drops_empty: bool = False,
) -> tuple[list[Column], list[list[str]]]:
    """Return the table in `width` columns: sentences cut, columns dropped where that is not enough.

    drops_empty: columns in which nothing stands go before a sentence is cut. Not so in a live view, where the
    others would jump.
    """
    for header in droppable:
        if _least(shown, _widths(shown, body)) <= width:
            break
        shown, body = _without(header, shown, body)
    for header in droppable if drops_empty else ():
        if _needed(_widths(shown, body)) > width and _is_empty(header, shown, body):
            shown, body = _without(header, shown, body)
    widths = _widths(shown, body)
    excess = _needed(widths) - width
    for at in reversed(range(len(shown))):
        if excess > 0 and shown[at].header in _SENTENCES:
            limit = max(widths[at] - excess, min(widths[at], _SENTENCES[shown[at].header] // 2))
            excess -= widths[at] - limit
            body = [[*line[:at], cut(line[at], limit, mark), *line[at + 1 :]] for line in body]
    return shown, body


def _is_empty(header: str, shown: Sequence[Column], body: Sequence[Sequence[str]]) -> bool:
    return all(
        text == NOTHING
        for line in body
        for text, column in zip(line, shown, strict=True)
        if column.header == header
    )


def _without(
    header: str, shown: Sequence[Column], body: Sequence[Sequence[str]]
) -> tuple[list[Column], list[list[str]]]:
    kept = [at for at, column in enumerate(shown) if column.header != header]
    return [shown[at] for at in kept], [[line[at] for at in kept] for line in body]


def _least(shown: Sequence[Column], widths: Sequence[int]) -> int:
    """Return the columns that the table needs when its sentences are cut short."""
    short = [
        min(width, _SENTENCES.get(column.header, width)) for column, width in zip(shown, widths, strict=True)
    ]
    return _needed(short)


def _coloured(line: Sequence[str], shown: Sequence[Column]) -> list[str]:
    return [
        paint(text, _COLOURS.get(STATE_STYLES.get(text, ""), "")) if column.format == "state" else text
        for text, column in zip(line, shown, strict=True)
    ]


def _aligned(shown: Sequence[Column], body: Sequence[Sequence[str]]) -> Iterator[str]:
    # The head is a line like others, since tabulate would pad what it knows to be one; and a column is one
    # cell of many lines, since it finds out of each cell whether that is a number.
    columns = zip([column.header for column in shown], *body, strict=True)
    sides = ["right" if column.format in RIGHT else "left" for column in shown]
    tabulate = _tabulate(all(text.isascii() for line in body for text in line))
    text = tabulate([map("\n".join, columns)], tablefmt="plain", colalign=sides, disable_numparse=True)
    return (line.rstrip() for line in text.splitlines())


def _tabulate(is_ascii: bool) -> Callable[..., str]:
    """Return the function that aligns; for ASCII alone it does without wcwidth, which takes 10 ms to load."""
    if is_ascii and "wcwidth" not in sys.modules:
        sys.modules["wcwidth"] = None  # type: ignore[assignment]  # as if it were not installed
        import tabulate

        del sys.modules["wcwidth"]
    else:
        import tabulate
        import wcwidth

        tabulate.wcwidth = wcwidth  # type: ignore[attr-defined]  # an earlier table may have been without
        tabulate.WIDE_CHARS_MODE = True
    return tabulate.tabulate
