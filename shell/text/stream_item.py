"""One item of a stream as a line: progress, notes, log lines, events. Pure."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

from shell.text import cells
from shell.text.columns import chosen, filtered
from shell.text.document import Document
from shell.text.glyphs import ascii_only, escaped, paint, stripped
from shell.text.tables import Options, listing

# Of the 256 those that can be read on black and on white (contrast of 4 and more), as no theme's own all can.
_PREFIX_COLOURS = [f"38;5;{number}" for number in (30, 130, 64, 63, 133, 31, 28, 162, 98, 131)]


def line(item: Document, options: Options) -> str | None:
    """Return one item of a stream as a line, or None where there is nothing to show."""
    told = _line(item, options)
    return told if told is None or options.utf8 else ascii_only(told)


def _line(item: Document, options: Options) -> str | None:
    match item:
        case {"kind": "Progress", "text": str(text)}:
            return escaped(text)
        case {"kind": "Note", "text": str(text)}:
            return f"note: {escaped(text)}"
        case {"kind": "LogLine", "worker": str(worker), "text": str(text)}:
            return _log_line(worker, str(item.get("time", "")), text, options)
        case {"kind": "Event"}:
            return _event_line(item, options)
        case _:
            return None


def _log_line(worker: str, moment: str, text: str, options: Options) -> str:
    colour = _PREFIX_COLOURS[crc32(worker.encode()) % len(_PREFIX_COLOURS)] if options.colour else ""
    when = f"{escaped(moment)}  " if options.timestamps and moment else ""
    return f"{paint(escaped(worker), colour)}  {when}{stripped(text)}"


def _event_line(item: Document, options: Options) -> str | None:
    """Return an event as the stream shows it, or None where a filter leaves it out."""
    event = {name: value for name, value in item.items() if name != "kind"}
    if not filtered("EventList", [event], options.filters, options.now):
        return None
    if options.quiet or options.format not in ("table", "wide"):
        form = "jsonl" if options.format == "json" else options.format
        # A stream has no head: the last line is the event's, also in CSV.
        return list(listing("EventList", [event], replace(options, format=form)))[-1]
    if options.columns:
        picked = chosen("EventList", options.columns)
        return "  ".join(cells.cell(event.get(column.field), column.format, options.now) for column in picked)
    moment = str(item.get("at", ""))[11:19]
    about = item.get("worker") or item.get("app") or cells.NOTHING
    return f"{escaped(moment)}Z  {escaped(str(about))}  {escaped(str(item.get('text', '')))}"
