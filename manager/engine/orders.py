"""What is wanted of a container, and a digest that tells whether one was made from the same order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256

DEFAULT_PIDS = 512


@dataclass(frozen=True, slots=True)
class FileMount:
    """A file or directory of the host that stands in the container, read-only unless `writable`."""

    host_path: str
    container_path: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """One worker as it is wanted.

    command: the exact argv.  entrypoint: None keeps the image's and hands it the command, as docker does;
    () runs the command by itself, as a copied executable needs.  files: /etc/hosts is among them.  cpus in
    cores, None for no limit of that kind.  user and directory None are the image's.  egress: it may ask the
    host's resolvers for names.
    """

    name: str
    app: str
    slot: int
    revision: int
    image: str
    command: tuple[str, ...]
    hostname: str
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileMount, ...] = ()
    cpus: float | None = None
    memory_bytes: int | None = None
    pids: int = DEFAULT_PIDS
    user: str | None = None
    directory: str | None = None
    cap_add: tuple[str, ...] = ()
    read_only: bool = False
    egress: bool = False
    stop_grace_s: float = 10.0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return _digest_of(self)


@dataclass(frozen=True, slots=True)
class ExecOrder:
    """A command inside a running worker: the exact argv, environment as NAME=VALUE.

    stdin: it is given one.  tty: it is given a terminal.  user and directory None are the worker's own.
    """

    command: tuple[str, ...]
    stdin: bool = False
    tty: bool = False
    user: str | None = None
    environment: tuple[str, ...] = ()
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class PartOrder:
    """A container of the cloud's own machinery, on the host's network, which Docker itself restarts.

    labels: they tell of the part and change nothing about it, so one without them is of the same order.
    """

    name: str
    part: str
    image: str
    command: tuple[str, ...]
    mounts: tuple[FileMount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cap_add: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return _digest_of(self, but="labels")


def _digest_of(order: WorkerOrder | PartOrder, but: str = "") -> str:
    # Of the order and not of what is sent to Docker: a new version of simplecloud that sends more for the
    # same order finds its workers as they were wanted.
    wanted = {name: value for name, value in asdict(order).items() if name != but}
    canonical = json.dumps(wanted, sort_keys=True, default=str)
    return sha256(canonical.encode()).hexdigest()[:16]
