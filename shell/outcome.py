"""How a statement may end, besides well or with an error of the cloud."""

from __future__ import annotations

from manager.api.errors import CloudError

INTERRUPTED = 130


class Told(Exception):
    """A statement failed and the person knows why already; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class Interrupted(CloudError):
    """The person pressed ^C: the shell no longer waits; the message says what becomes of the command."""

    kind = "interrupted"
    exit_code = INTERRUPTED
