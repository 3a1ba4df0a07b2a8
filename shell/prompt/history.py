"""What was typed, kept for the next time: readable by its owner only, and without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory

_SECRET = re.compile(r"(PASS|TOKEN|SECRET|API_?KEY|PRIVATE_?KEY|CREDENTIAL)[A-Z0-9_]*=", re.IGNORECASE)


def keeps(line: str) -> bool:
    """Tell whether a line is kept: not when it begins with a space or holds what looks like a secret."""
    return bool(line.strip()) and not line.startswith(" ") and not _SECRET.search(line)


class PrivateHistory(FileHistory):
    """A history file of mode 0600 that never sees the lines which `keeps` refuses.

    Where it cannot be read or written, lines are remembered until the shell ends.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._usable = _prepared(path)

    def load_history_strings(self) -> Iterable[str]:
        return super().load_history_strings() if self._usable else ()

    def append_string(self, string: str) -> None:
        if keeps(string):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        if self._usable:
            with suppress(OSError):  # a full disk
                super().store_string(string)


def _prepared(path: Path) -> bool:
    """Make the file and its directory, open to their owner only; False when that is not possible."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError:
        return False
    return True
