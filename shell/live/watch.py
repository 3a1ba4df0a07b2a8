"""`watch`: the live view, full screen on a terminal and a line a tick elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from manager.api.arguments import Arguments, bind
from manager.api.command import Command
from manager.api.commands import command_of
from manager.api.documents import document
from manager.api.typed import Params
from shell import pager, terminal
from shell.language import grammar
from shell.language.quoting import join
from shell.live import picture
from shell.live.in_place import in_place
from shell.live.leaving import Pause, asleep, until_left
from shell.live.look import look
from shell.live.view import Seen, View, shown_apps
from shell.outcome import Told
from shell.text import cells, styled
from shell.text.tables import Options, as_json

if TYPE_CHECKING:
    from shell.session import Session


def watch(session: Session, row: Command, params: Params) -> None:
    """Show the cloud until the person leaves, or once; raises CloudError when nobody answers at the start."""
    arguments = bind(row, params)
    interval_s = max(0.1, arguments.number("interval") or 1.0)
    for_s = 0.0 if arguments.flag("once") else arguments.number("for") or math.inf
    words = list(arguments.texts("what"))
    if words and command_of(words[0]) is not None:
        _repeat(session, words, interval_s, for_s)
        return
    _show(session, arguments, words, interval_s, for_s)


def _show(session: Session, arguments: Arguments, app: list[str], interval_s: float, for_s: float) -> None:
    """Show the live view: as a picture, as lines, or on the whole screen."""
    svg, form = arguments.text("svg"), arguments.text("output")
    view, seen = View(app="".join(app)), _first(session, app)
    width = terminal.width_of(session.out)
    if svg:
        from shell.live.drawing import draw_view

        draw_view(session, arguments, view, seen, interval_s)
    elif width is None or form == "jsonl":
        _lines(session, view, seen, form or "", ticks(interval_s, for_s))
    elif arguments.flag("once"):
        options = Options(width=width, utf8=terminal.takes_utf8(session.out), now=time.time())
        for line in picture.lines(seen, view, options, picture.ALL, picture.FEW_EVENTS):
            print(styled.text_of(line).rstrip(), file=session.out)
    elif session.interactive and not terminal.is_dumb():
        from shell.live.screen import Screen

        Screen(session.client, seen, view, interval_s, terminal.takes_utf8(session.out), for_s).run()
    else:
        session.note("^C leaves")
        _lines(session, view, seen, "", ticks(interval_s, for_s))


def _first(session: Session, app: list[str]) -> Seen:
    """Return the first look; raises CloudError when nobody answers, or there is no such app."""
    session.client.call("apps", {"app": app}, patience_s=0.0)
    return look(session.client, Seen())


def ticks(interval_s: float, for_s: float = math.inf, pause: Pause = asleep) -> Iterator[None]:
    """Return now, again and again `interval_s` seconds later, and last when `for_s` seconds are over.

    pause: what waits; that the person left in it is the end, too.
    """
    until = time.monotonic() + for_s
    yield
    while (left_s := until - time.monotonic()) > 0 and not pause(min(interval_s, left_s)):
        yield


def _repeat(session: Session, words: list[str], interval_s: float, for_s: float) -> None:
    """Carry out a listing command again and again, in place on a terminal; its help once."""
    row = grammar.row_of(words)
    if grammar.asks_for_help(row, words[1:]):
        session.perform(words)
        return
    one_look = ["--no-stream"] if row.option("--no-stream") is not None else []
    looking = [words[0], *one_look, *words[1:]]
    repeat(session, join(words), lambda: session.perform(looking), interval_s, for_s)


def repeat(
    session: Session, command: str, act: Callable[[], None], interval_s: float, for_s: float = math.inf
) -> None:
    """Do what the command prints, again and again until q or ^C, in place on a terminal and without a pager.

    for_s: how long; 0 is one look, which is printed like any other output.  Raises Told when the last failed.
    """
    told = None
    is_seen = session.interactive and terminal.width_of(session.out) is not None
    head = f"every {cells.seconds(interval_s)}: {command}   {'q' if is_seen else '^C'} leaves"
    with pager.off(session), until_left(session.stdin if is_seen else None) as pause:
        for _ in ticks(interval_s, for_s, pause):
            with in_place(session, head) if for_s else nullcontext():
                told = _told(act)
            session.out.flush()
    if told is not None:
        raise told


def _told(act: Callable[[], None]) -> Told | None:
    try:
        act()
    except Told as told:
        return told
    return None


def _lines(session: Session, view: View, seen: Seen, form: str, moments: Iterator[None]) -> None:
    """Print a line at each of the moments, until ^C or the end of who reads it."""
    for number, _ in enumerate(moments):
        seen = look(session.client, seen) if number else seen
        shown = replace(seen, apps=shown_apps(seen, view))
        print(_line(shown, form), file=session.out, flush=True)


def _line(shown: Seen, form: str) -> str:
    if form == "jsonl":
        return as_json(document("AppList", {"items": list(shown.apps)}), Options(utf8=False))
    return picture.plain_line(shown, time.time())
