"""The files of names that workers have as /etc/hosts, on this machine's disk.

A mounted file is followed by its inode and not by its name, so a file is written in place and never put in
the place of another. A reader never sees half a name: one write covers the text of before, and what is
longer there is blank lines until it is cut off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from manager.state.model import WorkerKey
from netsetup.errors import NetworkError

_NAME = re.compile(r"([a-z0-9-]+)_([0-9]+)_([0-9]+)")  # a WorkerKey's full name


@dataclass(frozen=True, slots=True)
class HostsFiles:
    """One file a worker; every user inside it may read it, and nobody but root comes to it outside."""

    directory: Path
    _known: dict[str, tuple[tuple[int, int, int], str]] = field(default_factory=dict)  # state and text

    def path(self, key: WorkerKey) -> Path:
        return self.directory / key.full_name

    def read(self) -> dict[WorkerKey, str]:
        """Return what each file says.  Raises NetworkError."""
        with _translated(self.directory):
            files = list(os.scandir(self.directory)) if self.directory.exists() else []
            for name in self._known.keys() - {file.name for file in files}:
                del self._known[name]
            found = [(match, file) for file in files if (match := _NAME.fullmatch(file.name))]
            return {WorkerKey(each[1], int(each[2]), int(each[3])): self._text(file) for each, file in found}

    def _text(self, file: os.DirEntry[str]) -> str:
        """Return what the file says; one that is as it was at the last look is not opened again."""
        stat = file.stat()
        state = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        known = self._known.get(file.name)
        if known is None or known[0] != state:
            known = self._known[file.name] = (state, Path(file.path).read_text(errors="replace"))
        return known[1]

    def write(self, key: WorkerKey, text: str) -> None:
        """The worker's file says this text.  Raises NetworkError."""
        content = text.encode()
        with _translated(self.path(key)):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path(key), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.fchmod(descriptor, 0o644)
                os.pwrite(descriptor, content.ljust(os.fstat(descriptor).st_size, b"\n"), 0)
                os.ftruncate(descriptor, len(content))
            finally:
                os.close(descriptor)

    def remove(self, key: WorkerKey) -> None:
        """The worker has no file.  Raises NetworkError."""
        with _translated(self.path(key)):
            self.path(key).unlink(missing_ok=True)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NetworkError(f"cannot keep the names in {path}: {error.strerror}", hint="doctor") from error
