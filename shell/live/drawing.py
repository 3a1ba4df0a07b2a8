"""`watch --svg` and `explain --svg`: pictures into files, for a report or a README."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from manager.api.arguments import Arguments
from manager.api.errors import CloudError
from manager.api.typed import Params
from shell import terminal
from shell.file_errors import unwritable
from shell.live import picture
from shell.live.look import look
from shell.live.view import Seen, View
from shell.text import explain, svg
from shell.text.tables import Options

if TYPE_CHECKING:
    from shell.session import Session

_COLUMNS = 100
_LINES = 40


def draw_view(session: Session, arguments: Arguments, view: View, seen: Seen, interval_s: float) -> None:
    """Write the live view into the file that --svg names, after looking for as long as --for says."""
    path, words = arguments.text("svg") or "", f"watch {view.app}".rstrip()
    _require_writable(path, words)
    until = time.monotonic() + (arguments.number("for") or 0.0)
    while time.monotonic() < until:
        time.sleep(interval_s)
        seen = look(session.client, seen)
    options = Options(width=_columns(session), now=time.time())
    lines = picture.lines(seen, view, options, _LINES, picture.FEW_EVENTS)
    _write(session, path, svg.screen(lines, f"simplecloud {words}"), words)


def draw_decision(session: Session, params: Params) -> None:
    """Write the curve behind a decision, and the points it is from, into the file that --svg names."""
    path, words = str(params["svg"]), f"explain {params['app']}"
    _require_writable(path, words)
    asked = {key: value for key, value in params.items() if key != "svg"}
    plot = explain.plot_of(session.client.call("explain", asked))
    if not plot.curve:
        raise CloudError(f"{params['app']} has no curve yet: no load was seen", hint=f"load {params['app']}")
    _write(session, path, svg.plot(plot), words)


def _columns(session: Session) -> int:
    return terminal.columns_asked() or terminal.width_of(session.out) or _COLUMNS


def _require_writable(path: str, words: str) -> None:
    """Raise CloudError where no picture can be written, before anything is looked at; leaves no file."""
    there = os.path.lexists(path)
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise unwritable(f"{words} --svg", path, error) from error
    if not there:
        os.unlink(path)


def _write(session: Session, path: str, text: str, words: str) -> None:
    try:
        Path(path).write_text(text, "utf-8")
    except OSError as error:
        raise unwritable(f"{words} --svg", path, error) from error
    session.note(f"{path} written ({len(text.encode()) / 1024:.1f} kB)")
