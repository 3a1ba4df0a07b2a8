"""The socket's server goes on, whatever a client sends and however many there are."""

from __future__ import annotations

import fcntl
import json
import math
import os
import resource
import select
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from manager import server
from manager.api import wire
from manager.api.errors import AppNotFound, FrameRejected
from manager.server import Call, ClientGone, Server
from tests.eventually import eventually

MANY = 1024  # where select() ends
ASKED = {"jsonrpc": "2.0", "id": 1, "method": "ps", "params": {}}


def dispatch(call: Call) -> Mapping[str, object]:
    if call.request.method == "ps":
        return {"kind": "WorkerList"}
    if call.request.method == "stats":
        return {"cpu_cores": math.nan}
    raise AppNotFound(f"no app is named {call.request.method}")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the path of a socket that is served, and looked for ten times as often as usual."""
    monkeypatch.setattr(server, "LOOK_S", server.LOOK_S / 10)
    serving = Server(tmp_path / "manager.sock", os.getgid(), dispatch)
    serving.start()
    yield serving.path
    serving.stop()


@pytest.fixture
def line(path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(30)
        line.connect(str(path))
        yield line


def answer(line: socket.socket) -> Mapping[str, object]:
    return wire.answer_of(wire.Lines(line).read() or b"")


def test_what_utf_8_cannot_say_is_answered_as_it_came(line: socket.socket) -> None:
    line.sendall(b'{"jsonrpc":"2.0","id":"\\ud800","method":"\\udfff"}\n')

    frame = json.loads(wire.Lines(line).read() or b"")

    assert frame["id"] == "\ud800"
    assert frame["error"]["message"] == "no app is named \udfff"


def test_an_answer_that_json_cannot_say_is_an_error_and_no_end(line: socket.socket) -> None:
    wire.send(line, {**ASKED, "method": "stats"})
    with pytest.raises(FrameRejected, match="is not JSON"):
        answer(line)

    wire.send(line, ASKED)
    assert answer(line) == {"kind": "WorkerList"}


def test_files_without_end_are_refused(line: socket.socket) -> None:
    with open(os.devnull) as file:
        for _ in range(2):
            socket.send_fds(line, [b"{"], [file.fileno()] * wire.MAX_FILES)

        with pytest.raises(FrameRejected, match="more than 16 files"):
            answer(line)


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Lend a process that has descriptors below this number only."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def next_descriptor() -> int:
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    return free


def test_a_socket_that_was_removed_is_there_again(path: Path) -> None:
    path.unlink()

    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(30)
        eventually(lambda: line.connect_ex(str(path)) == 0, within_s=30)
        wire.send(line, ASKED)
        assert answer(line) == {"kind": "WorkerList"}


def test_who_came_while_there_were_no_descriptors_is_answered_later(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        with descriptors(next_descriptor()):
            for line in (first, second):  # the kernel may have a descriptor for the first already
                line.settimeout(30)
                line.connect(str(path))
                wire.send(line, ASKED)
            select.select([first], [], [], 0.5)

        assert answer(first) == answer(second) == {"kind": "WorkerList"}


def test_a_client_that_only_sends_no_more_has_not_hung_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        call = Call(wire.request_of(json.dumps(ASKED).encode()), ours)

        theirs.shutdown(socket.SHUT_WR)
        call.check()
        theirs.close()

        with pytest.raises(ClientGone):
            call.check()


def test_a_client_that_hangs_up_is_noticed_on_a_descriptor_of_any_number() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs), descriptors(MANY + 1):
        high = socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, MANY))
        call = Call(wire.Request(1, "ps", {}), high)
        call.check()

    with closing(high), pytest.raises(ClientGone):
        call.check()
