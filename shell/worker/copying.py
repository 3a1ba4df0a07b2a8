"""`cp`: files between this machine and a worker, read and written here as the person who asked.

Only archives travel, whole: one out of a worker is taken apart in the directory that it goes to, or beside
its new name, and moved into place at the end, so that an error leaves what was there before.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from manager.api.command import Command
from manager.api.copying import STREAM, Copy, Found, copy_of, follows, placed
from manager.api.errors import CloudError, ProgramRejected
from manager.api.typed import Params
from shell.file_errors import unreadable
from shell.text.document import Document
from shell.worker import archives, packing

if TYPE_CHECKING:
    from shell.session import Session


@dataclass(frozen=True, slots=True)
class _Copying:
    """One `cp`: its words, and the manager to ask."""

    session: Session
    params: Params
    copy: Copy

    @property
    def follow(self) -> bool:
        return self.params.get("follow_link") is True or follows(str(self.params["src"]))

    def ask(self, do: str, path: str, descriptors: Sequence[int] = ()) -> Document:
        step = {**self.params, "step": {"do": do, "path": path}}
        return self.session.client.call("cp", step, descriptors)

    def look(self, path: str) -> Found:
        """Return what is at a path inside the worker."""
        seen = self.ask("look", path)
        return Found(str(seen.get("path")), seen.get("directory") is True, seen.get("file") is True)

    def no_directory(self, path: str) -> CloudError:
        target = self.copy.target
        return CloudError(f"there is no directory {path} in {target}", hint=f"exec {target} mkdir -p {path}")


def copy(session: Session, row: Command, params: Params) -> None:
    """Copy as two words ask for; raises CloudError."""
    source, destination = str(params["src"]), str(params["dst"])
    asked = _Copying(session, params, copy_of(source, destination))
    if STREAM in (source, destination):
        session.need_cloud()
        (_stream_in if asked.copy.inwards else _stream_out)(asked)
    elif asked.copy.inwards:
        local = _source(asked, source)
        session.need_cloud()
        _copy_in(asked, local, source)
    else:
        session.need_cloud()
        _copy_out(asked, destination)


def _stream_in(asked: _Copying) -> None:
    """Unpack the archive of standard input into a directory of the worker."""
    copy = asked.copy
    with archives.given(asked.session, copy) as archive:
        found = asked.look(copy.inside)
        if not found.is_directory:
            raise asked.no_directory(copy.inside)
        asked.ask("write", found.path, [archive.fileno()])
    asked.session.say(f"unpacked standard input in {copy.target}:{found.path}")


def _stream_out(asked: _Copying) -> None:
    """Write what is at a path of the worker to standard output, as an archive."""
    archives.refuse_terminal(asked.session, asked.copy)
    path = posixpath.normpath(asked.copy.inside)
    found = asked.look(path)
    with tempfile.TemporaryFile() as archive:
        asked.ask("read", found.path if asked.follow else path, [archive.fileno()])
        archives.put_out(asked.session, archive)


def _source(asked: _Copying, source: str) -> str:
    """Return the path to read here; raises ProgramRejected for one that cannot be copied."""
    path = os.path.realpath(source) if asked.follow else source
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        raise unreadable(source, error) from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise ProgramRejected(f"{source} is neither a file nor a directory", hint="help cp")
    return path


def _copy_in(asked: _Copying, local: str, source: str) -> None:
    copy = asked.copy
    is_directory = os.path.isdir(local) and not os.path.islink(local)
    found = asked.look(copy.inside)
    path = placed(source, copy.inside, found, f"exec {copy.target} ", is_directory=is_directory)
    # what is there already and is the place itself is unpacked into; else its parent is
    directory, name = posixpath.split(path)
    if path == found.path and found.is_directory:
        directory, name = path, "."
    elif not asked.look(directory).is_directory:
        raise asked.no_directory(directory)
    with tempfile.TemporaryFile() as archive:
        with packing.said_by_system(f"an archive in {tempfile.gettempdir()}", "df -h /tmp"):
            packing.pack(local, name, archive)
        asked.ask("write", directory, [archive.fileno()])
    asked.session.say(f"copied {source} to {copy.target}:{path}")


def _copy_out(asked: _Copying, destination: str) -> None:
    copy = asked.copy
    found = asked.look(posixpath.normpath(copy.inside))
    path = found.path if asked.follow else posixpath.normpath(copy.inside)
    here = _found_here(destination)
    target = placed(copy.inside, destination, here, "", is_directory=found.is_directory)
    parent = here.path if here.is_directory else os.path.dirname(os.path.abspath(target))
    if not os.path.isdir(parent):
        raise CloudError(f"there is no directory {parent}", hint=f"mkdir -p {parent}")
    with packing.said_by_system(destination, "help cp"), _workplace(parent) as place:
        with tempfile.TemporaryFile(dir=place) as archive:
            asked.ask("read", path, [archive.fileno()])
            made = Path(place) / "made"
            left_out = _unpack(asked, archive, path, made)
        packing.move(made, Path(target))
    for name in left_out:
        asked.session.note(f"{name} was left out: it is neither a file nor a directory")
    if os.path.islink(target) and not os.path.exists(target):
        asked.session.note(f"{target} is a link that leads to nothing here: cp -L copies what it leads to")
    asked.session.say(f"copied {copy.target}:{copy.inside} to {target}")


def _unpack(asked: _Copying, archive: IO[bytes], path: str, made: Path) -> list[str]:
    """Make at `made` what came out of the worker, and return what was left out."""
    try:
        left_out = packing.unpack(archive, posixpath.basename(path), made)
    except CloudError as error:
        raise CloudError(error.message, hint=f"exec {asked.copy.target} ls -la {path}") from error
    if not os.path.lexists(made):
        raise CloudError(
            f"{asked.copy.target}:{path} is neither a file nor a directory",
            hint=f"exec {asked.copy.target} ls -l {path}",
        )
    return left_out


def _found_here(destination: str) -> Found:
    """Return what is at a destination of this machine; raises CloudError for a device and its like."""
    try:
        mode = os.stat(destination).st_mode
    except FileNotFoundError:
        return Found(destination)
    except OSError as error:
        raise unreadable(destination, error) from error
    if stat.S_ISDIR(mode):
        return Found(os.path.realpath(destination), is_directory=True)
    if not stat.S_ISREG(mode):
        raise CloudError(f"{destination} is neither a file nor a directory", hint="help cp")
    return Found(os.path.realpath(destination), is_file=True)


@contextmanager
def _workplace(parent: str) -> Iterator[str]:
    """Give a directory on the file system of the destination, gone afterwards.

    Not by TemporaryDirectory: in Python 3.11 its end may change the mode of what a link in it leads to.
    """
    place = tempfile.mkdtemp(prefix=".simplecloud-cp-", dir=parent)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
