"""`cp` with - for a path of this machine: a tar archive from standard input, or on standard output."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from manager.api.copying import MAX_COPY_BYTES, STREAM, Copy
from manager.api.errors import CloudError, UsageError
from shell.worker import packing

if TYPE_CHECKING:
    from shell.session import Session

_CHUNK_BYTES = 1 << 20


@contextmanager
def given(session: Session, copy: Copy) -> Iterator[IO[bytes]]:
    """Lend a file with the archive of standard input; raises CloudError where none comes."""
    hint = f"tar -c FILE | simplecloud cp {STREAM} {copy.target}:{copy.inside}"
    if session.stdin is None:
        raise UsageError("cp: a script has no standard input to read an archive from", hint=hint)
    if session.stdin.isatty():
        raise UsageError("cp: a terminal gives no archive", hint=hint)
    with tempfile.TemporaryFile() as archive:
        with packing.said_by_system(f"an archive in {tempfile.gettempdir()}", "df -h /tmp"):
            _take(session.stdin.buffer, archive, hint)
        yield archive


def _take(source: IO[bytes], archive: IO[bytes], hint: str) -> None:
    """Copy all of the source; raises CloudError when that is no archive."""
    while chunk := source.read(_CHUNK_BYTES):
        archive.write(chunk)
        if archive.tell() > MAX_COPY_BYTES:
            raise CloudError(f"the archive has more than {MAX_COPY_BYTES >> 20}M", hint="copy a part of it")
    archive.flush()
    archive.seek(0)
    try:
        with tarfile.open(fileobj=archive, mode="r:*") as tar:
            tar.next()
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:  # EOFError: it breaks off
        raise CloudError("standard input has no tar archive", hint=hint) from error


def refuse_terminal(session: Session, copy: Copy) -> None:
    """Raise UsageError where an archive would end up on a screen or in text."""
    if session.out.isatty() or not hasattr(session.out, "buffer"):
        raise UsageError(
            "cp: an archive is nothing to show",
            hint=f"simplecloud cp {copy.target}:{copy.inside} {STREAM} > FILE.tar",
        )


def put_out(session: Session, archive: IO[bytes]) -> None:
    """Standard output has the archive, whole."""
    archive.seek(0)
    session.out.flush()
    shutil.copyfileobj(archive, session.out.buffer)
    session.out.buffer.flush()
