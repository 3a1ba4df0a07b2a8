"""What is typed becomes a script: `record FILE`, until `record off` or the shell ends."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

_ABOUT_ITSELF = ("record", "exit", "quit")


@dataclass(slots=True)
class Recording:
    """A script that grows; only commands that went well are in it."""

    path: str
    file: TextIO

    def add(self, verb: str, text: str) -> None:
        if verb not in _ABOUT_ITSELF:
            self.file.write(f"{text}\n")
            self.file.flush()

    def end(self) -> None:
        self.file.close()


def begin(path: str) -> Recording:
    """Return a recording into a new file, its owner's alone; raises CloudError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        from shell.file_errors import unwritable  # a recording that begins does without

        raise unwritable("record", path, error) from error
    return Recording(path, os.fdopen(descriptor, "w"))
