"""A shell whose output a test can read, on the places of a test."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from shell import statements
from shell.dispatch import perform
from shell.session import Session
from tests.fakes.manager import PlacesAt


@dataclass(frozen=True, slots=True)
class Shell:
    """A session with what it printed."""

    session: Session
    out: io.StringIO
    err: io.StringIO

    def run(self, text: str) -> int:
        return statements.execute(self.session, text)


class TerminalText(io.StringIO):
    """What was written to a terminal."""

    def isatty(self) -> bool:
        return True


def shell_at(directory: Path) -> Shell:
    """Return a shell of the cloud whose socket is in `directory`."""
    out, err = io.StringIO(), io.StringIO()
    return Shell(Session(PlacesAt("default", directory=directory), perform, out=out, err=err), out, err)
