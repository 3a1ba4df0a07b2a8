"""One question to a worker or to the proxy, asked now and once."""

from __future__ import annotations

import http.client
import socket
import time

from manager.observe.verdicts import PATIENCE_S, STATUS_BYTES, Target, asked, explain, judge, request, span


def ask_worker(target: Target) -> tuple[bool, str]:
    """Return whether the target answers as a healthy worker does, and the sentence that says so."""
    began_at = time.monotonic()
    try:
        with socket.create_connection((target.address, target.port), timeout=PATIENCE_S) as wire:
            if target.kind == "tcp":
                return True, f"connect in {span(time.monotonic() - began_at)}"
            wire.sendall(request(target))
            ok, text = _answer(wire, target)
    except TimeoutError:
        return False, f"{asked(target)} no answer in {span(PATIENCE_S)}"
    except OSError as error:
        return False, explain(target, error.errno or 0)
    return ok, f"{text} in {span(time.monotonic() - began_at)}"


def _answer(wire: socket.socket, target: Target) -> tuple[bool, str]:
    received = b""
    while True:
        piece = wire.recv(STATUS_BYTES)
        received += piece
        verdict = judge(target, received, ended=not piece)
        if verdict is not None:
            return verdict


def accepts(address: str, port: int) -> bool:
    """Return whether somebody takes a connection there within a second."""
    try:
        with socket.create_connection((address, port), timeout=PATIENCE_S):
            return True
    except OSError:
        return False


def status_of(address: str, port: int, host: str, path: str) -> int | None:
    """Return the status that a GET is answered with, None when there is no answer within two seconds."""
    connection = http.client.HTTPConnection(address, port, timeout=2 * PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
