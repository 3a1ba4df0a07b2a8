"""`watch`: the live view, full screen on a terminal and a line a tick elsewhere.

One thread asks the manager once an interval; the screen is painted again only when what it shows has
changed. Every key is a command of the shell, and the footer says which.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from manager.api.arguments import Params, bind
from manager.api.command import Command
from manager.api.commands import command_of
from manager.api.errors import CloudError, UsageError
from shell import picture, terminal
from shell.picture import Document, Seen, View
from shell.tables import Options

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.key_binding import KeyBindings

    from shell.session import Session

ANSWER_S = 2.0
SORTS = ("", "rate_rps", "p95_s", "cpu_cores")
FOOTER = "j/k move   +/- scale   s sort   / filter   space pause   ? help   q quit"
HELP = (
    "j, k, arrows   choose an app",
    "+, -           scale APP +1, scale APP -1",
    "s              sort by name, requests, p95, cpu",
    "/              show only apps whose name contains what you type; enter ends it",
    "space          pause and go on",
    "q, ^C          back to the shell",
)


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
    app = words[0] if words else None
    seen = look(session, Seen(), app)
    if seen.away_since is not None:
        session.client.call("status", {}, patience_s=0.0)
    width = terminal.width_of(session.out)
    if arguments.flag("once") and width is not None:
        for line in picture.lines(seen, View(), _options(session, width), 1000):
            print(line, file=session.out)
    elif width is not None and session.interactive:
        _Screen(session, app, interval_s, seen).run()
    else:
        _lines(session, app, interval_s, seen, arguments.text("output") or "", once=arguments.flag("once"))


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


def look(session: Session, before: Seen, app: str | None) -> Seen:
    """Return what the manager says now; what it said before, with since when it is away, else."""

    def ask(method: str, **params: object) -> Document:
        return session.client.call(method, dict(params), patience_s=0.0, answer_within_s=ANSWER_S)

    try:
        apps = _items(ask("apps", **({"app": [app]} if app else {})))
        return Seen(
            status=ask("status"),
            apps=apps,
            workers=_items(ask("ps")),
            events=_items(ask("events", since="1h")),
            rates=picture.remembered(before, apps),
        )
    except CloudError:
        return replace(before, away_since=before.away_since or time.time())


def _items(document: Document) -> list[Document]:
    items = document.get("items")
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _options(session: Session, width: int | None) -> Options:
    return Options(width=width, colour=False, utf8=terminal.is_utf8(session.out), now=time.time())


def _lines(
    session: Session, app: str | None, interval_s: float, seen: Seen, form: str, *, once: bool
) -> None:
    """Print a line a tick until ^C or the end of who reads it."""
    while True:
        text = json.dumps(list(seen.apps)) if form == "jsonl" else picture.plain_line(seen, time.time())
        print(text, file=session.out, flush=True)
        if once:
            return
        time.sleep(interval_s)
        seen = look(session, seen, app)


@dataclass(slots=True)
class _Screen:
    """The full-screen view: a thread that looks, and prompt_toolkit that paints and hears keys."""

    session: Session
    app: str | None
    interval_s: float
    seen: Seen
    view: View = field(default_factory=View)
    typing: bool = False
    said: str = ""
    _leaving: threading.Event = field(default_factory=threading.Event)
    _painted: list[str] = field(default_factory=list)

    def run(self) -> None:
        application = self._application()
        looker = threading.Thread(target=self._look_on, args=(application,), name="watch", daemon=True)
        looker.start()
        try:
            application.run()
        finally:
            self._leaving.set()
            looker.join()

    def _look_on(self, application: Application[None]) -> None:
        while not self._leaving.wait(self.interval_s):
            if self.view.paused:
                continue
            self.seen = look(self.session, self.seen, self.app)
            if self._text(application) != self._painted:
                application.invalidate()

    def _application(self) -> Application[None]:
        from prompt_toolkit.application import Application
        from prompt_toolkit.layout import FormattedTextControl, Layout, Window

        control = FormattedTextControl(lambda: self._paint(application), show_cursor=False)
        application: Application[None] = Application(
            layout=Layout(Window(control)), key_bindings=self._keys(), full_screen=True
        )
        return application

    def _paint(self, application: Application[None]) -> str:
        self._painted = self._text(application)
        return "\n".join(self._painted)

    def _text(self, application: Application[None]) -> list[str]:
        size = application.output.get_size()
        options = _options(self.session, size.columns - 1)
        body = (
            list(HELP) if self.view.helping else picture.lines(self.seen, self.view, options, size.rows - 1)
        )
        body += [""] * (size.rows - 1 - len(body))
        return [*body, self._footer()[: size.columns - 1]]

    def _footer(self) -> str:
        if self.typing:
            return f"filter: {self.view.filter}"
        paused = "PAUSED   " if self.view.paused else ""
        return f"{paused}{self.said}   {FOOTER}" if self.said else f"{paused}{FOOTER}"

    def _scale(self, step: str) -> None:
        """Do what `scale APP +1` does, without waiting for it."""
        apps = picture.shown_apps(self.seen, self.view)
        if not apps:
            return
        name = str(apps[min(self.view.chosen, len(apps) - 1)].get("name"))
        self.said = f"scale {name} {step}"
        try:
            self.session.client.call(
                "scale", {"change": [name, step], "detach": True}, patience_s=0.0, answer_within_s=ANSWER_S
            )
        except CloudError as error:
            self.said = error.message

    def _keys(self) -> KeyBindings:
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

        keys = KeyBindings()
        typing = Condition(lambda: self.typing)

        def bind_key(*names: str, act: Callable[[], None]) -> None:
            for name in names:
                keys.add(name, filter=~typing)(lambda event: act())

        def change(**changes: object) -> None:
            self.view = replace(self.view, **changes)  # type: ignore[arg-type]

        def move(step: int) -> None:
            self.view = picture.moved(self.view, step, self.seen)

        def start_filter() -> None:
            self.typing = True

        bind_key("j", "down", act=lambda: move(1))
        bind_key("k", "up", act=lambda: move(-1))
        bind_key("+", act=lambda: self._scale("+1"))
        bind_key("-", act=lambda: self._scale("-1"))
        bind_key("space", act=lambda: change(paused=not self.view.paused))
        bind_key("?", act=lambda: change(helping=not self.view.helping))
        bind_key("s", act=lambda: change(sort=SORTS[(SORTS.index(self.view.sort) + 1) % len(SORTS)]))
        bind_key("/", act=start_filter)

        @keys.add("q", filter=~typing)
        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            event.app.exit()

        @keys.add("enter", filter=typing)
        @keys.add("escape", filter=typing)
        def _(event: KeyPressEvent) -> None:
            self.typing = False

        @keys.add("backspace", filter=typing)
        def _(event: KeyPressEvent) -> None:
            change(filter=self.view.filter[:-1])

        @keys.add("<any>", filter=typing)
        def _(event: KeyPressEvent) -> None:
            change(filter=self.view.filter + event.data, chosen=0)

        return keys
