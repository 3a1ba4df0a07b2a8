"""A connection of our own to the manager's socket, to send what the shell would not."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from manager.api import wire
from tests.real.cloud import Cloud


@contextmanager
def line_to(cloud: Cloud, within_s: float = 20) -> Iterator[socket.socket]:
    """Lend a connection to the cloud's manager; raises OSError when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(within_s)
        line.connect(str(cloud.places.socket))
        yield line


def ask(line: socket.socket, method: str, params: Mapping[str, object]) -> None:
    wire.send(line, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def answer(line: socket.socket) -> Mapping[str, object]:
    """Return the result that comes, past the items before it.

    Raises the CloudError that comes instead, EOFError when the manager hangs up.
    """
    lines = wire.Lines(line)
    while (frame := lines.read()) is not None:
        if b'"method":"item"' not in frame:
            return wire.answer_of(frame)
    raise EOFError("the manager hung up")
