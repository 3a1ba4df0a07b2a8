"""A Unix socket before Docker's own: it passes everything on, or not, as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from manager.host.dockerd import SOCKET

CHUNK = 1 << 16
CHANGES = (b"POST ", b"DELETE ", b"PUT ")


class Way(Enum):
    """How Docker fails who goes through.

    AWAY: nothing reaches it.  DEAF: it is not told of changes, and answers questions.  LOST: it makes
    changes, and the connection is cut instead of an answer.  SILENT: it does all that it is told and answers
    nothing, until that is over and the connection is cut.
    """

    AWAY = "away"
    DEAF = "deaf"
    LOST = "lost"
    SILENT = "silent"


@dataclass(eq=False, slots=True)
class Visit:
    """A connection through the door: `inside` is the client's, `outside` leads to Docker."""

    inside: socket.socket
    outside: socket.socket
    changes: bool = False  # the request under way is one for a change
    unanswered: bool = False

    def cut(self) -> None:
        for one in (self.inside, self.outside):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Doorway:
    """Open from `open` to `shut`, but for its ways to fail; each lasts from `fail` to `mend`.

    docker: the socket that it leads to.
    """

    path: Path
    docker: Path
    _ways: list[Way] = field(default_factory=list)
    _visits: set[Visit] = field(default_factory=set)
    _listening: socket.socket = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)

    def open(self) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(128)
        self._begin(threading.Thread(target=self._receive, name="doorway"))

    def shut(self) -> None:
        """Nobody is connected, and nobody can connect; the door can be opened again."""
        self.path.unlink()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        for visit in list(self._visits):
            visit.cut()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def fail(self, way: Way) -> None:
        self._ways.append(way)
        if way is Way.AWAY:
            for visit in list(self._visits):
                visit.cut()

    def mend(self, way: Way) -> None:
        """That failing is over: whoever waits for an answer to what Docker did meanwhile gets none."""
        self._ways.remove(way)
        for visit in list(self._visits):
            if visit.unanswered:
                visit.cut()

    def _begin(self, thread: threading.Thread) -> None:
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _receive(self) -> None:
        with suppress(OSError):  # shut
            while True:
                inside, _ = self._listening.accept()
                self._let_in(inside)

    def _let_in(self, inside: socket.socket) -> None:
        outside = socket.socket(socket.AF_UNIX)
        try:
            outside.connect(str(self.docker))
        except OSError:
            inside.close()
            outside.close()
            return
        visit = Visit(inside, outside)
        self._visits.add(visit)
        self._begin(threading.Thread(target=self._attend, args=[visit], name="visit"))

    def _attend(self, visit: Visit) -> None:
        """Carry both ways until either ends."""
        answers = threading.Thread(target=self._carry_answers, args=[visit], name="answers")
        answers.start()
        self._carry_requests(visit)
        answers.join()
        self._visits.discard(visit)
        visit.inside.close()
        visit.outside.close()

    def _carry_requests(self, visit: Visit) -> None:
        with suppress(OSError):
            while chunk := visit.inside.recv(CHUNK):
                visit.changes = visit.changes or chunk.startswith(CHANGES)
                if Way.AWAY in self._ways or (visit.changes and Way.DEAF in self._ways):
                    visit.cut()
                visit.outside.sendall(chunk)
            visit.outside.shutdown(socket.SHUT_WR)

    def _carry_answers(self, visit: Visit) -> None:
        with suppress(OSError):
            while chunk := visit.outside.recv(CHUNK):
                if visit.changes and Way.LOST in self._ways:
                    visit.cut()
                visit.unanswered = visit.unanswered or Way.SILENT in self._ways
                if not visit.unanswered:
                    visit.changes = False
                    visit.inside.sendall(chunk)
        with suppress(OSError):
            visit.inside.shutdown(socket.SHUT_WR)


@contextmanager
def doorway(directory: Path, docker: Path = SOCKET) -> Iterator[Doorway]:
    """Lend an open door; it is shut afterwards."""
    door = Doorway(directory / "docker.sock", docker)
    door.open()
    try:
        yield door
    finally:
        door.shut()
