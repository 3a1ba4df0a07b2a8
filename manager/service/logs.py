"""`logs`: the lines of several workers as one stream, of new and replaced workers too with --follow."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from queue import Empty, Full, Queue

from manager import wishes
from manager.api.arguments import Arguments
from manager.api.documents import document, rfc3339
from manager.api.errors import CloudError, UsageError, WorkerNotFound
from manager.engine.containers import Container, LogLine
from manager.engine.contract import Engine, LogStream
from manager.reconcile import Reconciler
from manager.server import Call
from manager.service.apps import resolve_target
from manager.service.dispatch import Answer
from manager.world import World

LOOK_S = 0.2
WAITING_LINES = 1000  # a client that does not read slows the readers down, not the manager's memory

Targets = list[tuple[str, int | None]]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are wanted: `since` in unix seconds, the last `tail` of each worker, matching `pattern`."""

    since: float | None
    tail: int | None
    pattern: re.Pattern[str] | None

    def takes(self, line: LogLine) -> bool:
        return self.pattern is None or self.pattern.search(line.text) is not None


@dataclass(slots=True)
class Follower:
    """Reads the logs of containers as they come, one thread each, into one queue."""

    engine: Engine
    filter: Filter
    lines: Queue[tuple[str, LogLine]] = field(default_factory=lambda: Queue(WAITING_LINES))
    _streams: dict[str, LogStream | None] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def add(self, container: Container) -> None:
        """Read this container's log too, from its beginning when it is a later one."""
        if container.id in self._streams:
            return
        self._streams[container.id] = None
        worker = f"{container.app}.{container.slot}"
        threading.Thread(
            target=self._read, args=(worker, container), name=f"logs {worker}", daemon=True
        ).start()

    def close(self) -> None:
        self._over.set()
        for stream in list(self._streams.values()):
            if stream is not None:
                stream.close()

    def _read(self, worker: str, container: Container) -> None:
        try:
            stream = self.engine.logs(
                container.name, since=self.filter.since, tail=self.filter.tail, follow=True
            )
        except CloudError:
            return  # it went before its log was opened
        self._streams[container.id] = stream
        with stream:
            for line in stream:
                if self.filter.takes(line) and not self._put(worker, line):
                    return

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
        picture = self.reconciler.picture()
        world = picture.world if picture else None
        targets = [resolve_target(word, world) for word in arguments.texts("target")]
        if world is not None:
            _check(world, targets)
        wanted = _filter(arguments)
        if arguments.flag("follow"):
            self._follow(call, targets, wanted)
        elif world is not None:
            self._print(call, _containers(world, targets), wanted)
        return document("Result", {"message": ""})

    def _print(self, call: Call, containers: Iterable[Container], wanted: Filter) -> None:
        """Send the lines of all containers in the order of their times."""
        lines: list[tuple[str, LogLine]] = []
        for container in containers:
            with self.engine.logs(container.name, since=wanted.since, tail=wanted.tail) as stream:
                worker = f"{container.app}.{container.slot}"
                lines += [(worker, line) for line in stream if wanted.takes(line)]
        for worker, line in sorted(lines, key=lambda pair: pair[1].at):
            _send(call, worker, line)

    def _follow(self, call: Call, targets: Targets, wanted: Filter) -> None:
        """Send lines as they come, until the client hangs up."""
        follower = Follower(self.engine, wanted)
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
            try:
                worker, line = follower.lines.get(timeout=left_s)
            except Empty:
                return
            _send(call, worker, line)


def _filter(arguments: Arguments) -> Filter:
    since_s, pattern = arguments.number("since"), arguments.text("grep")
    try:
        compiled = re.compile(pattern) if pattern is not None else None
    except re.error as error:
        raise UsageError(f"--grep: {pattern!r} is no regular expression: {error}", hint="help logs") from None
    return Filter(time.time() - since_s if since_s is not None else None, arguments.whole("tail"), compiled)


def _check(world: World, targets: Targets) -> None:
    for name, slot in targets:
        wishes.find(world.specs, name)
        if slot is not None and not any(record.slot == slot for record in world.of_app(name)):
            raise WorkerNotFound(f"{name} has no worker {slot}", hint=f"ps {name} -a")


def _containers(world: World, targets: Targets) -> list[Container]:
    """Return the containers of the targets, those that have ended too."""
    return [
        container
        for key, container in sorted(world.containers.items())
        if any(key.app == name and slot in (None, key.slot) for name, slot in targets)
    ]


def _send(call: Call, worker: str, line: LogLine) -> None:
    call.emit("LogLine", worker=worker, time=rfc3339(line.at), stream=line.stream, text=line.text)
