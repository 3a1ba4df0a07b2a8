"""Events of workers that stop answering and that answer again: few, however often that changes.

And of those whose container somebody replaced or restarted by hand. What the cloud does to a worker is told
where it is done: its start, its ending, its removal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from manager.engine.containers import Container
from manager.journal import Journal
from manager.loop.reconcile import Picture
from manager.state.model import WorkerKey, WorkerRecord
from manager.state.phase import Phase, phase
from manager.state.world import World

ONCE_IN_S = 60.0  # a worker that wavers is told of once in this time
EACH = 3  # more workers of an app at once are one event

News = tuple[WorkerKey, str]


@dataclass(slots=True)
class Readiness:
    """Tells when workers get unready and when they are ready again. One thread calls `look`.

    In memory only: the next manager tells once more of those that are unready then.
    """

    picture: Callable[[], Picture | None]
    journal: Journal
    _seen: int = 0
    _unready: dict[WorkerKey, float] = field(default_factory=dict)  # told of, and since when
    _told_at: dict[WorkerKey, float] = field(default_factory=dict)
    _ran: dict[WorkerKey, tuple[WorkerRecord, Container]] = field(default_factory=dict)

    def look(self) -> None:
        """Note what is new in the last picture."""
        picture = self.picture()
        if picture is None or picture.trouble or picture.number == self._seen:
            return
        self._seen = picture.number
        news: dict[str, list[News]] = {}
        for key, text in self._news(picture.world):
            news.setdefault(key.app, []).append((key, text))
        for app, told in news.items():
            self._note(app, told)

    def _news(self, world: World) -> Iterator[News]:
        now = world.now
        for known in (self._unready, self._told_at, self._ran):
            for key in known.keys() - world.records.keys():
                del known[key]
        for key, record in world.records.items():
            for text in (self._replaced(world, record), self._changed(key, phase(world, record), now)):
                if text:
                    yield key, text

    def _replaced(self, world: World, record: WorkerRecord) -> str:
        """Return what somebody did to the container that the worker had, "" for nothing.

        An ending of its own is counted in the record.
        """
        container = world.containers.get(record.key)
        if container is None or container.state != "running":
            return ""
        was, before = self._ran.get(record.key, (record, container))
        self._ran[record.key] = record, container
        if (was.created_at, was.restarts, was.ending) != (record.created_at, record.restarts, record.ending):
            return ""
        if container.id == before.id:
            return "" if container.pid == before.pid else "its container was restarted by hand"
        misnamed = {found.id for found in world.misnamed.values()}
        return "" if before.id in misnamed else "its container was removed by hand: another one runs"

    def _changed(self, key: WorkerKey, seen: Phase, now: float) -> str:
        """Return what is to be told of a worker, "" for nothing."""
        if seen.state != "unready":
            since = self._unready.pop(key, None)
            return "" if since is None or seen.state != "ready" else f"ready again after {now - since:.0f} s"
        told_at = self._told_at.get(key)
        if key in self._unready or (told_at is not None and 0 <= now - told_at < ONCE_IN_S):
            return ""
        self._unready[key] = self._told_at[key] = now
        return f"unready: {seen.reason}"

    def _note(self, app: str, news: list[News]) -> None:
        if len(news) <= EACH:
            for key, text in news:
                self.journal.note(text, app=app, worker=key.label)
            return
        (first, text), more = news[0], len(news) - 1
        self.journal.note(f"{first.label} {text}; and {more} other workers changed at that time", app=app)
