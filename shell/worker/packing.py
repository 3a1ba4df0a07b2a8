"""Archives of `cp`: made from files of this machine, and taken apart into files of this machine.

An archive comes out of a worker, whose program may have written anything: no name in it leads out of the
place that is made for it, links are made last so that nothing is written through them, and what is neither
file, directory nor link is left out.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from manager.api.cite import cited
from manager.api.errors import CloudError, ProgramRejected


def pack(source: str, name: str, into: IO[bytes]) -> None:
    """Write the file or directory as an archive in which it is called `name` and belongs to root."""
    try:
        with tarfile.open(fileobj=into, mode="w") as archive:
            archive.add(source, arcname=name, filter=_packed)
    except PermissionError as error:
        raise ProgramRejected(f"you may not read {error.filename}", hint="help cp") from error
    except OSError as error:
        told = error.strerror or str(error)
        raise ProgramRejected(f"cannot read {source}: {told}", hint="help cp") from error
    into.flush()


def _packed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member if member.isreg() or member.isdir() or member.issym() or member.islnk() else None


@dataclass(slots=True)
class _Unpacking:
    """One archive being taken apart at `place`, which does not exist yet; `root` is its first name.

    left_out: names of what is no file, directory or link.
    """

    archive: tarfile.TarFile
    root: str
    place: Path
    left_out: list[str] = field(default_factory=list)
    _links: list[tuple[Path, str]] = field(default_factory=list)
    _directories: list[tuple[Path, tarfile.TarInfo]] = field(default_factory=list)

    def run(self) -> None:
        """Make everything; raises CloudError for an archive that is not one of what was asked for."""
        for member in self.archive:
            self._make(member, self._path_of(member.name))
        for path, target in self._links:
            path.symlink_to(target)
        for path, member in reversed(self._directories):
            _dress(path, member)

    def _path_of(self, name: str) -> Path:
        """Return where a name of the archive is made; raises CloudError when that is not within the place."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if self.root:
            first, *parts = parts or [""]
            if first != self.root:
                raise _suspicious(name)
        if ".." in parts or "\0" in name:
            raise _suspicious(name)
        return self.place.joinpath(*parts)

    def _make(self, member: tarfile.TarInfo, path: Path) -> None:
        if member.isdir():
            path.mkdir(mode=0o700)
            self._directories.append((path, member))
        elif member.issym():
            self._links.append((path, member.linkname))
        elif member.islnk():
            os.link(self._path_of(member.linkname), path, follow_symlinks=False)
        elif member.isreg():
            self._write(member, path)
        else:
            self.left_out.append(member.name)

    def _write(self, member: tarfile.TarInfo, path: Path) -> None:
        source = self.archive.extractfile(member)
        assert source is not None
        with source, open(path, "xb") as out:
            shutil.copyfileobj(source, out)
        _dress(path, member)


def _dress(path: Path, member: tarfile.TarInfo) -> None:
    """Give a new file or directory its mode, without set-uid and the like, and its time.

    A directory stays open to its owner: who copied it could neither move nor remove it otherwise.
    """
    os.chmod(path, member.mode & 0o777 | (0o700 if member.isdir() else 0))
    os.utime(path, (member.mtime, member.mtime))


def unpack(archive: IO[bytes], root: str, place: Path) -> list[str]:
    """Make at `place` what the archive has under the name `root`, and return what was left out.

    Raises CloudError for an archive that is damaged, or that has more than what was asked for.
    """
    archive.seek(0)
    try:
        with tarfile.open(fileobj=archive, mode="r:") as opened:
            unpacking = _Unpacking(opened, root, place)
            unpacking.run()
    except tarfile.TarError as error:
        raise CloudError(f"the worker's archive cannot be read: {error}", hint="status") from error
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise _suspicious(str(error.filename)) from error
    return unpacking.left_out


def _suspicious(name: str) -> CloudError:
    return CloudError(
        f"the worker's archive has {cited(posixpath.normpath(name))}, "
        "which is not part of what was asked for: nothing was copied"
    )


@contextmanager
def said_by_system(what: str, hint: str) -> Iterator[None]:
    """Turn what this machine refuses into an error of ours."""
    try:
        yield
    except OSError as error:
        raise CloudError(f"cannot write {what}: {error.strerror or error}", hint=hint) from error


def move(made: Path, target: Path) -> None:
    """What was made is at `target`: in one step, or file by file into a directory that is there.

    Raises CloudError, before anything is changed, where something of another kind stands in the way.
    """
    if made.is_symlink() or not made.is_dir() or not os.path.lexists(target):
        _refuse_replacing(made, target)
        os.replace(made, target)
        return
    pairs = list(_pairs(made, target))
    for source, destination in pairs:
        _refuse_replacing(source, destination)
    for source, destination in pairs:
        if source.is_symlink() or not source.is_dir():
            os.replace(source, destination)
        elif not os.path.lexists(destination):
            destination.mkdir()
            os.chmod(destination, stat.S_IMODE(source.stat().st_mode))


def _pairs(made: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield everything that was made with its destination, directories before what is in them."""
    yield made, target
    for entry in sorted(made.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from _pairs(entry, target / entry.name)
        else:
            yield entry, target / entry.name


def _refuse_replacing(made: Path, target: Path) -> None:
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    wants_directory = made.is_dir() and not made.is_symlink()
    if wants_directory != stat.S_ISDIR(mode) or not (
        stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode)
    ):
        raise CloudError(f"{target} is in the way: {_kind_of(mode)}", hint="help cp")


def _kind_of(mode: int) -> str:
    names = ((stat.S_ISDIR, "a directory"), (stat.S_ISREG, "a file"), (stat.S_ISLNK, "a link"))
    return next((name for matches, name in names if matches(mode)), "neither a file nor a directory")
