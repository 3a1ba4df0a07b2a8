"""An engine in memory: the same answers as Docker's for the same calls, and faults on demand.

Programs do not run; what a command does is told by `behaviours`, and a command that is not among them runs
until it is stopped.  Nothing waits and time is the caller's: a program that ignores SIGTERM is dead, by
SIGKILL, as soon as `stop` returns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import BinaryIO, Literal, Self

from manager.api.errors import EngineAway, EngineError, ImageNotFound, WorkerNotFound
from manager.engine.containers import (
    LAST_LINES,
    Container,
    DockerFacts,
    Image,
    ImageDetails,
    LogLine,
    Part,
    Processes,
    State,
    as_said,
)
from manager.engine.contract import NameTaken
from manager.engine.orders import PartOrder, WorkerOrder
from tests.fakes.execs import FakeExecs
from tests.fakes.worker_files import FakeWorkerFiles

_SIGNALS = {"SIGKILL": 9, "SIGTERM": 15, "SIGINT": 2}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a command does: the lines it writes at its start, and how it ends, None for not by itself."""

    lines: tuple[tuple[Literal["stdout", "stderr"], str], ...] = ()
    exit_code: int | None = None
    ignores_sigterm: bool = False


@dataclass(frozen=True, slots=True)
class FakeImage:
    """An image; `files` has a mode and the bytes for every path under which a regular file is reached."""

    details: ImageDetails
    files: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    recipe: str = ""


def fake_image(reference: str, files: Mapping[str, tuple[int, bytes]] | None = None) -> FakeImage:
    """Return an image of this machine's kind with the usual PATH."""
    details = ImageDetails(
        reference=reference,
        id="sha256:" + sha256(reference.encode()).hexdigest(),
        architecture="amd64",
        search_path=("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"),
        working_dir="/",
    )
    return FakeImage(details, files or {})


class FakeEngine:
    """The containers of one cloud, in memory.

    away: every call fails, as when dockerd is dead; setting it back to False tells the watches.
    lose_next_answer: the next change is made, and its caller is told of a time-out.
    fail_next: the next change fails with this message and is not made.
    taken: names that somebody else's containers have.
    changes: every change that was made, as "verb name", in order; what was so already is none.
    """

    def __init__(
        self,
        cloud: str = "default",
        *,
        now: Callable[[], float],
        images: Collection[FakeImage] = (),
        behaviours: Mapping[tuple[str, ...], Behaviour] | None = None,
    ) -> None:
        self.cloud = cloud
        self.now = now
        self.lose_next_answer = False
        self.fail_next = ""
        self.taken: set[str] = set()
        self.changes: list[str] = []
        self.watches: list[FakeWatch] = []
        self.written = threading.Condition()
        self.images = FakeImages(self, images)
        self.parts = FakeParts(self)
        self.execs = FakeExecs(self)
        self.files = FakeWorkerFiles(self)
        self._behaviours = behaviours or {}
        self._away = False
        self._workers: dict[str, Container] = {}
        self._commands: dict[str, tuple[str, ...]] = {}
        self._lines: dict[str, list[LogLine]] = {}
        self._born = 0

    @property
    def away(self) -> bool:
        return self._away

    @away.setter
    def away(self, away: bool) -> None:
        self._away = away
        if not away:
            self.tell()

    def workers(self) -> list[Container]:
        self.reach("list containers")
        return sorted(self._workers.values(), key=lambda worker: worker.key)

    def worker(self, name: str) -> Container | None:
        self.reach(f"inspect {name}")
        return self._workers.get(name)

    def create(self, order: WorkerOrder) -> None:
        self.reach(f"create {order.name}")
        found = self._workers.get(order.name)
        if order.name in self.taken:
            raise NameTaken(order.name)
        if found and found.order == order.digest and found.state in ("created", "running", "paused"):
            return
        if found and found.pid:
            raise EngineError(f"cannot create {order.name}: it runs, made from another order", hint="ps")
        self.images.find(order.image)
        with self.changing(f"create {order.name}"):
            self._workers[order.name] = self._new(order)
            self._commands[order.name] = order.command
            self._lines[order.name] = []

    def start(self, name: str, wire: Callable[[str], None] | None = None) -> None:
        self.reach(f"start {name}")
        worker = self._find(name)
        if worker.pid:
            return
        with self.changing(f"start {name}"):
            pid = self.next_number()
            self._workers[name] = replace(
                worker,
                state="running",
                pid=pid,
                netns=f"/proc/{pid}/ns/net",
                started_at=self.now(),
                finished_at=None,
            )
            if wire is not None:
                wire(f"/proc/{pid}/ns/net")
            self._behave(name)

    def pause(self, name: str) -> None:
        self._turn(name, "pause", "running", "paused")

    def unpause(self, name: str) -> None:
        self._turn(name, "unpause", "paused", "running")

    def rename(self, container: str, name: str) -> None:
        self.reach(f"rename {container}")
        if self.parts.rename(container, name):
            return
        old = self._named(container)
        self._find(old)
        if name in self.taken or name in self._workers:
            raise NameTaken(name)
        with self.changing(f"rename {old}"):
            self._call(old, name)

    def stop(self, names: Collection[str], grace_s: float) -> None:
        for name in names:
            ignores = self._behaviour(name).ignores_sigterm
            self._signal(name, "SIGKILL" if ignores else "SIGTERM", verb="stop")

    def kill(self, name: str) -> None:
        self._signal(name, "SIGKILL", verb="kill")

    def remove(self, name: str) -> None:
        self.reach(f"remove {name}")
        name = self._named(name)
        if name in self._workers:
            with self.changing(f"remove {name}"):
                del self._workers[name]

    def logs(
        self, name: str, *, since: float | None = None, tail: int | None = None, follow: bool = False
    ) -> FakeLogs:
        self.reach(f"read the logs of {name}")
        self._find(name)
        lines = [line for line in self._lines[name] if since is None or line.at >= since]
        shown = lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]
        return FakeLogs(self, name, shown, follow)

    def last_words(self, name: str) -> list[str]:
        self.reach(f"read the logs of {name}")
        return (
            [line.text for line in as_said(self._lines[name][-LAST_LINES:])] if name in self._workers else []
        )

    def processes(self, name: str, options: Sequence[str] = ()) -> Processes:
        self.reach(f"list the processes of {name}")
        worker = self._find(name)
        if not worker.pid:
            raise EngineError(f"cannot list the processes of {name}: it does not run")
        if options not in ((), ("-o", "pid,cmd")):
            raise EngineError(f"cannot list the processes of {name}: ps: error: unknown option")
        return Processes(("PID", "CMD"), ((str(worker.pid), " ".join(self._commands[name])),))

    def watch(self, changed: Callable[[], None]) -> FakeWatch:
        watch = FakeWatch(self, changed)
        self.watches.append(watch)
        changed()
        return watch

    def owned(self) -> list[str]:
        self.reach("list containers")
        return sorted([*self._workers, *(part.name for part in self.parts.list())])

    def facts(self) -> DockerFacts:
        self.reach("ask docker about itself")
        return DockerFacts("20.10.24", live_restore=True, cores=2, memory_bytes=8 << 30)

    def close(self) -> None:
        """Nothing is held."""

    def say(self, name: str, text: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """The worker writes a line."""
        with self.written:
            self._lines[name].append(LogLine(self.now(), stream, text))
            self.written.notify_all()

    def end(self, name: str, exit_code: int, *, oom_killed: bool = False) -> None:
        """The worker's program ends by itself."""
        with self.written:
            self._workers[name] = replace(
                self._find(name),
                state="exited",
                pid=0,
                netns="",
                exit_code=exit_code,
                oom_killed=oom_killed,
                finished_at=self.now(),
            )
            self.written.notify_all()
        self.tell()

    def vanish(self, name: str) -> None:
        """Somebody removed the container by hand."""
        del self._workers[name]
        self.tell()

    def lines_after(self, name: str, count: int) -> tuple[list[LogLine], bool]:
        """Return the lines after the first `count`, and whether more may come."""
        worker = self._workers.get(name)
        return self._lines[name][count:], bool(worker and worker.state in ("created", "running", "paused"))

    def count_lines(self, name: str) -> int:
        return len(self._lines[name])

    def reach(self, doing: str) -> None:
        """Raise EngineError while Docker is away."""
        if self._away:
            raise EngineAway(f"cannot {doing}: docker cannot be reached", hint="doctor")

    @contextmanager
    def changing(self, change: str) -> Iterator[None]:
        """Make one change in the `with`, with the faults that were asked for, and tell the watches."""
        self.reach(change)
        if message := self.fail_next:
            self.fail_next = ""
            raise EngineError(message)
        yield
        self.changes.append(change)
        self.tell()
        if self.lose_next_answer:
            self.lose_next_answer = False
            raise EngineAway(f"cannot {change} for sure: docker did not answer in time", hint="doctor")

    def tell(self) -> None:
        """Everybody who watches looks again."""
        if not self._away:
            for watch in self.watches:
                watch.changed()

    def next_number(self) -> int:
        """Return a number that names no process and no container yet."""
        self._born += 1
        return 100_000 + self._born

    def _new(self, order: WorkerOrder) -> Container:
        labels = {**order.labels, "simplecloud.cloud": self.cloud, "simplecloud.app": order.app}
        labels |= {"simplecloud.slot": str(order.slot), "simplecloud.revision": str(order.revision)}
        return Container(
            name=order.name,
            id=f"{self.next_number():064x}",
            app=order.app,
            slot=order.slot,
            revision=order.revision,
            state="created",
            pid=0,
            netns="",
            exit_code=0,
            oom_killed=False,
            started_at=None,
            finished_at=None,
            order=order.digest,
            labels=labels,
        )

    def _behaviour(self, name: str) -> Behaviour:
        return self._behaviours.get(self._commands.get(name, ()), Behaviour())

    def _behave(self, name: str) -> None:
        behaviour = self._behaviour(name)
        for stream, text in behaviour.lines:
            self.say(name, text, stream)
        if behaviour.exit_code is not None:
            self.end(name, behaviour.exit_code)

    def _turn(self, name: str, verb: str, before: State, after: State) -> None:
        self.reach(f"{verb} {name}")
        if name in self._workers and self._workers[name].state == before:
            with self.changing(f"{verb} {name}"):
                self._workers[name] = replace(self._workers[name], state=after)

    def _signal(self, name: str, signal: str, *, verb: str) -> None:
        self.reach(f"{verb} {name}")
        if name in self._workers and self._workers[name].pid:
            with self.changing(f"{verb} {name}"):
                self.end(name, 128 + _SIGNALS[signal])

    def _call(self, old: str, name: str) -> None:
        self._workers[name] = replace(self._workers.pop(old), name=name)
        self._commands[name] = self._commands.pop(old)
        self._lines[name] = self._lines.pop(old)

    def _named(self, name_or_id: str) -> str:
        """Return the name of the container of this id, else what was given."""
        return next((w.name for w in self._workers.values() if w.id == name_or_id), name_or_id)

    def _find(self, name: str) -> Container:
        if name not in self._workers:
            raise WorkerNotFound(f"no such container: {name}", hint="ps")
        return self._workers[name]


class FakeLogs:
    """The lines of one container, those to come included when `follow`."""

    def __init__(self, engine: FakeEngine, name: str, shown: list[LogLine], follow: bool) -> None:
        self._engine = engine
        self._name = name
        self._shown = shown
        self._count = engine.count_lines(name)
        self._following = follow

    def __iter__(self) -> Iterator[LogLine]:
        yield from self._shown
        while self._following:
            with self._engine.written:
                lines, more = self._engine.lines_after(self._name, self._count)
                if not lines and more:
                    self._engine.written.wait()
                    continue
            self._count += len(lines)
            self._following = more
            yield from lines

    def close(self) -> None:
        with self._engine.written:
            self._following = False
            self._engine.written.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FakeWatch:
    """Calls `changed`, in the thread that makes the change, until it is closed."""

    def __init__(self, engine: FakeEngine, changed: Callable[[], None]) -> None:
        self._engine = engine
        self.changed = changed

    def close(self) -> None:
        self._engine.watches = [watch for watch in self._engine.watches if watch is not self]


class FakeParts:
    """The cloud's own containers, in memory; Docker's restart policy brings a killed one back at once."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._parts: dict[str, Part] = {}

    def list(self) -> list[Part]:
        self._engine.reach("list the parts of the cloud")
        return sorted(self._parts.values(), key=lambda part: part.name)

    def states(self) -> dict[str, State]:
        return {part.name: part.state for part in self.list()}

    def start(self, order: PartOrder, *, replace: bool = False) -> None:
        self._engine.reach(f"start {order.name}")
        for stray in [part for part in self.list() if part.order == order.digest]:
            if order.name not in self._parts:
                self.rename(stray.id, order.name)
            elif stray.name != order.name:
                self.remove(stray.name)
        part = self._parts.get(order.name)
        if part is None or (replace and part.order != order.digest):
            self._engine.images.find(order.image)
            part = self._new(order)
        if not part.pid:
            with self._engine.changing(f"start {order.name}"):
                self._parts[order.name] = self._run(part)

    def restart(self, name: str) -> None:
        self._engine.reach(f"restart {name}")
        if name not in self._parts:
            raise WorkerNotFound(f"no such container: {name}", hint="ps")
        with self._engine.changing(f"restart {name}"):
            self._parts[name] = self._run(self._parts[name])

    def remove(self, name: str, *, grace_s: float = 10) -> None:
        self._engine.reach(f"remove {name}")
        if name in self._parts:
            with self._engine.changing(f"remove {name}"):
                del self._parts[name]

    def rename(self, container: str, name: str) -> bool:
        """Return whether the container of this id is a part, which then has this name."""
        for part in self.list():
            if part.id == container:
                with self._engine.changing(f"rename {part.name}"):
                    self._parts[name] = replace(self._parts.pop(part.name), name=name)
                return True
        return False

    def crash(self, name: str) -> None:
        """The part's process is killed, and Docker starts it again."""
        self._parts[name] = self._run(self._parts[name])
        self._engine.tell()

    def halt(self, name: str) -> None:
        """Somebody stopped the part by hand, so Docker does not start it again."""
        self._parts[name] = replace(self._parts[name], state="exited", pid=0)
        self._engine.tell()

    def _new(self, order: PartOrder) -> Part:
        number = f"{self._engine.next_number():064x}"
        return Part(order.name, number, order.part, "created", 0, None, order.digest, order.labels)

    def _run(self, part: Part) -> Part:
        number, now = self._engine.next_number(), self._engine.now()
        return replace(part, state="running", pid=number, started_at=now)


class FakeImages:
    """Images in memory; `registry` has those that can be pulled, by their name with a tag."""

    def __init__(self, engine: FakeEngine, images: Collection[FakeImage]) -> None:
        self._engine = engine
        self._images = {_full(image.details.reference): image for image in images}
        self.registry: dict[str, FakeImage] = {}

    def find(self, reference: str) -> FakeImage:
        """Return the image, raise ImageNotFound naming those there are."""
        if _full(reference) not in self._images:
            there = ", ".join(sorted(name.removesuffix(":latest") for name in self._images)) or "none"
            raise ImageNotFound(
                f'image "{reference}" is not on this machine (there are: {there})', hint="images"
            )
        return self._images[_full(reference)]

    def list(self) -> list[Image]:
        self._engine.reach("list images")
        return [Image((name,), image.details.id, 1 << 20, 0.0) for name, image in self._images.items()]

    def details(self, reference: str) -> ImageDetails:
        self._engine.reach(f"inspect image {reference}")
        return replace(self.find(reference).details, reference=reference)

    def has(self, reference: str, recipe: str) -> bool:
        self._engine.reach(f"inspect image {reference}")
        return _full(reference) in self._images and self.find(reference).recipe == recipe

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        self._engine.reach(f"import image {reference}")
        mark = "LABEL simplecloud.recipe="
        recipe = next((line.removeprefix(mark) for line in changes if line.startswith(mark)), "")
        self._images[_full(reference)] = replace(fake_image(reference), recipe=recipe)

    def pull(self, reference: str, told: Callable[[str], None]) -> None:
        self._engine.reach(f"pull image {reference}")
        found = self.registry.get(_full(reference))
        if found is None:
            raise EngineError(f"cannot pull image {reference}: connection refused", hint="images")
        told(f"Pulling from {reference}")
        self._images[_full(reference)] = found

    @contextmanager
    def open(self, reference: str) -> Iterator[FakeFiles]:
        self._engine.reach(f"inspect image {reference}")
        yield FakeFiles(self.find(reference))


class FakeFiles:
    """The files of an image in memory."""

    def __init__(self, image: FakeImage) -> None:
        self._files = image.files
        self.reference, self.architecture = image.details.reference, image.details.architecture
        self.search_path, self.working_dir = image.details.search_path, image.details.working_dir

    def mode(self, path: str) -> int | None:
        return self._files[path][0] if path in self._files else None

    def is_directory(self, path: str) -> bool:
        return any(file.startswith(f"{path.rstrip('/')}/") for file in self._files)

    def read(self, path: str) -> bytes | None:
        return self._files[path][1] if path in self._files else None


def _full(reference: str) -> str:
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
