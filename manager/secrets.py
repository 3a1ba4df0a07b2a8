"""Secrets: what workers must know and nobody else, on this machine and in no record of the store.

A secret is kept as a file that only root reads, so that it outlives a reboot. A worker is lent copies of
those it was given, in a directory of its own in memory (tmpfs), mounted read-only; they go with the worker.
A secret that is set anew is another file: who runs keeps what it was lent.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from manager.api.cite import cited
from manager.api.errors import SecretNotFound, SecretRejected
from manager.api.places import Places
from manager.state.model import WorkerKey

INSIDE = "/run/secrets"
SIZE_LIMIT_BYTES = 512 << 10
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MNT_DETACH = 2


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """What may be told of a secret; changed_at in unix seconds."""

    name: str
    size_bytes: int
    changed_at: float


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one cloud: `kept` on disk, `lent` in memory while workers have them."""

    kept: Path
    lent: Path
    _mounting: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def put(self, name: str, descriptor: int) -> KeptSecret:
        """The secret is what the open file holds, from its beginning.  Raises SecretRejected."""
        content = content_of(name, descriptor)
        with _translated(name):
            self.kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.kept / name, content, 0o600)
            return self._told(name)

    def all(self) -> list[KeptSecret]:
        """Return the secrets by name."""
        names = os.listdir(self.kept) if self.kept.is_dir() else []
        return [self._told(name) for name in sorted(names) if not name.startswith(".")]

    def remove(self, name: str) -> None:
        """There is no such secret any more."""
        (self.kept / name).unlink(missing_ok=True)

    def require(self, names: Iterable[str], hint: str = "") -> None:
        """Raises SecretNotFound when one of the secrets is not there; without a hint, with how to set it."""
        for name in names:
            if "/" in name or not (self.kept / name).is_file():
                set_it = f"simplecloud secret set {name} < FILE"
                raise SecretNotFound(f"no secret is named {cited(name)}", hint=hint or set_it, word=name)

    def path(self, key: WorkerKey) -> Path:
        """Return the directory that the worker has as INSIDE, lent or not."""
        return self.lent / key.full_name

    def lend(self, key: WorkerKey, names: Iterable[str]) -> None:
        """The worker's directory has these secrets, for every user in it.

        Raises SecretNotFound, or SecretRejected when they cannot be written.
        """
        with _translated(key.label):
            self._mount()
            directory = self.path(key)
            directory.mkdir(mode=0o755, exist_ok=True)
            for name in names:
                self.require([name])
                _replace(directory / name, (self.kept / name).read_bytes(), 0o444)

    def take_back(self, key: WorkerKey) -> None:
        """Nothing that the worker was lent is left."""
        shutil.rmtree(self.path(key), ignore_errors=True)

    def unmount(self) -> None:
        """The memory that secrets were lent in is given back."""
        if self.lent.is_mount():
            _libc().umount2(os.fsencode(self.lent), _MNT_DETACH)

    def _mount(self) -> None:
        flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        with self._mounting:  # a second mount would hide what the first one holds
            self.lent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.lent.is_mount():
                return
            if _libc().mount(b"simplecloud", os.fsencode(self.lent), b"tmpfs", flags, b"mode=0700,size=64m"):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _told(self, name: str) -> KeptSecret:
        found = (self.kept / name).stat()
        return KeptSecret(name, found.st_size, found.st_mtime)


def secrets_of(places: Places) -> Secrets:
    """Return the secrets of a cloud."""
    return Secrets(places.state / "secrets", places.run / "secrets")


def content_of(name: str, descriptor: int) -> bytes:
    """Return what a secret would be, from the beginning of an open file.  Raises SecretRejected."""
    content = os.pread(descriptor, SIZE_LIMIT_BYTES + 1, 0)
    if not content:
        raise SecretRejected(
            f"nothing came for the secret {name}", hint=f"simplecloud secret set {name} < FILE"
        )
    if len(content) > SIZE_LIMIT_BYTES:
        limit = f"{SIZE_LIMIT_BYTES >> 10}K"
        raise SecretRejected(f"the secret {name} is larger than {limit}", hint="run --copy FILE ...")
    return content


def _replace(path: Path, content: bytes, mode: int) -> None:
    """The file has the content, whole or not at all, whenever this ends."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    new.replace(path)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@contextmanager
def _translated(whose: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SecretRejected(
            f"cannot keep the secrets of {whose}: {error.strerror}", hint="doctor"
        ) from error
