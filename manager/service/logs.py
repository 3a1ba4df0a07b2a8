"""`logs`: the lines of several workers as one stream, of new and replaced workers too with --follow."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty, Full, Queue

from manager.api.arguments import Arguments
from manager.api.documents import document, rfc3339
from manager.api.errors import CloudError, WorkerNotFound
from manager.engine.containers import Container, LogLine
from manager.engine.contract import Engine, LogStream
from manager.loop.reconcile import Reconciler
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.targets import resolve_target, workers_of
from manager.state.model import WorkerKey
from manager.state.world import World

LOOK_S = 0.2
TOGETHER = 200  # lines that are sent at once, where there are so many
WAITING_LINES = 1000  # a client that does not read slows the readers down, not the manager's memory

log = logging.getLogger(__name__)

Targets = list[tuple[str, int | None]]
Forgiven = tuple[type[CloudError], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are wanted: `since` in unix seconds, the last `tail` of each worker."""

    since: float | None
    tail: int | None


EVERYTHING = Filter(None, None)


@dataclass(slots=True)
class Follower:
    """Reads the logs of containers as they come, one thread each, into one queue.

    early: the ids of those that were there at first; of the others, which are new, every line is wanted.
    read_to: for those that were read, here or before, the time of the last line.
    _streams: those that are read.  _ended: those that were read here to the end of their log.
    """

    engine: Engine
    filter: Filter
    early: Collection[str]
    read_to: dict[str, float] = field(default_factory=dict)
    lines: Queue[tuple[str, LogLine]] = field(default_factory=lambda: Queue(WAITING_LINES))
    _streams: dict[str, LogStream | None] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def add(self, container: Container) -> None:
        """Read this container's log too, or on: one that runs may have a log that ended, as Docker did."""
        is_over = container.id in self._ended and container.state != "running"
        if container.id in self._streams or is_over:
            return
        self._streams[container.id] = None
        worker = container.key.label
        threading.Thread(
            target=self._read, args=(worker, container), name=f"logs {worker}", daemon=True
        ).start()

    def take(self, within_s: float) -> list[tuple[str, LogLine]]:
        """Return the next line and those that are there with it; none where none comes in time."""
        some: list[tuple[str, LogLine]] = []
        try:
            some.append(self.lines.get(timeout=within_s))
            while len(some) < TOGETHER:
                some.append(self.lines.get_nowait())
        except Empty:
            pass
        return some

    def close(self) -> None:
        self._over.set()
        for stream in list(self._streams.values()):
            if stream is not None:
                stream.close()

    def _read(self, worker: str, container: Container) -> None:
        try:
            self._queue_lines(worker, container)
            self._ended.add(container.id)
        except CloudError:
            pass  # it went, or Docker did
        except (ValueError, LookupError):  # what Docker sent is no log; it is not begun again
            log.exception("the log of %s cannot be read on", worker)
            return
        del self._streams[container.id]

    def _queue_lines(self, worker: str, container: Container) -> None:
        for line in self._lines(container):
            self.read_to[container.id] = max(line.at, self.read_to.get(container.id, 0.0))
            if not self._put(worker, line):
                return
        self.read_to.setdefault(container.id, 0.0)

    def _lines(self, container: Container) -> Iterator[LogLine]:
        """Yield the wanted lines, of a log that was read only those that came later."""
        read_to = self.read_to.get(container.id, -1.0)
        wanted = self.filter if container.id in self.early else EVERYTHING
        since, tail = (read_to, None) if read_to > 0 else (wanted.since, wanted.tail)
        with self.engine.logs(container.name, since=since, tail=tail, follow=True) as stream:
            self._streams[container.id] = stream
            if self._over.is_set():
                return  # `close` has not seen this one
            yield from (line for line in stream if line.at > read_to)

    def _put(self, worker: str, line: LogLine) -> bool:
        """Queue the line; False when nobody wants lines any more."""
        while not self._over.is_set():
            try:
                self.lines.put((worker, line), timeout=LOOK_S)
            except Full:
                continue
            return True
        return False


@dataclass(frozen=True, slots=True)
class Logs:
    """The `logs` command."""

    engine: Engine
    reconciler: Reconciler

    def logs(self, call: Call, arguments: Arguments) -> Answer:
        world = self.reconciler.seen().world
        targets = [resolve_target(word, world) for word in arguments.texts("target")]
        for name, slot in targets:
            workers_of(world, name, slot)  # raises where there are none
        wanted = _filter(arguments)
        follow = arguments.flag("follow")
        read_to = self._print(call, _containers(world, targets), wanted, (CloudError,) if follow else ())
        if follow:
            self._follow(call, world, targets, wanted, read_to)
        notes = [*never_started(world, targets), *without_worker(world, targets)]
        return document("Result", {"message": "", "notes": notes})

    def _print(
        self, call: Call, containers: Iterable[Container], wanted: Filter, forgiven: Forgiven
    ) -> dict[str, float]:
        """Send the lines of all containers in the order of their times; return when the last of each was.

        forgiven: what may break a log off, because it is read on afterwards.
        """
        read_to: dict[str, float] = {}
        with ExitStack() as open_logs:
            logs = [
                _told(container, open_logs.enter_context(lines), read_to, forgiven)
                for container, lines in opened(self.engine, containers, wanted, forgiven)
            ]
            merged = heapq.merge(*logs, key=lambda pair: pair[1].at)
            while some := list(islice(merged, TOGETHER)):
                _send(call, some)
        return read_to

    def _follow(
        self, call: Call, world: World, targets: Targets, wanted: Filter, read_to: dict[str, float]
    ) -> None:
        """Send lines as they come after those that were read, until the client hangs up."""
        early = {container.id for container in _containers(world, targets)}
        follower = Follower(self.engine, wanted, early, read_to)
        try:
            while True:
                picture = self.reconciler.picture()
                for container in _containers(picture.world, targets) if picture else ():
                    follower.add(container)
                self._drain(call, follower)
                call.check()
        finally:
            follower.close()

    def _drain(self, call: Call, follower: Follower) -> None:
        ends_at = time.monotonic() + LOOK_S
        while (left_s := ends_at - time.monotonic()) > 0:
            some = follower.take(left_s)
            if not some:
                return
            _send(call, some)


def opened(
    engine: Engine, containers: Iterable[Container], wanted: Filter, forgiven: Forgiven = ()
) -> Iterator[tuple[Container, LogStream]]:
    """Yield the log of each container that was not removed since it was seen."""
    for container in containers:
        with suppress(WorkerNotFound, *forgiven):
            yield container, engine.logs(container.name, since=wanted.since, tail=wanted.tail)


def _filter(arguments: Arguments) -> Filter:
    since_s = arguments.number("since")
    return Filter(time.time() - since_s if since_s is not None else None, arguments.whole("tail"))


def _told(
    container: Container, lines: Iterable[LogLine], read_to: dict[str, float], forgiven: Forgiven
) -> Iterator[tuple[str, LogLine]]:
    worker = container.key.label
    with suppress(*forgiven):
        for line in lines:
            read_to[container.id] = max(line.at, read_to.get(container.id, 0.0))
            yield worker, line


def _containers(world: World, targets: Targets) -> list[Container]:
    """Return the containers of the targets, those that have ended too."""
    return [container for key, container in sorted(world.containers.items()) if _is_meant(key, targets)]


def _is_meant(key: WorkerKey, targets: Targets) -> bool:
    return any(key.app == name and slot in (None, key.slot) for name, slot in targets)


def never_started(world: World, targets: Targets) -> list[str]:
    """Return why those of the targets have no log that Docker could not start."""
    began = {key for key, container in world.containers.items() if container.started_at is not None}
    return [
        f"{key.label} was never started: {record.ending.words}"
        for key, record in sorted(world.records.items())
        if record.ending is not None and not record.ending.container
        if key not in began and _is_meant(key, targets)
    ]


def without_worker(world: World, targets: Targets) -> list[str]:
    """Return which targets have no log because their workers went, and that went with them."""
    labels = [(f"{name}.{slot}" if slot else name, (name, slot)) for name, slot in targets]
    return [
        f"{label} has no worker, and the log of the last one went with it"
        for label, target in labels
        if not any(_is_meant(key, [target]) for key in (*world.records, *world.containers))
    ]


def _send(call: Call, lines: Iterable[tuple[str, LogLine]]) -> None:
    items = (
        {"worker": worker, "time": rfc3339(line.at), "stream": line.stream, "text": line.text}
        for worker, line in lines
    )
    call.emit_all("LogLine", items)
