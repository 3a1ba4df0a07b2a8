"""A command inside a worker, as the manager hands it over: what is asked of it, and what its socket carries.

`exec` is asked several times. Without `execution` among its parameters it makes the command and answers
with its id; then the same parameters with `execution` say what to do with it:

    {"id": ID, "do": "start"}                               the answer brings a socket: the command's streams
    {"id": ID, "do": "resize", "rows": 24, "columns": 80}   its terminal has this size
    {"id": ID, "do": "hang-up"}                             nobody listens any more: it gets a SIGHUP
    {"id": ID, "do": "wait"}                                answers with its exit code, once it has ended

The engine keeps the command, not the manager: it goes on when the manager dies, and the next manager
answers for it. With a terminal the socket carries plain bytes both ways. Without one, what comes are
frames: the number of the stream (1 stdout, 2 stderr), three zero bytes, a length of four bytes, the bytes.
What is sent is the command's stdin; shutting down the sending side is its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from manager.api.cite import cited
from manager.api.errors import CloudError

Stream = Literal["stdout", "stderr"]
NOT_RUNNABLE, NOT_FOUND = 126, 127

_HEADER_BYTES = 8
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_REFUSALS = (b"OCI runtime exec failed: ", b"unable to find user ", b"unable to find group ")
_LONGEST_REFUSAL_BYTES = 4096
_MISSING = ("executable file not found", "no such file or directory")


@dataclass(slots=True)
class Frames:
    """Cuts what arrives into the pieces of the two streams; a piece may be given out in parts."""

    _header: bytearray = field(default_factory=bytearray)
    _stream: Stream = "stdout"
    _left: int = 0

    def feed(self, arrived: bytes) -> Iterator[tuple[Stream, bytes]]:
        """Yield what the bytes bring for each stream, in order."""
        at = 0
        while at < len(arrived):
            if self._left:
                piece = arrived[at : at + self._left]
                self._left -= len(piece)
                at += len(piece)
                yield self._stream, piece
                continue
            taken = arrived[at : at + _HEADER_BYTES - len(self._header)]
            self._header += taken
            at += len(taken)
            if len(self._header) == _HEADER_BYTES:
                self._stream = _STREAMS.get(self._header[0], "stdout")
                self._left = int.from_bytes(self._header[4:], "big")
                self._header.clear()


@dataclass(slots=True)
class Refusal:
    """Keeps back what may be the engine's word that the command never ran, until more says that it did.

    The engine writes that into the stdout of the command, where a program would read it as a result.
    """

    _kept: bytearray = field(default_factory=bytearray)
    _decided: bool = False

    def pass_on(self, piece: bytes) -> bytes:
        """Return what can be written now."""
        if self._decided:
            return piece
        self._kept += piece
        if len(self._kept) <= _LONGEST_REFUSAL_BYTES and _may_refuse(bytes(self._kept)):
            return b""
        self._decided = True
        return self.rest()

    def rest(self) -> bytes:
        """Return what was kept back, once."""
        kept = bytes(self._kept)
        self._kept.clear()
        return kept


def _may_refuse(said: bytes) -> bool:
    return any(said[: len(start)] == start[: len(said)] for start in _REFUSALS)


def refusal_of(said: bytes, exit_code: int, worker: str, command: str) -> tuple[CloudError, int] | None:
    """Return the error and the exit code for a command that never ran; None when it did.

    said: what was kept back of its output.  The exit codes are those of a POSIX shell and of docker.
    """
    words = " ".join(said.decode(errors="replace").split()).removesuffix(": unknown")
    if exit_code not in (NOT_RUNNABLE, NOT_FOUND) or not said.startswith(_REFUSALS):
        return None
    if found := re.search(r'chdir to cwd \("(.*)"\)', words):
        told, hint = f"{worker} has no directory {found[1]}", f"exec {worker} ls -l /"
        return CloudError(told, hint=hint, word=found[1]), NOT_RUNNABLE
    if found := re.search(r"unable to find (user|group) ([^:]+):", words):
        told, hint = f"{worker} has no {found[1]} {cited(found[2])}", f"exec {worker} cat /etc/passwd"
        return CloudError(told, hint=hint, word=found[2]), NOT_RUNNABLE
    reason = words.rpartition(": ")[2]
    if any(missing in words for missing in _MISSING):
        return CloudError(
            f"{worker} has no command {cited(command)}", hint=f"exec {worker} ls /bin", word=command
        ), NOT_FOUND
    told, hint = f"{worker} cannot run {cited(command)}: {reason}", f"exec {worker} ls -l {command}"
    return CloudError(told, hint=hint, word=command), NOT_RUNNABLE
