"""What reads input from outside, each as a function of bytes that fails when the law does not hold."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from manager.api import arguments, values, wire
from manager.api.commands import COMMANDS
from manager.api.errors import CloudError, FrameRejected, UsageError
from manager.api.values import Kind
from manager.observe.counters import parse
from manager.observe.traffic import Traffic
from manager.state.model import AppSpec, Freeze, Hurry, Revision, ScalingTarget, WorkerRecord
from manager.state.records import UnreadableRecord, decode, encode
from shell.apps import app_file, compose
from shell.language import grammar, scanner
from shell.language.quoting import quote

Target = Callable[[bytes], None]
RECORDS = (AppSpec, WorkerRecord, Revision, ScalingTarget, Freeze, Hurry)
KINDS = [each for each in vars(values).values() if isinstance(each, Kind)]
VARIABLES = {"HOME": "/root", "EMPTY": ""}


@contextmanager
def an_error_for_people() -> Iterator[None]:
    """Suppress an error of our own tree that says what is wrong, and what to do about words that are off."""
    try:
        yield
    except CloudError as error:
        _require_words(error)


def _require_words(error: Exception) -> None:
    assert str(error).strip()
    assert not isinstance(error, UsageError) or error.hint


def _of_text(read: Callable[[str], None]) -> Target:
    """Return the target that reads text: what is no UTF-8 never comes as far as that."""

    def target(given: bytes) -> None:
        with an_error_for_people():
            read(given.decode(errors="replace"))

    return target


def _grammar(text: str) -> None:
    for statement in scanner.statements(text):
        literals = [word.literal or "" for word in statement.words]
        if not literals[0].startswith("-"):
            (again,) = scanner.statements(" ".join(map(quote, literals)))
            assert [word.literal for word in again.words] == literals
        with an_error_for_people():
            grammar.check(statement)


def _wire(given: bytes) -> None:
    for line in _lines(given):
        with an_error_for_people():
            wire.answer_of(line)
        with an_error_for_people():
            request = wire.request_of(line)
            _answered(request)
            _checked(request)


def _lines(given: bytes) -> list[bytes]:
    """Return what comes out of a socket when this goes in: its whole lines."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(given[:65536])
        ours.close()
        read = list(iter(wire.Lines(theirs).read, None))
    assert read == given[:65536].split(b"\n")[:-1]
    return read


def _answered(request: wire.Request) -> None:
    """Whatever a request is called, its failure is told and understood."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(ours, wire.failure(request.id, FrameRejected(f"no {request.method}")))
        line = wire.Lines(theirs).read() or b""
    assert json.loads(line)["id"] == request.id
    assert wire.error_from(json.loads(line)["error"]).message == f"no {request.method}"


def _checked(request: wire.Request) -> None:
    """Whatever is asked for, each command takes it or says what is wrong with it."""
    for command in COMMANDS:
        with an_error_for_people():
            arguments.bind(command, request.params)


def _records(text: str) -> None:
    for kind in RECORDS:
        try:
            record = decode(kind, text)
        except UnreadableRecord as error:
            _require_words(error)
        else:
            assert decode(kind, encode(record)) == record
            json.dumps(json.loads(encode(record)), allow_nan=False)


def _app_file(text: str) -> None:
    for entry in app_file.read(text, ""):
        (again,) = app_file.read(app_file.write(entry, {}), "")
        assert again == entry


def _compose(text: str) -> None:
    for name, table in compose.read(text, VARIABLES, lambda path: False).tables.items():
        app_file.read_entry(name, table, "")


def _metrics(text: str) -> None:
    traffic = Traffic()
    for at, page in enumerate((text[: len(text) // 2], text, text)):
        traffic.add(parse(page, float(at)))
    picture = traffic.picture(3.0)
    for rates in (*picture.workers.values(), *picture.apps.values()):
        assert all(map(math.isfinite, filter(None, (rates.rate_rps, rates.p95_s, rates.error_ratio))))


def _values(text: str) -> None:
    for kind in KINDS:
        try:
            value = kind.parse(text)
        except ValueError as error:
            _require_words(error)
            continue
        if isinstance(value, str):
            assert kind.parse(value) == value
        else:
            assert all(map(math.isfinite, value if isinstance(value, tuple) else (value,)))


TARGETS: Mapping[str, Target] = {
    "grammar": _of_text(_grammar),
    "wire": _wire,
    "records": _of_text(_records),
    "app_file": _of_text(_app_file),
    "compose": _of_text(_compose),
    "metrics": _of_text(_metrics),
    "values": _of_text(_values),
}
