"""The last picture of the cloud that a prompt has: names with what they are doing, and its health.

Asked for every few seconds, by a thread and while a prompt is shown, so that no key ever waits for the
manager.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from manager.api.errors import CloudError
from shell.text import cells
from shell.text.document import Document, items, number

Ask = Callable[[str, Document], Document]  # the answer to a method with parameters; raises CloudError
QUESTIONS: Mapping[str, Document] = {"apps": {}, "ps": {}, "images": {}, "secret": {"action": "ls"}}

EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Named:
    """A name to complete, and what the thing is doing."""

    name: str
    meta: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of the cloud.

    `known`: a manager has answered.  `away`: the last time it did not; the rest is what it said before.
    Neither: nobody was asked yet.
    """

    apps: tuple[Named, ...] = ()
    workers: tuple[Named, ...] = ()
    images: tuple[Named, ...] = ()
    secrets: tuple[Named, ...] = ()
    ready: int = 0
    want: int = 0
    rate_rps: float = 0.0
    known: bool = False
    away: bool = False


def snapshot_of(answers: Mapping[str, Document]) -> Snapshot:
    """Return the snapshot that the answers to all QUESTIONS make."""
    listed = items(answers["apps"].get("items"))
    return Snapshot(
        apps=_named(answers["apps"], _app_meta),
        workers=_named(answers["ps"], _worker_meta),
        images=_named(answers["images"], _size_meta),
        secrets=_named(answers["secret"], _size_meta),
        ready=round(sum(number(item.get("ready")) or 0 for item in listed)),
        want=round(sum(number(item.get("want")) or 0 for item in listed)),
        rate_rps=sum(number(item.get("rate_rps")) or 0.0 for item in listed),
        known=True,
    )


def _named(answer: Document, meta_of: Callable[[Document], str]) -> tuple[Named, ...]:
    return tuple(Named(str(item.get("name")), meta_of(item)) for item in items(answer.get("items")))


def _app_meta(item: Document) -> str:
    ready = f"{cells.cell(item.get('ready'), 'count', 0)}/{cells.cell(item.get('want'), 'count', 0)} ready"
    rate = item.get("rate_rps")
    return ready if rate is None else f"{ready}, {cells.cell(rate, 'rate', 0)} req/s"


def _worker_meta(item: Document) -> str:
    facts = (item.get("state"), item.get("address"), item.get("reason"))
    return " ".join(cells.cell(fact, "text", 0) for fact in facts if fact)


def _size_meta(item: Document) -> str:
    return cells.cell(item.get("size_bytes"), "bytes", 0)


def look(ask: Ask, before: Snapshot) -> Snapshot:
    """Return what the manager says now, or what it said before, as from one that is away."""
    try:
        return snapshot_of({method: ask(method, params) for method, params in QUESTIONS.items()})
    except CloudError:
        return replace(before, away=True)


class Watch:
    """Keeps a snapshot fresh, by a thread of its own, while a prompt is shown; its owner stops it."""

    def __init__(self, ask: Ask, changed: Callable[[], None]) -> None:
        self.snapshot = Snapshot()
        self._ask = ask
        self._changed = changed
        self._shown = False
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)
        self._thread.start()

    def show(self) -> None:
        """Look now, and again every EVERY_S seconds."""
        self._shown = True
        self._wake.set()

    def hide(self) -> None:
        """Leave the manager alone until `show`."""
        self._shown = False

    def stop(self) -> None:
        """End the thread, and wait for it."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait(EVERY_S if self._shown else None)
            self._wake.clear()
            if self._stopping:
                return
            if self._shown:
                self._take(look(self._ask, self.snapshot))

    def _take(self, snapshot: Snapshot) -> None:
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            self._changed()
