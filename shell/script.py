"""Scripts: bytes to lines of text with their places, and lines to statements carried out one by one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from manager.api.errors import CloudError, UsageError
from shell import statements
from shell.language import scanner
from shell.outcome import INTERRUPTED
from shell.place import Origin, Place

if TYPE_CHECKING:
    from shell.session import Session

MAX_DEPTH = 16
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line with those that continue it, and the number of the first."""

    text: str
    number: int


class LineUnreadable(UsageError):
    """A line that is no text, with its number."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message, hint="scripts are UTF-8 text")
        self.number = number


def lines(raw: Iterable[bytes]) -> Iterator[Line]:
    """Give the lines of a script, each as soon as it is whole; raises LineUnreadable.

    A byte order mark and CRLF are accepted; a last backslash continues a line, and so does an open quote.
    """
    texts = (
        (number, _decoded(line.removeprefix(_BOM) if number == 1 else line, number))
        for number, line in enumerate(raw, start=1)
    )

    def following() -> str | None:
        _, text = next(texts, (0, None))
        return text

    for number, text in texts:
        yield Line(scanner.joined(text, following), number)


def _decoded(line: bytes, number: int) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise LineUnreadable(f"byte {error.start + 1} of the line is not UTF-8", number) from None
    if "\0" in text:
        raise LineUnreadable("the line contains a NUL byte", number)
    return text.removesuffix("\n").removesuffix("\r")


def run(session: Session, source: Iterable[Line], name: str) -> int:
    """Carry out lines as they come and return the script's exit code.

    That of the first failure, which ends it; with errexit off it goes on and the code is 1 at the end.
    """
    failed = False
    try:
        for line in source:
            code = statements.execute(session, line.text, Origin(name, line.number))
            if code == INTERRUPTED or (code and session.options.errexit):
                return code
            failed = failed or code != 0
            if session.leaving:
                break
    except LineUnreadable as error:
        return session.tell(error, Place(where=f"{name}:{error.number}: "))
    return 1 if failed else 0


def run_whole(session: Session, raw: Iterable[bytes], name: str, *, check_only: bool = False) -> int:
    """Read a script to its end, check every statement, and only then carry it out."""
    try:
        source = list(lines(raw))
    except LineUnreadable as error:
        return session.tell(error, Place(where=f"{name}:{error.number}: "))
    code = _check(session, source, name)
    return code if code or check_only else run(session, source, name)


def run_file(session: Session, path: str, *, check_only: bool = False) -> int:
    """Carry out a script file; raises CloudError for one that cannot be read or runs itself."""
    place = Path(os.path.realpath(path))  # Path.resolve raises its own of a link to itself
    if place in session.sourcing:
        raise CloudError(f"{path} sources itself", hint=f"cat {path}", word=path)
    if len(session.sourcing) >= MAX_DEPTH:
        raise CloudError(
            f"scripts source scripts more than {MAX_DEPTH} deep at {path}", hint=f"cat {path}", word=path
        )
    try:
        with open(path, "rb") as file:  # not the resolved one: /dev/fd/63 is fine to open only
            raw = file.readlines()
    except (OSError, ValueError) as error:
        from shell.file_errors import unreadable  # scripts that are there do without

        told = unreadable(path, error)
        raise UsageError(told.message, hint=told.hint) from error
    session.sourcing.append(place)
    try:
        return run_whole(session, raw, place.name, check_only=check_only)
    finally:
        session.sourcing.pop()


def _check(session: Session, source: Sequence[Line], name: str) -> int:
    """Tell the first statement that cannot be right, and return its exit code, or 0."""
    for line in source:
        code = statements.check(session, line.text, Origin(name, line.number))
        if code:
            return code
    return 0
