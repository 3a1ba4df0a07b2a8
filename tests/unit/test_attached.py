"""A command inside a worker: its streams are cut apart and joined to those of here, whole and in order."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from manager.api.attached import Frames, Refusal, refusal_of
from shell.worker.streams import Streams

FAILED = "OCI runtime exec failed: exec failed: unable to start container process: "
MISSING = f'{FAILED}exec: "nosuch": executable file not found in $PATH: unknown\r\n'.encode()


def frame(stream: int, text: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


SENT = frame(1, b"one\n") + frame(2, b"two\n") + frame(1, b"") + frame(1, b"three\n")


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 1000])
def test_frames_are_cut_apart_however_they_arrive(size: int) -> None:
    frames, written = Frames(), {"stdout": b"", "stderr": b""}

    for at in range(0, len(SENT), size):
        for stream, piece in frames.feed(SENT[at : at + size]):
            written[stream] += piece

    assert written == {"stdout": b"one\nthree\n", "stderr": b"two\n"}


@pytest.mark.parametrize("pieces", [[b"hello"], [b"OCI", b" runtime is fine"], [b"u", b"nless"], [b"O"], []])
def test_what_a_command_writes_is_passed_on_whole(pieces: list[bytes]) -> None:
    refusal = Refusal()

    passed = b"".join(refusal.pass_on(piece) for piece in pieces)

    assert passed + refusal.rest() == b"".join(pieces)


def test_the_engine_s_word_that_nothing_ran_is_kept_back() -> None:
    refusal = Refusal()

    assert refusal.pass_on(MISSING[:20]) + refusal.pass_on(MISSING[20:]) == b""
    assert refusal.rest() == MISSING
    assert refusal.rest() == b""


@pytest.mark.parametrize(
    ("said", "message", "word", "code"),
    [
        (MISSING.decode(), 'web.1 has no command "nosuch"', "nosuch", 127),
        (f'{FAILED}exec: "nosuch": permission denied: unknown\r\n',
         'web.1 cannot run "nosuch": permission denied', "nosuch", 126),
        (f'{FAILED}chdir to cwd ("/x") set in config.json failed: no such file or directory: unknown\r\n',
         "web.1 has no directory /x", "/x", 126),
        ("unable to find user joe: no matching entries in passwd file\r\n",
         'web.1 has no user "joe"', "joe", 126),
    ],
)  # fmt: skip
def test_a_command_that_never_ran_is_an_error_with_a_shell_s_exit_code(
    said: str, message: str, word: str, code: int
) -> None:
    refused = refusal_of(said.encode(), 126, "web.1", "nosuch")

    assert refused is not None
    assert (refused[0].message, refused[0].word, refused[1]) == (message, word, code)
    assert refused[0].hint.startswith("exec web.1 ")


def test_a_command_that_only_says_so_ran() -> None:
    assert refusal_of(MISSING, 0, "web.1", "echo") is None
    assert refusal_of(b"no", 127, "web.1", "sh") is None


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_streams_are_told_apart(ends: tuple[socket.socket, socket.socket]) -> None:
    out, err = io.StringIO(), io.StringIO()
    ends[1].sendall(SENT)
    ends[1].close()

    Streams(ends[0], None, out, err, tty=False).join()

    assert (out.getvalue(), err.getvalue()) == ("one\nthree\n", "two\n")


def test_a_character_may_come_in_two_pieces(ends: tuple[socket.socket, socket.socket]) -> None:
    out = io.StringIO()
    for byte in "日本".encode():
        ends[1].sendall(frame(1, bytes([byte])))
    ends[1].close()

    Streams(ends[0], None, out, io.StringIO(), tty=False).join()

    assert out.getvalue() == "日本"


def test_a_command_that_writes_while_it_is_written_to_does_not_wait_for_ever(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    content = os.urandom(3_000_000)

    def echo() -> None:
        with ends[1]:
            while piece := ends[1].recv(100_000):
                ends[1].sendall(frame(1, piece))

    threading.Thread(target=echo, daemon=True).start()
    out = io.TextIOWrapper(io.BytesIO())
    given = os.memfd_create("given")
    os.write(given, content)
    os.lseek(given, 0, os.SEEK_SET)
    try:
        Streams(ends[0], given, out, io.StringIO(), tty=False).join()
    finally:
        os.close(given)

    assert out.buffer.getvalue() == content


def test_what_a_command_does_not_read_is_no_failure(ends: tuple[socket.socket, socket.socket]) -> None:
    out = io.StringIO()
    ends[1].sendall(frame(1, b"done"))
    ends[1].close()
    given = os.open("/dev/zero", os.O_RDONLY)
    try:
        Streams(ends[0], given, out, io.StringIO(), tty=False).join()
    finally:
        os.close(given)

    assert out.getvalue() == "done"
