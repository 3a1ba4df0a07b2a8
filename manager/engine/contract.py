"""What the manager may ask of an engine: Docker's keeps it on real containers, the tests' fake in memory.

Every method may raise EngineError.  "Idempotent" means that doing it again, after a time-out or by the next
manager, is harmless.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, Self

from manager.api.errors import EngineError
from manager.engine.containers import (
    Container,
    DockerFacts,
    Execution,
    Image,
    ImageDetails,
    InnerFile,
    LogLine,
    Part,
    Processes,
    State,
)
from manager.engine.orders import ExecOrder, PartOrder, WorkerOrder
from manager.programs.check import ImageFiles


class NameTaken(EngineError):
    """Somebody else's container has the name that one of ours is to have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"another container has the name {name}", hint=f"docker rename {name} {name}-other")


class LogStream(Protocol):
    """Lines, those of one stream in the order in which they were written.

    Use it in a `with`, in the thread that iterates.
    """

    def __iter__(self) -> Iterator[LogLine]: ...

    def close(self) -> None:
        """End the iteration, from any thread."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Watch(Protocol):
    """Somebody is told when to look again, until this is closed."""

    def close(self) -> None:
        """Nobody is called any more once this returns."""


class Parts(Protocol):
    """The cloud's own containers."""

    def list(self) -> list[Part]:
        """Return the parts of this cloud, in every state, by name."""

    def states(self) -> Mapping[str, State]:
        """Return the state of each part by its name: one question, where `list` asks one more for each."""

    def start(self, order: PartOrder, *, replace: bool = False) -> None:
        """The part runs, under its own name.  One of another order is left as it is unless `replace`."""

    def restart(self, name: str) -> None:
        """The part runs anew, at once: Docker's waiting before a restart begins again at its shortest."""

    def remove(self, name: str, *, grace_s: float = 10) -> None:
        """The part is stopped and gone.  Idempotent."""


class Execs(Protocol):
    """Commands inside the workers."""

    def create(self, name: str, order: ExecOrder) -> str:
        """Return the id of a command that is ready to be started in the container.

        Raises WorkerNotFound; EngineError when the container does not run.
        """

    def start(self, execution_id: str, *, tty: bool) -> socket.socket:
        """Start the command, and return the socket that carries its streams.  At most once.

        What it carries is told in manager.api.attached.  Raises Conflict when it was started before.
        """

    def resize(self, execution_id: str, rows: int, columns: int) -> None:
        """The command's terminal has this size.  Raises EngineError while the command does not run."""

    def hang_up(self, execution_id: str) -> None:
        """The command has got a SIGHUP if it runs.  Raises WorkerNotFound when its container is gone."""

    def look(self, execution_id: str) -> Execution:
        """Return what became of the command.  Raises WorkerNotFound when its container is gone."""


class Files(Protocol):
    """The files of the workers."""

    def look(self, name: str, path: str) -> InnerFile | None:
        """Return what is at the path, a symlink followed to its end, None when there is nothing."""

    def read(self, name: str, path: str, into: BinaryIO, limit_bytes: int) -> None:
        """`into` has the file or directory as a tar archive.  Raises CloudError when it is too large."""

    def write(self, name: str, directory: str, tar: BinaryIO) -> None:
        """The archive's files are in the directory.  Raises NotAllowed on a read-only file system."""


class Images(Protocol):
    """The images of this machine; nothing is pulled but by `pull`."""

    def list(self) -> list[Image]:
        """Return the images that have a name."""

    def details(self, reference: str) -> ImageDetails:
        """Return what the image says of itself.  Raises ImageNotFound, naming those there are."""

    def has(self, reference: str, recipe: str) -> bool:
        """Return whether the image is here and was made from this recipe."""

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        """`reference` names an image of the files in `tar`; `changes` are instructions of a Dockerfile.

        The image that had the name before is gone unless something uses it.
        """

    def open(self, reference: str) -> AbstractContextManager[ImageFiles]:
        """Look into an image for the length of a `with`, one at a time.  Raises ImageNotFound."""

    def pull(self, reference: str, told: Callable[[str], None]) -> None:
        """The image is here, fetched from its registry; `told` hears how far that is.  Raises EngineError."""


class Engine(Protocol):
    """The workers of one cloud, what they need (`parts`, `images`), what is inside (`execs`, `files`)."""

    @property
    def parts(self) -> Parts: ...

    @property
    def images(self) -> Images: ...

    @property
    def execs(self) -> Execs: ...

    @property
    def files(self) -> Files: ...

    def workers(self) -> list[Container]:
        """Return the containers labelled as workers of this cloud, in every state, by app and slot."""

    def worker(self, name: str) -> Container | None:
        """Return one worker of this cloud, None when there is none of that name."""

    def create(self, order: WorkerOrder) -> None:
        """The worker's container is there, made from this order, and has not ended.  Idempotent.

        What has the name and has ended, or was made from another order, is replaced unless it runs.
        Raises ImageNotFound, NameTaken; EngineError when a limit that was asked for is not kept.
        """

    def start(self, name: str, wire: Callable[[str], None] | None = None) -> None:
        """The container runs.  Idempotent.  Raises WorkerNotFound.

        wire: called with the path of its network namespace before its command begins, where that can be seen.
        """

    def pause(self, name: str) -> None:
        """The container's processes are suspended.  Idempotent; what does not run or is gone stays so."""

    def unpause(self, name: str) -> None:
        """The container's processes go on where they were.  Idempotent, as `pause` is."""

    def rename(self, container: str, name: str) -> None:
        """The container of this id has this name.  Raises WorkerNotFound, NameTaken."""

    def stop(self, names: Collection[str], grace_s: float) -> None:
        """None of them runs: SIGTERM to all at once, SIGKILL to what runs on after grace_s.  Idempotent.

        What is paused goes on first, so that it can end in order.
        """

    def kill(self, name: str) -> None:
        """SIGKILL is sent; a container that does not run or is gone needs none."""

    def remove(self, name: str) -> None:
        """The container of this name or id is gone, killed if it ran.  Idempotent."""

    def logs(
        self, name: str, *, since: float | None = None, tail: int | None = None, follow: bool = False
    ) -> LogStream:
        """Return what the container wrote since a unix time, the last `tail` lines, and with `follow`
        what it goes on to write, until it ends.  Raises WorkerNotFound."""

    def last_words(self, name: str) -> list[str]:
        """Return the last lines of a container, what it complained of last; [] when it is gone."""

    def processes(self, name: str, options: Sequence[str] = ()) -> Processes:
        """Return the container's processes as ps shows them with these options; they must show the pid.

        Raises WorkerNotFound; EngineError for options that ps does not know, or while nothing runs.
        """

    def watch(self, changed: Callable[[], None]) -> Watch:
        """`changed` is called, by a thread of the watch, at once, whenever a container of this cloud changes,
        and whenever Docker goes away and is back."""

    def owned(self) -> list[str]:
        """Return the names of all containers that carry this cloud's label, whatever they are."""

    def facts(self) -> DockerFacts:
        """Return what Docker says of itself and its host."""
