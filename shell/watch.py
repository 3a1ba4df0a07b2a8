"""`watch`: the live view, full screen on a terminal and a line a tick elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from manager.api.arguments import Params, bind
from manager.api.command import Command
from manager.api.commands import command_of
from manager.api.errors import UsageError
from shell import picture, styled, terminal
from shell.look import look
from shell.tables import Options
from shell.view import Seen, View, shown_apps

if TYPE_CHECKING:
    from shell.session import Session

_ALL = 1000  # lines: no limit


def watch(session: Session, row: Command, params: Params) -> None:
    """Show the cloud until the person leaves, or once; raises CloudError when nobody answers at the start."""
    arguments = bind(row, params)
    interval_s = max(0.1, arguments.number("interval") or 1.0)
    words = list(arguments.texts("what"))
    if words and command_of(words[0]) is not None:
        _repeat(session, words, interval_s, once=arguments.flag("once"))
        return
    if len(words) > 1:
        raise UsageError(f"no command is named {words[0]!r}", hint="watch ps web", at=0)
    view, seen = View(app="".join(words)), _first(session, words)
    width = terminal.width_of(session.out)
    if arguments.text("svg"):
        from shell.drawing import draw_view

        draw_view(session, arguments, view, seen, interval_s)
    elif arguments.flag("once") and width is not None:
        for line in picture.lines(seen, view, _options(session, width), _ALL):
            print(styled.text_of(line).rstrip(), file=session.out)
    elif width is not None and session.interactive and not terminal.is_dumb():
        from shell.screen import Screen

        Screen(session.client, seen, view, interval_s, terminal.is_utf8(session.out)).run()
    else:
        _lines(session, view, interval_s, seen, arguments.text("output") or "", once=arguments.flag("once"))


def _first(session: Session, app: list[str]) -> Seen:
    """Return the first look; raises CloudError when nobody answers, or there is no such app."""
    session.client.call("apps", {"app": app}, patience_s=0.0)
    return look(session.client, Seen())


def _repeat(session: Session, words: list[str], interval_s: float, *, once: bool) -> None:
    """Carry out a listing command again and again, in place on a terminal."""
    row = command_of(words[0])
    if row is None or not (row.lists or row.verb == "status"):
        raise UsageError(f"watch repeats listings, and {words[0]} is none", hint="watch ps", at=0)
    repeat(session, lambda: session.perform(words), interval_s, once=once)


def repeat(session: Session, act: Callable[[], None], interval_s: float, *, once: bool = False) -> None:
    """Do what prints, again and again until ^C, in place on a terminal."""
    while True:
        if terminal.width_of(session.out) is not None:
            session.out.write("\x1b[H\x1b[2J")
        act()
        session.out.flush()
        if once:
            return
        time.sleep(interval_s)


def _options(session: Session, width: int | None) -> Options:
    return Options(width=width, utf8=terminal.is_utf8(session.out), now=time.time())


def _lines(session: Session, view: View, interval_s: float, seen: Seen, form: str, *, once: bool) -> None:
    """Print a line a tick until ^C or the end of who reads it."""
    while True:
        shown = replace(seen, apps=shown_apps(seen, view))
        text = json.dumps(list(shown.apps)) if form == "jsonl" else picture.plain_line(shown, time.time())
        print(text, file=session.out, flush=True)
        if once:
            return
        time.sleep(interval_s)
        seen = look(session.client, seen)
