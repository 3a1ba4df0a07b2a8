"""The live view on a whole terminal: the manager's looks, a thread that takes them, and prompt_toolkit.

The screen is painted again only when what it shows has changed. No key waits for the manager: what a key
orders is done by the thread that takes the looks in. What was seen is that thread's to change; the view is
the keys'.
"""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.styles import Style

from manager.api.errors import CloudError
from shell.client import Client
from shell.following import follow
from shell.live import keys, picture
from shell.live.look import carry_out
from shell.live.view import Seen, View, away, told
from shell.pasted import pasted
from shell.soon import soon
from shell.text.document import Document
from shell.text.styled import Line, line
from shell.text.tables import Options

_STYLE = Style.from_dict(
    # The terminal's own colours fit its background, dark or light; not all have a yellow or a grey that does.
    {
        "head": "bold",
        "dim": "dim",
        "well": "ansigreen",
        "busy": "#af5f00",
        "bad": "ansired",
        "idle": "ansicyan",
        "chosen": "reverse",
    }
)
# What prompt_toolkit calls the keys that are no characters.
_NAMED: Mapping[Keys | str, str] = {
    Keys.Enter: "enter",
    Keys.Escape: "escape",
    Keys.Backspace: "backspace",
    Keys.Up: "up",
    Keys.Down: "down",
    Keys.PageUp: "pageup",
    Keys.PageDown: "pagedown",
    Keys.F1: "f1",
}


@dataclass(slots=True)
class Screen:
    """The full-screen view, until the person leaves or `for_s` seconds are over.

    `seen` and `view` begin as given.  _last: what the manager told last, which a paused view does not show.
    _news: what follow gives, and what keys order, () for a page that is opened.
    """

    client: Client
    seen: Seen
    view: View
    interval_s: float
    utf8: bool = True
    for_s: float = math.inf
    _application: Application[None] = field(init=False)
    _last: Seen = field(init=False)
    _news: queue.SimpleQueue[Document | tuple[str, ...]] = field(default_factory=queue.SimpleQueue)
    _leaving: threading.Event = field(default_factory=threading.Event)
    _painted: list[Line] = field(default_factory=list)

    def run(self) -> None:
        """Show the view until it is left."""
        self._last = self.seen
        self._application = Application(
            layout=Layout(Window(FormattedTextControl(self._paint, show_cursor=False))),
            key_bindings=self._bindings(),
            style=_STYLE,
            full_screen=True,
        )
        threads = [
            threading.Thread(target=self._take_in, name="watch", daemon=True),
            threading.Thread(target=self._listen, name="looks", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            self._application.run(pre_run=self._end_in_time)
        finally:
            self._leaving.set()
            self._news.put(())
            for thread in threads:
                thread.join()

    def _end_in_time(self) -> None:
        asyncio.get_running_loop().call_later(self.for_s, self._leave)

    def _listen(self) -> None:
        follow(self.client, self.interval_s, self._news.put, self._leaving)

    def _take_in(self) -> None:
        """Take in what the manager tells, and carry out what keys order."""
        while not self._leaving.is_set():
            self._take(self._news.get())
            while not self._news.empty():
                self._take(self._news.get())
            if not self.view.paused:
                self.seen = self._last
            self._turn_page()
            if self._lines() != self._painted:
                soon(self._application, self._application.invalidate)

    def _take(self, news: Document | tuple[str, ...]) -> None:
        if not isinstance(news, tuple):
            self._last = _after(self._last, news)
        elif news:
            self._order(news)

    def _order(self, words: tuple[str, ...]) -> None:
        try:
            printed = carry_out(self.client, words, self._options())
            self._say("   ".join([" ".join(words), *printed]), well=True)
        except CloudError as error:
            self._say(self._told(error), well=False)

    def _turn_page(self) -> None:
        """Bring what the command of the page prints; one that is refused says so below, and goes."""
        page = self.view.page
        is_there = self.seen.page_of == page
        if not page or page == keys.HELP_PAGE or (self.view.paused and is_there):
            return
        try:
            printed = carry_out(self.client, page, self._options())
            self.seen = replace(self.seen, page_of=page, page=printed)
            self._last = replace(self._last, page_of=page, page=printed)
        except CloudError as error:
            if not is_there:
                self._say(self._told(error), well=False, closes=True)

    def _say(self, said: str, *, well: bool, closes: bool = False) -> None:
        """Have the view say something, and leave its page with it; soon, and where the keys are heard."""

        def change() -> None:
            page = () if closes else self.view.page
            self.view = replace(self.view, said=said, well=well, page=page)
            self._application.invalidate()

        soon(self._application, change)

    def _options(self) -> Options:
        # one column less: some terminals wrap a line that ends in their last one
        width = self._application.output.get_size().columns - 1
        return Options(width=width, utf8=self.utf8, now=time.time())

    def _lines(self) -> list[Line]:
        height, options = self._application.output.get_size().rows, self._options()
        body = picture.lines(self.seen, self.view, options, height - 1)
        body += [line("")] * (height - 1 - len(body))
        return [*body, keys.footer(self.view, self.seen, options.screen_columns, utf8=self.utf8)]

    def _paint(self) -> StyleAndTextTuples:
        self._painted = self._lines()
        fragments: StyleAndTextTuples = []
        for at, painted in enumerate(self._painted):
            fragments += [("", "\n")] if at else []
            fragments += [
                (" ".join(f"class:{name}" for name in style.split()), text) for style, text in painted
            ]
        return fragments

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        for name in ("c-c", "c-d", "f2"):  # F2 opens it at the prompt
            bindings.add(name)(lambda event: event.app.exit())
        bindings.add(Keys.Vt100MouseEvent)(lambda event: None)  # pasted text with colours looks like a mouse
        bindings.add("<any>")(lambda event: self._press(event.data))
        for name in _NAMED:
            bindings.add(name)(lambda event: self._press(_NAMED[event.key_sequence[0].key]))
        return bindings

    def _press(self, key: str) -> None:
        before, after = self.view, keys.pressed(key, self.view, self.seen)
        self.view = after.view
        if after.order or after.view.page != before.page:
            self._news.put(after.order)
        if after.leaves:
            self._leave()

    def _leave(self) -> None:
        if not self._application.is_done:
            self._application.exit()

    def _told(self, error: CloudError) -> str:
        hint = pasted(error.hint, self.client.places.cloud, outside=False)
        return f"{error.message}   hint: {hint}" if hint else error.message


def _after(before: Seen, news: Document) -> Seen:
    if "documents" in news:
        return told(before, news, time.time())
    return away(before, time.time(), down=news.get("down") is True)
