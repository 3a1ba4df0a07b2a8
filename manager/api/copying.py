"""What `cp SRC DST` means: which side is a worker's, and where things go. Pure.

A worker's side is TARGET:PATH; what starts with / or . is of this machine, whatever colons it has. The
rules for what is there already are docker's: into a directory, over a file, or under the new name.

`cp` is asked in steps, each with the words of the command:

    {"do": "look", "path": PATH}         what is at a path inside the worker, links followed
    {"do": "read", "path": PATH}         the file that goes with the request gets a tar archive of it
    {"do": "write", "path": DIRECTORY}   the archive that goes with the request is unpacked there
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from manager.api import values
from manager.api.cite import cited
from manager.api.errors import CloudError, NotAllowed, UsageError

EXAMPLE = "cp ./file web.1:/tmp/file"
MAX_COPY_BYTES = 8 << 30
_SHADOWED = ("dev", "proc", "sys")  # Docker would write below what is mounted there, and tell of success
STREAM = "-"  # for a path of this machine: a tar archive on standard input or output


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy between `here`, a path of this machine, and `inside`, an absolute one in the worker `target`."""

    here: str
    target: str
    inside: str
    inwards: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a destination: its path once links are followed; neither kind when nothing is."""

    path: str
    is_directory: bool = False
    is_file: bool = False


def copy_of(source: str, destination: str) -> Copy:
    """Return the copy that two words ask for; raises UsageError, or NotAllowed where it would be lost."""
    there, here = _inside(source), _inside(destination)
    if there and here:
        raise UsageError(
            "cp copies between this machine and a worker, not between workers", hint=f"cp {source} ./file"
        )
    if not there and not here:
        raise UsageError(
            f"neither {cited(source)} nor {cited(destination)} is a path in a worker such as web.1:/tmp/file",
            hint=f"cp {source} web.1:/tmp/{posixpath.basename(source.rstrip('/')).removeprefix(STREAM)}",
        )
    target, path = there or here or ("", "")
    if not path:
        name = posixpath.basename(source.rstrip("/")) or "file"
        words = f"{target}:/tmp/file {destination}" if there else f"{source} {target}:/tmp/{name}"
        raise UsageError(f"{cited(target + ':')} has no path", hint=f"cp {words}")
    inside = posixpath.join("/", path)
    top = posixpath.normpath(inside).lstrip("/").partition("/")[0]
    if here and top in _SHADOWED:
        raise NotAllowed(
            f"/{top} is the kernel's in each worker: what is copied there would be seen by none",
            hint=f"cp {source} {target}:/tmp/",
            word=destination,
        )
    return Copy(destination if there else source, target, inside, inwards=not there)


def _inside(word: str) -> tuple[str, str] | None:
    """Return the target and the path, if any, of TARGET:PATH, None for a path of this machine."""
    target, colon, path = word.partition(":")
    if not colon or word.startswith(("/", ".")):
        return None
    try:
        values.target(target)
    except ValueError as error:
        raise UsageError(f"{error}; a file of this machine is ./{word}", hint=EXAMPLE) from None
    return target, path


def means_contents(source: str) -> bool:
    """Tell whether a directory's contents are meant, and not the directory: `dir/.`."""
    return source == "." or source.endswith("/.")


def follows(source: str) -> bool:
    """Tell whether a link at the source is followed because of how the source is written: `dir/`."""
    return source.endswith("/") or means_contents(source)


def placed(source: str, destination: str, found: Found, on: str, *, is_directory: bool) -> str:
    """Return the path that the copy will have; raises CloudError when it cannot be there.

    found: what is at the destination.  on: what makes a command look there, such as "exec web.1 ", or "".
    """
    if found.is_directory:
        if is_directory and means_contents(source):
            return found.path
        name = posixpath.basename(posixpath.normpath(source))
        return posixpath.join(found.path, name) if name not in ("", ".", "..") else found.path
    if found.is_file and is_directory:
        raise CloudError(
            f"{destination} is a file: a directory cannot replace it",
            hint=f"{on}ls -l {destination}" if on else "help cp",
        )
    if not is_directory and destination.endswith("/"):
        raise CloudError(f"there is no directory {destination}", hint=f"{on}mkdir -p {destination}")
    return found.path.rstrip("/") or "/"
