"""`watch`: the live view, full screen on a terminal and a line a tick elsewhere."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from manager.api.arguments import Params, bind
from manager.api.command import Command
from manager.api.commands import command_of
from manager.api.errors import UsageError
from shell import terminal
from shell.live import picture
from shell.live.look import look
from shell.live.view import Seen, View, shown_apps
from shell.text import styled
from shell.text.tables import Options

if TYPE_CHECKING:
    from shell.session import Session

_ALL = 1000  # lines: no limit


def watch(session: Session, row: Command, params: Params) -> None:
    """Show the cloud until the person leaves, or once; raises CloudError when nobody answers at the start."""
    arguments = bind(row, params)
    interval_s = max(0.1, arguments.number("interval") or 1.0)
    for_s = 0.0 if arguments.flag("once") else arguments.number("for") or math.inf
    words = list(arguments.texts("what"))
    if words and command_of(words[0]) is not None:
        _repeat(session, words, interval_s, for_s)
        return
    if len(words) > 1:
        raise UsageError(f"no command is named {words[0]!r}", hint="watch ps web", at=0)
    view, seen = View(app="".join(words)), _first(session, words)
    width = terminal.width_of(session.out)
    if arguments.text("svg"):
        from shell.live.drawing import draw_view

        draw_view(session, arguments, view, seen, interval_s)
    elif arguments.flag("once") and width is not None:
        for line in picture.lines(seen, view, _options(session, width), _ALL):
            print(styled.text_of(line).rstrip(), file=session.out)
    elif width is not None and session.interactive and not terminal.is_dumb():
        from shell.live.screen import Screen

        Screen(session.client, seen, view, interval_s, terminal.takes_utf8(session.out), for_s).run()
    else:
        _lines(session, view, seen, arguments.text("output") or "", ticks(interval_s, for_s))


def _first(session: Session, app: list[str]) -> Seen:
    """Return the first look; raises CloudError when nobody answers, or there is no such app."""
    session.client.call("apps", {"app": app}, patience_s=0.0)
    return look(session.client, Seen())


def ticks(interval_s: float, for_s: float = math.inf) -> Iterator[None]:
    """Return now, again and again `interval_s` seconds later, and last when `for_s` seconds are over."""
    until = time.monotonic() + for_s
    yield
    while (left_s := until - time.monotonic()) > 0:
        time.sleep(min(interval_s, left_s))
        yield


def _repeat(session: Session, words: list[str], interval_s: float, for_s: float) -> None:
    """Carry out a listing command again and again, in place on a terminal."""
    row = command_of(words[0])
    if row is None or not (row.lists or row.verb == "status"):
        raise UsageError(f"watch repeats listings, and {words[0]} is none", hint="watch ps", at=0)
    repeat(session, lambda: session.perform(words), ticks(interval_s, for_s))


def repeat(session: Session, act: Callable[[], None], moments: Iterator[None]) -> None:
    """Do what prints, at each of the moments until ^C, in place on a terminal."""
    for _ in moments:
        terminal.clear(session.out)
        act()
        session.out.flush()


def _options(session: Session, width: int | None) -> Options:
    return Options(width=width, utf8=terminal.takes_utf8(session.out), now=time.time())


def _lines(session: Session, view: View, seen: Seen, form: str, moments: Iterator[None]) -> None:
    """Print a line at each of the moments, until ^C or the end of who reads it."""
    for number, _ in enumerate(moments):
        seen = look(session.client, seen) if number else seen
        shown = replace(seen, apps=shown_apps(seen, view))
        print(_line(shown, form), file=session.out, flush=True)


def _line(shown: Seen, form: str) -> str:
    if form == "jsonl":
        return json.dumps(list(shown.apps), separators=(",", ":"))
    return picture.plain_line(shown, time.time())
