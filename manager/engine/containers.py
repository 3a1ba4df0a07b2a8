"""What an engine finds: containers, images, log lines and facts about Docker itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from manager.state.model import WorkerKey

LAST_LINES = 10  # of a container that ended: what it complained of is among them
KILLED = 137  # the exit code of what SIGKILL ended
MOMENT_S = 0.25  # what a program writes as it ends comes within it

State = Literal["created", "running", "paused", "restarting", "exited", "removing", "dead"]


@dataclass(frozen=True, slots=True)
class Container:
    """One worker's container as Docker knew it at one moment; times are unix seconds.

    `pid` is 0 and `netns` is "" while nothing runs.  `exit_code` says something once the state is exited
    or dead.  `order` is the digest of the order that it was made from; `labels` are all it carries.
    """

    name: str
    id: str
    app: str
    slot: int
    revision: int
    state: State
    pid: int
    netns: str
    exit_code: int
    oom_killed: bool
    started_at: float | None
    finished_at: float | None
    order: str
    labels: Mapping[str, str]

    @property
    def key(self) -> WorkerKey:
        """Return the key of the worker that it is, or was, a container of."""
        return WorkerKey(self.app, self.slot, self.revision)

    @property
    def is_up(self) -> bool:
        """Return whether its processes are there, be they paused."""
        return self.state in ("running", "paused")

    @property
    def has_ended(self) -> bool:
        return self.state in ("exited", "dead")


@dataclass(frozen=True, slots=True)
class Part:
    """One container of the cloud's own machinery; `order` is the digest of what it was made from.

    `labels` are all it carries.
    """

    name: str
    id: str
    part: str
    state: State
    pid: int
    started_at: float | None
    order: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that this machine has, under every name that it has."""

    references: tuple[str, ...]
    id: str
    size_bytes: int
    created_at: float


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """What an image says of itself; `architecture` is in Go's words (amd64, arm64)."""

    reference: str
    id: str
    architecture: str
    search_path: tuple[str, ...]
    working_dir: str


@dataclass(frozen=True, slots=True)
class InnerFile:
    """A file inside a worker, at `path` once symlinks are followed."""

    path: str
    is_directory: bool
    is_regular: bool


@dataclass(frozen=True, slots=True)
class Execution:
    """A command inside a worker; exit_code is None until it was started and has ended."""

    id: str
    container_id: str
    running: bool
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Processes:
    """What ps says of a worker's processes: its headers, and a row each with as many cells."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a container wrote, with the unix time at which it did."""

    at: float
    stream: Literal["stdout", "stderr"]
    text: str


def as_said(lines: Iterable[LogLine]) -> list[LogLine]:
    """Return a container's lines by their times, those of the last moment with stderr behind stdout.

    Docker reads the two streams side by side, and a program often writes what it had buffered for stdout when
    it ends: what it complained of would stand before that by chance.
    """
    ordered = sorted(lines, key=lambda line: line.at)
    since = ordered[-1].at - MOMENT_S if ordered else 0.0
    return sorted(ordered, key=lambda line: line.at >= since and line.stream == "stderr")


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """Docker and its host; without live_restore, workers die with dockerd."""

    version: str
    live_restore: bool
    cores: int
    memory_bytes: int
