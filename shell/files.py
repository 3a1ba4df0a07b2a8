"""The files of this machine that `run` hands over: opened here, as the person who asked.

The manager gets descriptors, never paths: it cannot be made to read what its caller may not.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from manager.api import values
from manager.api.errors import ProgramRejected, UsageError
from manager.api.typed import Params
from manager.api.wire import MAX_FILES
from shell.file_errors import MORE, unreadable, unwritable
from shell.language.parsing import texts
from shell.language.quoting import quote

_HERE = ("./", "../")


@dataclass(frozen=True, slots=True)
class Handed:
    """An open file and what it is for: `destination` is where a copy goes, "" for the command."""

    descriptor: int
    word: str
    role: str
    destination: str = ""

    @property
    def place(self) -> str:
        """Where the workers have it; "" for a command that their image may have itself."""
        return self.destination or (in_app(self.word) if is_here(self.word) else "")

    def described(self) -> dict[str, str]:
        """Return what the request says about it."""
        there = {"destination": self.destination} if self.destination else {}
        return {"word": self.word, "role": self.role, **there}


def in_app(path: str) -> str:
    """Return where the workers have a file of this machine, unless another place is said."""
    return f"/app/{PurePosixPath(path).name}"


def is_here(word: str) -> bool:
    """Tell whether a command names a file of this machine, whatever the image has."""
    return word.startswith(_HERE)


def is_path(word: str) -> bool:
    """Tell whether a word is a path and no mere name."""
    return word.startswith((*_HERE, "/"))


@contextmanager
def opened(params: Params) -> Iterator[list[Handed]]:
    """Give the open files that a command hands over; closes them afterwards.

    A backup is in its place once it is whole; one that failed is gone, and what was in its place is there.
    Raises ProgramRejected for what cannot be handed over, UsageError for a copy that says no good place.
    """
    handed: list[Handed] = []
    try:
        handed += _state_files(params)
        command = texts(params, "command")
        copies = [split_copy(copy) for copy in texts(params, "copy")]
        if command and command[0] not in (destination for _, destination in copies):
            handed += _command(command[0])
        for source, destination in copies:
            handed.append(Handed(_open(source), source, "copy", destination))
            if len(handed) > MAX_FILES:
                raise UsageError(f"more than {MAX_FILES} files", hint="put them into an image")
        with _told_of_both(command):
            yield handed
        _put_in_place(params, handed)
    except BaseException:
        if handed:
            _withdraw(params)
        raise
    finally:
        for file in handed:
            os.close(file.descriptor)


@contextmanager
def _told_of_both(command: Sequence[str]) -> Iterator[None]:
    """Say of a path that the image lacks also why no file of this machine was taken for it."""
    try:
        yield
    except ProgramRejected as error:
        if command and command[0].startswith("/"):
            try:
                os.close(_open(command[0]))
            except ProgramRejected as here:
                error.message += f", and here {here.message}"
        raise


def _state_files(params: Params) -> Iterator[Handed]:
    """Yield the file that `backup` writes, for its owner alone, or the one that `restore` reads."""
    written, read = params.get("file"), params.get("backup")
    if isinstance(written, str):
        try:
            _require_replaceable(written)
            yield Handed(_drafted(written), written, "copy", "/backup")
        except OSError as error:
            raise unwritable("backup", written, error) from error
    if isinstance(read, str):
        yield Handed(_open(read), read, "copy", "/backup")


def _require_replaceable(path: str) -> None:
    """Raise OSError where there is something else than a regular file, or the path says so."""
    if os.path.isdir(path) or path.endswith("/"):
        raise IsADirectoryError
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is not a regular file")


def _draft(path: str) -> str:
    """Return where a backup is before it is in its place, which a link may name: beside that."""
    return f"{os.path.realpath(path)}.{os.getpid()}.part"


def _drafted(path: str) -> int:
    """Return the open file in which a backup grows: without a name, so that a killed one leaves nothing.

    Where the file system has no such files, as NFS, it has the name of the draft.  Raises OSError.
    """
    how = os.O_RDWR | os.O_CLOEXEC
    with suppress(OSError):
        return os.open(os.path.dirname(os.path.realpath(path)), how | os.O_TMPFILE, 0o600)
    return os.open(_draft(path), how | os.O_CREAT | os.O_EXCL, 0o600)


def _put_in_place(params: Params, handed: Sequence[Handed]) -> None:
    written = params.get("file")
    if isinstance(written, str):
        drafted = handed[0].descriptor
        try:
            if not os.fstat(drafted).st_nlink:  # it cannot get a name that is taken: hence two steps
                # told where to begin, the call follows the link to what is open
                os.link(f"/proc/self/fd/{drafted}", _draft(written), src_dir_fd=drafted)
            os.replace(_draft(written), os.path.realpath(written))
        except OSError as error:
            raise unwritable("backup", written, error) from error


def _withdraw(params: Params) -> None:
    """Remove what `backup` did not finish."""
    written = params.get("file")
    if isinstance(written, str):
        with suppress(OSError):
            os.unlink(_draft(written))


def beside(word: str) -> bool:
    """Tell whether a command that the image is to have is a file here, too, in or below this directory."""
    return not is_path(word) and os.path.isfile(word)


def split_copy(copy: str) -> tuple[str, str]:
    """Return the source and the destination of SRC[:DST]; DST is absolute, by default /app/NAME."""
    source, colon, destination = copy.rpartition(":")
    if not colon:
        return copy, in_app(copy)
    if destination.endswith("/"):
        destination += PurePosixPath(source).name
    try:
        return source, str(values.absolute_path(destination))
    except ValueError as error:
        hint = f"run --copy {quote(f'{source}:{in_app(source)}')} ..."
        raise UsageError(f"--copy {copy}: {error}", hint=hint, word=copy) from None


def _command(word: str) -> list[Handed]:
    """Return the file that the command is, if it is one: ./x and ../x always, /x where it is here."""
    if word.startswith("/"):
        return _command_of_image(word)
    if not is_here(word):
        return []
    descriptor = _open(word)
    if not os.fstat(descriptor).st_mode & 0o111:
        os.close(descriptor)
        raise ProgramRejected(f"{word} has no run bit", hint=f"chmod +x {quote(word)}")
    return [Handed(descriptor, word, "command")]


def _command_of_image(word: str) -> list[Handed]:
    """Return the file at an absolute path, for an image that lacks it; the image may well have it."""
    try:
        return [Handed(_open(word), word, "command")]
    except ProgramRejected:
        return []


def _open(path: str) -> int:
    """Return a descriptor of a regular file; never waits, as opening a FIFO would."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ProgramRejected(f"{path} is {_sort_of(mode)}, not a regular file", hint=MORE)
    return descriptor


def _sort_of(mode: int) -> str:
    names = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((name for matches, name in names if matches(mode)), "a device")
