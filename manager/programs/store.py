"""The directory of taken files: each under the sha256 of its content, readable and runnable, never changed.

A file's mode in the directory is 0555 whatever it was before: a set-uid bit does not come along, and a
script that is copied beside a program keeps its run bit.  Workers mount these files read-only, so replicas
share their pages.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection
from hashlib import file_digest, sha256
from pathlib import Path
from shlex import quote
from typing import IO

from manager.api.errors import ProgramRejected

SIZE_LIMIT_BYTES = 512 << 20
UNUSED_FOR_S = 3600.0

CHUNK_BYTES = 1 << 20
_MODE = 0o555
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class Programs:
    """The taken files of one cloud; safe to use from any thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def take(self, descriptor: int, name: str, *, executable: bool) -> Path:
        """Return the cloud's own copy of the file behind an open descriptor, on disk for good.

        executable: it will be run, so it needs its run bit and some content.  The descriptor's position is
        neither used nor moved.  Raises ProgramRejected, and then keeps nothing.
        """
        try:
            before = os.fstat(descriptor)
            _check_file(before, name, executable=executable)
            self.directory.mkdir(parents=True, exist_ok=True)
            return self._copied(descriptor, before, name)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ProgramRejected(f"cannot copy {name}: {reason}", hint="help files") from error

    def path(self, content: str) -> Path:
        """Return where the file with this sha256 stands, taken or not."""
        return self.directory / content

    def is_whole(self, content: str) -> bool:
        """Return whether the file with this sha256 is there and still has that content."""
        try:
            with self.path(content).open("rb") as file:
                return file_digest(file, "sha256").hexdigest() == content
        except OSError:
            return False

    def forget_unused(self, keep: Collection[str], now: float) -> list[str]:
        """Return the sha256 of the files removed: those not in `keep` and not taken within the last hour.

        The hour (`now` is unix time) spares a file whose app is not recorded yet, and a copy being made.
        """
        if not self.directory.is_dir():
            return []
        unused = [path for path in self.directory.iterdir() if path.name not in keep and _is_old(path, now)]
        for path in unused:
            path.unlink(missing_ok=True)
        return [path.name for path in unused]

    def _copied(self, descriptor: int, before: os.stat_result, name: str) -> Path:
        with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".taking-") as copy:
            digest = _copy(descriptor, copy, before.st_size)
            if not _is_same(before, os.fstat(descriptor)) or copy.tell() != before.st_size:
                raise ProgramRejected(f"{name} changed while it was copied", hint="help files")
            copy.flush()
            os.fchmod(copy.fileno(), _MODE)
            os.fsync(copy.fileno())
            self._keep(Path(copy.name), self.path(digest))
        return self.path(digest)

    def _keep(self, copy: Path, path: Path) -> None:
        try:
            os.link(copy, path)
        except FileExistsError:
            if self.is_whole(path.name):
                os.utime(path)  # taken anew: `forget_unused` counts from here
            else:
                whole = f"{copy}.whole"
                os.link(copy, whole)
                os.replace(whole, path)
        _sync_directory(self.directory)


def _check_file(found: os.stat_result, name: str, *, executable: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise ProgramRejected(f"{name} is {kind}, not a file", hint="help files")
    if found.st_size > SIZE_LIMIT_BYTES:
        raise ProgramRejected(
            f"{name} has {found.st_size >> 20}M, more than {SIZE_LIMIT_BYTES >> 20}M", hint="help files"
        )
    if executable and not found.st_size:
        raise ProgramRejected(f"{name} is empty", hint="help files")
    if executable and not found.st_mode & 0o111:
        raise ProgramRejected(
            f"{name} may not be executed: it lacks the run bit", hint=f"chmod +x {quote(name)}"
        )


def _copy(source: int, target: IO[bytes], size: int) -> str:
    """Return the sha256 of what was copied: the size that the file has, and a byte more if it has one.

    The files of /proc say that they are empty and are not: the byte more gives them away.
    """
    digest, offset = sha256(), 0
    while chunk := os.pread(source, min(CHUNK_BYTES, size + 1 - offset), offset):
        digest.update(chunk)
        target.write(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def _is_same(before: os.stat_result, after: os.stat_result) -> bool:
    def version(found: os.stat_result) -> tuple[int, int, int]:
        return (found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    return version(before) == version(after)


def _is_old(path: Path, now: float) -> bool:
    try:
        return path.stat().st_mtime < now - UNUSED_FOR_S
    except FileNotFoundError:
        return False


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
