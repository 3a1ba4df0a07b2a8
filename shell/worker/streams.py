"""The streams of a command inside a worker, joined to those of here, until the command closes them.

Nothing waits for one direction only: a command that writes while it is written to would wait for ever.
"""

from __future__ import annotations

import os
import select
import socket
from codecs import IncrementalDecoder, getincrementaldecoder
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from manager.api.attached import Frames, Refusal

_CHUNK_BYTES = 65536
_DECODER = partial(getincrementaldecoder("utf-8"), errors="replace")


@dataclass(slots=True)
class Streams:
    """One command's streams; `given` is where its stdin comes from, None for nothing.

    tty: the socket carries plain bytes and not frames.  alarm: a descriptor that is readable when the
    terminal has another size; `resized` is called then.
    """

    sock: socket.socket
    given: int | None
    out: TextIO
    err: TextIO
    tty: bool
    alarm: int | None = None
    resized: Callable[[], None] = lambda: None
    refusal: Refusal = field(default_factory=Refusal)
    _frames: Frames = field(default_factory=Frames)
    _decoders: dict[str, IncrementalDecoder] = field(default_factory=lambda: defaultdict(_DECODER))
    _unsent: bytes = b""

    def join(self) -> None:
        """Carry bytes both ways until the command's side ends; raises OSError of `out` and `err`."""
        self.sock.setblocking(False)
        if self.given is None:
            self._end_input()
        while True:
            readable, writable, _ = select.select(self._sources(), [self.sock] if self._unsent else [], [])
            if writable:
                self._send()
            if self.given in readable:
                self._take()
            if self.alarm in readable and self.alarm is not None:
                os.read(self.alarm, _CHUNK_BYTES)
                self.resized()
            if self.sock in readable and not self._show():
                return

    def _sources(self) -> list[socket.socket | int]:
        """Return what to read from: no more input while the last has not been sent."""
        given = [] if self.given is None or self._unsent else [self.given]
        return [self.sock, *given, *([] if self.alarm is None else [self.alarm])]

    def _take(self) -> None:
        assert self.given is not None
        try:
            self._unsent = os.read(self.given, _CHUNK_BYTES)
        except OSError:  # a terminal that is gone
            self._unsent = b""
        if self._unsent:
            self._send()
        else:
            self._end_input()

    def _send(self) -> None:
        try:
            sent = self.sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:  # the command has ended; what it wrote last is still to be read
            self.given, self._unsent = None, b""
            return
        self._unsent = self._unsent[sent:]

    def _end_input(self) -> None:
        self.given = None
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def _show(self) -> bool:
        """Write what the command wrote; False at the end."""
        try:
            arrived = self.sock.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for stream, piece in self._pieces(arrived):
            self._put(stream, piece)
        return bool(arrived)

    def _put(self, stream: str, piece: bytes) -> None:
        """Write a piece, which may begin and end within a character."""
        target = self.err if stream == "stderr" else self.out
        if hasattr(target, "buffer"):
            write(target, piece)
        else:
            target.write(self._decoders[stream].decode(piece))

    def _pieces(self, arrived: bytes) -> Iterator[tuple[str, bytes]]:
        if self.tty:
            yield "stdout", self.refusal.pass_on(arrived)
            return
        for stream, piece in self._frames.feed(arrived):
            yield stream, self.refusal.pass_on(piece) if stream == "stdout" else piece


def write(stream: TextIO, piece: bytes) -> None:
    """Write bytes as they are where the stream takes bytes, else as text."""
    if not piece:
        return
    raw = getattr(stream, "buffer", None)
    if raw is None:
        stream.write(piece.decode(errors="replace"))
        return
    raw.write(piece)
    raw.flush()
