"""Where what the manager answers goes: results to `out`, progress and notes to `err`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from manager.api.command import Command
from manager.api.typed import Params
from shell import pager
from shell.language.parsing import texts
from shell.outcome import Told
from shell.terminal import has_colour, takes_utf8, width_of
from shell.text import render, stream_item
from shell.text.document import Document, items
from shell.text.tables import Options

if TYPE_CHECKING:
    from shell.session import Session

_RESULTS = ("LogLine", "Event")


def item(session: Session, item: Document, row: Command, params: Params) -> None:
    """Print one item of a stream: log lines and events are results, all else is not."""
    is_result = item.get("kind") in _RESULTS
    stream = session.out if is_result else session.err
    line = stream_item.line(item, options_for(session, stream, row, params))
    if line is None:
        return
    if item.get("kind") == "Progress":
        worker = item.get("worker")
        of = f"{worker} {item.get('revision')}" if worker else ""
        session.progress.show(line, of, str(item.get("state", "")))
        return
    session.progress.clear()
    print(line, file=stream, flush=True)


def result(session: Session, document: Document, row: Command, params: Params) -> None:
    """Print a result, and its notes beside it; raises Told when it says that something is not well."""
    session.progress.clear()
    options = options_for(session, session.out, row, params)
    pager.show(session, render.result(document, options))
    for line in render.notes(document, options):
        print(line, file=session.err, flush=True)
    if _has_failing_check(document):
        raise Told(1)


def _has_failing_check(document: Document) -> bool:
    """Tell whether a list of checks says that something is not well: its command has failed then."""
    checks = items(document.get("items")) if document.get("kind") == "CheckList" else []
    return any(check.get("state") == "FAIL" for check in checks)


def _format_of(session: Session, row: Command) -> str:
    """Return the format of `set output` where the command has it, else that of a table."""
    option = row.option("--output")
    known = option.kind.choices if option is not None and option.kind is not None else ()
    return session.options.output if session.options.output in known else "table"


def options_for(session: Session, stream: TextIO, row: Command, params: Params) -> Options:
    """Return how results of a command with these parameters are written to a stream."""
    return Options(
        format=str(params.get("output", _format_of(session, row))),
        sort=_text(params, "sort"),
        filters=tuple(texts(params, "filter")),
        columns=_text(params, "columns"),
        quiet=params.get("quiet") is True or params.get("no_plot") is True,
        width=width_of(stream),
        colour=has_colour(stream),
        utf8=takes_utf8(stream),
        now=time.time(),
        timestamps=params.get("timestamps") is True,
    )


def _text(params: Params, key: str) -> str | None:
    value = params.get(key)
    return value if isinstance(value, str) else None
