"""Commands inside workers, in memory: a few programs, each a thread at the other end of a socketpair.

What they are given and what they write goes as Docker sends it: frames without a terminal, bytes with one.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from manager.api.errors import Conflict, EngineError, WorkerNotFound
from manager.engine.containers import Execution
from manager.engine.orders import ExecOrder

if TYPE_CHECKING:
    from tests.fakes.engine import FakeEngine


@dataclass(slots=True)
class Running:
    """One command: its order, its end of the streams, the size of its terminal, and what became of it."""

    order: ExecOrder
    found: Execution
    sock: socket.socket | None = None
    size: tuple[int, int] | None = None
    hung_up: threading.Event = field(default_factory=threading.Event)

    def write(self, stream: int, text: bytes) -> None:
        assert self.sock is not None
        header = b"" if self.order.tty else bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big")
        with suppress(OSError):
            self.sock.sendall(header + text)

    def read(self) -> bytes:
        assert self.sock is not None
        return self.sock.recv(65536) if self.order.stdin else b""


Program = Callable[[Running], int]


def talks_and_fails(running: Running) -> int:
    running.write(1, b"out\n")
    running.write(2, b"err\n")
    return 7


def cat(running: Running) -> int:
    while piece := running.read():
        running.write(1, piece)
    return 0


def sleeps(running: Running) -> int:
    return 128 + 1 if running.hung_up.wait(60) else 0


def is_missing(running: Running) -> int:
    name = running.order.command[0]
    start = "OCI runtime exec failed: exec failed: unable to start container process"
    running.write(1, f'{start}: exec: "{name}": executable file not found in $PATH: unknown\r\n'.encode())
    return 126


TALKS_AND_FAILS = ("sh", "-c", "echo out; echo err >&2; exit 7")
PROGRAMS: Mapping[tuple[str, ...], Program] = {
    TALKS_AND_FAILS: talks_and_fails,
    ("cat",): cat,
    ("sleep", "1000"): sleeps,
}


class FakeExecs:
    """The commands inside the workers of a FakeEngine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.commands: dict[str, Running] = {}

    def create(self, name: str, order: ExecOrder) -> str:
        self._engine.reach(f"run a command in {name}")
        worker = self._engine.worker(name)
        if worker is None:
            raise WorkerNotFound(f"no such container: {name}", hint="ps")
        if worker.state != "running":
            raise EngineError(f"cannot run a command in {name}: it is not running")
        number = f"{self._engine.next_number():064x}"
        self.commands[number] = Running(order, Execution(number, worker.id, False, None))
        return number

    def start(self, execution_id: str, *, tty: bool) -> socket.socket:
        self._engine.reach("start the command")
        running = self._find(execution_id)
        if running.sock is not None:
            raise Conflict("the command was started before", hint="ps")
        ours, running.sock = socket.socketpair()
        running.found = replace(running.found, running=True)
        threading.Thread(target=self._run, args=(running,), daemon=True).start()
        return ours

    def resize(self, execution_id: str, rows: int, columns: int) -> None:
        running = self._find(execution_id)
        if not running.found.running:
            raise EngineError("cannot resize the terminal: the command does not run")
        running.size = (rows, columns)

    def hang_up(self, execution_id: str) -> None:
        self._find(execution_id).hung_up.set()

    def look(self, execution_id: str) -> Execution:
        self._engine.reach("look at the command")
        found = self._find(execution_id).found
        if not any(worker.id == found.container_id for worker in self._engine.workers()):
            raise WorkerNotFound("no such command", hint="ps")
        return found

    def _find(self, execution_id: str) -> Running:
        if execution_id not in self.commands:
            raise WorkerNotFound(f"no such command: {execution_id}", hint="ps")
        return self.commands[execution_id]

    def _run(self, running: Running) -> None:
        program = PROGRAMS.get(running.order.command, is_missing)
        code = program(running)
        running.found = replace(running.found, running=False, exit_code=code)
        assert running.sock is not None
        running.sock.close()
