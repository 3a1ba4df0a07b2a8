"""Logs and events: answers of Docker that last until another thread ends them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal, Self

from manager.api.errors import EngineError
from manager.engine.connection import Connection, Stream
from manager.engine.containers import LogLine
from manager.engine.decode import unix_time

_log = logging.getLogger(__name__)

_HEADER_BYTES = 8
_LONGEST_LINE_BYTES = 1 << 18
_STREAM_NAMES: Mapping[int, Literal["stdout", "stderr"]] = {1: "stdout", 2: "stderr"}

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_JOIN_S = 5.0


class DockerLogs:
    """The lines of one container. See LogStream for what holds."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[LogLine]:
        yield from lines_of(self._stream.read)

    def close(self) -> None:
        self._stream.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.release()


def lines_of(read: Callable[[int], bytes]) -> Iterator[LogLine]:
    """Yield the lines in Docker's frames: a stream's number, a length, then a time and the text.

    Docker cuts lines at 16 KiB; they are put together again, up to 256 KiB.  What it says itself, such as
    that the log is damaged, has another number and no time: it counts as stderr, at the time of the line
    before.  A frame that is cut short ends the lines.
    """
    begun: dict[int, LogLine] = {}
    last_at = 0.0
    while (frame := _frame(read)) is not None:
        number, said = frame
        at, text = _timed(said)
        last_at = at or last_at
        stream = _STREAM_NAMES.get(number, "stderr") if at else "stderr"
        before = begun.pop(number, None)
        text_so_far = text.removesuffix("\n")
        line = LogLine(last_at, stream, text_so_far)
        if before is not None:
            line = replace(before, text=before.text + text_so_far)
        if text.endswith("\n") or len(line.text) > _LONGEST_LINE_BYTES:
            yield line
        else:
            begun[number] = line
    yield from begun.values()


def _frame(read: Callable[[int], bytes]) -> tuple[int, str] | None:
    """Return the next frame's number and what it says, None at the end."""
    header = read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None
    length = int.from_bytes(header[4:], "big")
    said = read(length)
    return (header[0], said.decode(errors="replace")) if len(said) == length else None


def _timed(said: str) -> tuple[float | None, str]:
    """Return when something was written, and what; None and all of it where no time is told."""
    time, _, text = said.partition(" ")
    try:
        return unix_time(time), text
    except ValueError:
        return None, said


class DockerWatch:
    """A thread that tells when a container changed, when Docker went away, and when it is back.

    Events carry nothing: `changed` means "look again", so one that is missed costs only time.
    """

    def __init__(
        self, connection: Connection, filters: Mapping[str, str], changed: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._filters = filters
        self._changed = changed
        self._closing = threading.Event()
        self._stream: Stream | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._thread = threading.Thread(target=self._run, name="docker-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        stream = self._stream
        if stream:
            stream.end()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._follow()
            except EngineError as error:
                _log.warning("%s; trying again in %.1f s", error.message, self._pause_s)
            self._closing.wait(self._pause_s)
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _follow(self) -> None:
        """Tell of events until they end; Docker ends them without an error when it restarts."""
        stream = self._connection.stream("follow docker's events", "/events", self._filters)
        self._stream = stream
        self._pause_s = _FIRST_PAUSE_S
        try:
            # `close` sets the flag before it looks for a stream to end, so one of the two ends this one.
            if not self._closing.is_set():
                self._changed()
                for _ in stream.pieces():
                    self._changed()
        finally:
            self._stream = None
            stream.release()
            if not self._closing.is_set():
                self._changed()  # Docker has gone, and whoever looks again sees that
