"""What happened, kept in the store: bounded, and written beside the work, never in its way."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from manager.api.documents import rfc3339
from manager.api.errors import Conflict, StoreUnavailable
from manager.api.views import EventView
from manager.state.records import EVENTS, REQUESTS
from manager.store import Fence, Store

KEEP_EVENTS = 1000
KEEP_REQUESTS_S = 600.0  # a client sends a request again within seconds, or never
GATHER_S = 0.1
TRY_AGAIN_S = 1.0
SETTLE_S = 1.0  # a write takes milliseconds; an etcd that is away holds nobody up for longer
PRUNE_EVERY = 50  # batches
WRITTEN_AT_ONCE = 100
_NUMBER = re.compile(r"(\d{13})(-\d{4})?")  # a count stood behind it once

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Journal:
    """Events on their way to the store.

    A crash may lose those of the last tenth of a second, or all since etcd went away.

    An event's number is its time in milliseconds, or one more than the number before, whichever is larger:
    numbers only grow, whatever the clock is set to and whichever manager leads.
    """

    store: Store
    fence: Callable[[], Fence | None]
    clock: Callable[[], float]
    _queue: SimpleQueue[tuple[float, str]] = field(default_factory=SimpleQueue)
    _noted: threading.Event = field(default_factory=threading.Event)
    _progress: threading.Condition = field(default_factory=threading.Condition)
    _noted_count: int = 0
    _written_count: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)
    _last: int | None = None  # not known before the first write
    _numbered: dict[str, str] = field(default_factory=dict)  # not written for sure
    _pause_s: float = GATHER_S

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        self._stopping.set()
        self._noted.set()
        self._thread.join()

    def note(self, text: str, *, app: str | None = None, worker: str | None = None) -> None:
        """Remember that something happened, in one sentence."""
        now = self.clock()
        event = {"at": rfc3339(now), "app": app, "worker": worker, "text": text}
        with self._progress:
            self._queue.put((now, json.dumps(event, ensure_ascii=False)))
            self._noted_count += 1
        self._noted.set()

    def settle(self, within_s: float = SETTLE_S) -> None:
        """Return once all that was noted before is written, so that whoever looks next is told of it.

        After within_s it returns anyway, and at once where this manager may not write.
        """
        if self.fence() is None:
            return
        with self._progress:
            noted = self._noted_count
            self._progress.wait_for(lambda: self._written_count >= noted, within_s)

    def _run(self) -> None:
        batches = 0
        while self._noted.wait() and not self._stopping.wait(self._pause_s):
            self._noted.clear()
            batches += self._write_some(prune=batches % PRUNE_EVERY == 0)
            if self._numbered or not self._queue.empty():
                self._noted.set()  # nobody leads, or there is more than one write takes
        while self._write_some(prune=False):
            pass

    def _write_some(self, *, prune: bool) -> bool:
        """Write what has gathered; return whether there was something that could be written."""
        fence = self.fence()
        if fence is None:
            return False
        try:
            self._numbered = self._numbered or self._next()
            if not self._numbered:
                return False
            self.store.write(self._numbered, self._outdated() if prune else (), fence=fence)
        except (StoreUnavailable, Conflict) as error:
            log.warning("%d events wait: %s", len(self._numbered) + self._queue.qsize(), error)
            self._pause_s = TRY_AGAIN_S
            return False
        with self._progress:
            self._written_count += len(self._numbered)
            self._progress.notify_all()
        self._numbered, self._pause_s = {}, GATHER_S
        return True

    def _gathered(self) -> list[tuple[float, str]]:
        """Return what was noted first, as much of it as goes into one write."""
        noted: list[tuple[float, str]] = []
        with suppress(Empty):
            while len(noted) < WRITTEN_AT_ONCE:
                noted.append(self._queue.get_nowait())
        return noted

    def _next(self) -> dict[str, str]:
        """Return the events that come next by their keys.  Raises StoreUnavailable."""
        last = _last_number(self.store) if self._last is None else self._last
        numbered: dict[str, str] = {}
        for at, event in self._gathered():
            last = max(round(at * 1000), last + 1)
            numbered[f"{EVENTS}{last:013d}"] = event
        self._last = last
        return numbered

    def _outdated(self) -> list[str]:
        """Return the keys of events beyond the bound and of requests that nobody will send again."""
        entries = self.store.read(EVENTS, REQUESTS).entries
        events = sorted(key for key in entries if key.startswith(EVENTS))
        oldest = self.clock() - KEEP_REQUESTS_S
        requests = [
            key
            for key, entry in entries.items()
            if key.startswith(REQUESTS) and _written_at(entry.value) < oldest
        ]
        return [*events[:-KEEP_EVENTS], *requests]


def _last_number(store: Store) -> int:
    """Return the largest number of an event that the store holds, 0 for none."""
    found = [_NUMBER.fullmatch(key.removeprefix(EVENTS)) for key in store.read(EVENTS).entries]
    return max((int(number[1]) for number in found if number), default=0)


def events(store: Store) -> list[EventView]:
    """Return the events that the store holds, oldest first; one that cannot be read is left out."""
    entries = store.read(EVENTS).entries
    views = [_event(key.removeprefix(EVENTS), entry.value) for key, entry in entries.items()]
    return sorted((view for view in views if view is not None), key=lambda view: view.id)


def _event(number: str, text: str) -> EventView | None:
    match _decoded(text):
        case {"at": str(at), "app": str() | None as app, "worker": str() | None as worker, "text": str(told)}:
            return EventView(number, at, app, worker, told)
        case _:
            return None


def _written_at(text: str) -> float:
    """Return when a request's record was written; one that cannot be read is never outdated."""
    match _decoded(text):
        case {"at": int() | float() as at}:
            return at
        case _:
            return math.inf


def _decoded(text: str) -> object:
    """Return the JSON value, None when it is none: who else writes to the store cannot stop the journal."""
    try:
        return json.loads(text)
    except ValueError:
        return None
