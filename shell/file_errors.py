"""What is told of a path of this machine that cannot be read or written, with the one that was meant."""

from __future__ import annotations

import os

from manager.api.errors import CloudError, ProgramRejected
from manager.api.suggest import did_you_mean
from shell.language.quoting import quote

MORE = "help files"


def unreadable(path: str, error: OSError | ValueError) -> ProgramRejected:
    """Return the error for a path that cannot be opened, with the name that was meant where it is missing."""
    match error:
        case FileNotFoundError():
            return _missing(path)
        case PermissionError():
            return ProgramRejected(f"you may not read {path}", hint=MORE)
        case IsADirectoryError():
            return ProgramRejected(f"{path} is a directory, not a regular file", hint=MORE)
        case _:
            return ProgramRejected(f"cannot open {path}: {_reason(error)}", hint=MORE)


def unwritable(writes: str, path: str, error: OSError) -> CloudError:
    """Return the error for a path where the command `writes` cannot make a file, with one where it may."""
    directory, name = os.path.split(path)
    free, reason = name, _reason(error)
    match error:
        case FileExistsError() if os.path.isdir(path):
            free, reason = "", "it is a directory"
        case FileExistsError():
            free = f"{path.rstrip('/')}.new"
        case FileNotFoundError() if name and not os.path.isdir(directory or "."):
            reason = f"there is no directory {directory or '.'}"
        case IsADirectoryError():
            free, reason = "", "it is a directory"
    hint = f"{writes} {quote(free)}" if free not in ("", path) else f"help {writes.split()[0]}"
    return CloudError(f"cannot write {path}: {reason}", hint=hint, word=path)


def _missing(path: str) -> ProgramRejected:
    if os.path.islink(path):
        return ProgramRejected(f"{path} is a link to nothing", hint=MORE)
    directory, name = os.path.split(path)
    try:
        beside = os.listdir(directory or ".")
    except OSError:
        return ProgramRejected(f"there is no directory {directory}", hint=MORE, word=path)
    guess = did_you_mean(name, beside)
    if guess is None:
        return ProgramRejected(f"there is no file {path}", hint=MORE)
    return ProgramRejected(
        f"there is no file {path}", hint=f"did you mean {quote(os.path.join(directory, guess))}?"
    )


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
