"""JSON-RPC 2.0 over a Unix socket: one object a line, at most 1 MiB, files as descriptors beside it.

    -> {"jsonrpc":"2.0","id":1,"method":"scale","params":{"change":["web=3"],"request":"5f..."}}
    <- {"jsonrpc":"2.0","method":"item","params":{"id":1,"item":{"kind":"Progress","text":"..."}}}
    <- {"jsonrpc":"2.0","id":1,"result":{...}}   or   {"jsonrpc":"2.0","id":1,"error":{...}}

`request` in the params of a changing command is an id of the client's making: sent again with the same
id after a lost connection, the command is carried out once. Hanging up cancels what was asked; a client that
only shuts down its writing side, as `nc -N` does, gets its answer.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from manager.api.errors import CloudError, FrameRejected, error_of

MAX_FRAME_BYTES = 2**20
MAX_FILES = 16
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
DOMAIN_ERROR = -32000
EXAMPLE = '{"jsonrpc":"2.0","id":1,"method":"ps","params":{}}'
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came, with the descriptors of its files.

    notifies: it came without an id, so nobody waits for an answer.
    """

    id: int | str | None
    method: str
    params: Mapping[str, object]
    files: tuple[int, ...] = ()
    notifies: bool = False


class NotARequest(FrameRejected):
    """A frame is JSON and no request; `code` is JSON-RPC's, `id` the one it has, or None."""

    def __init__(self, message: str, code: int, request_id: int | str | None) -> None:
        super().__init__(message, hint=EXAMPLE)
        self.code = code
        self.id = request_id


@dataclass(slots=True)
class Lines:
    """Cuts what a socket delivers into lines; keeps the descriptors that came with them.

    A line over the limit raises FrameRejected: the stream cannot be trusted after it.
    """

    sock: socket.socket
    _buffer: bytearray = field(default_factory=bytearray)
    _files: list[int] = field(default_factory=list)

    def read(self) -> bytes | None:
        """Return the next line without its end, or None at the end of the stream."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0 and len(self._buffer) <= MAX_FRAME_BYTES:
            searched = len(self._buffer)
            if not self._fill():
                return None
        if not 0 <= end <= MAX_FRAME_BYTES:
            raise FrameRejected("a frame is larger than 1 MiB", hint="send files as descriptors")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def take_files(self) -> tuple[int, ...]:
        """Return the descriptors that came so far; they are the caller's to close."""
        files = tuple(self._files)
        self._files.clear()
        return files

    def close_files(self) -> None:
        """Close descriptors that nobody took."""
        for descriptor in self.take_files():
            os.close(descriptor)

    def _fill(self) -> bool:
        space = socket.CMSG_LEN(MAX_FILES * array.array("i").itemsize)
        chunk, ancillary, _, _ = self.sock.recvmsg(65536, space, socket.MSG_CMSG_CLOEXEC)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                whole = payload[: len(payload) - len(payload) % 4]
                self._files += array.array("i", whole).tolist()
        if len(self._files) > MAX_FILES:
            raise FrameRejected(f"more than {MAX_FILES} files came with a frame", hint="help run")
        self._buffer += chunk
        return bool(chunk)


def send(sock: socket.socket, *messages: Mapping[str, object], files: Sequence[int] = ()) -> None:
    """Send each object as one line; the descriptors travel with the first byte.

    Raises FrameRejected, and sends nothing, when there is in one what JSON cannot say.
    """
    lines = b"".join(map(_line, messages))
    if files:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        sent = sock.sendmsg([lines], rights)
        lines = lines[sent:]
    sock.sendall(lines)


def _line(message: Mapping[str, object]) -> bytes:
    try:
        text = _ENCODER.encode(message)
    except (ValueError, TypeError, RecursionError) as error:
        raise FrameRejected(f"what was to be sent is not JSON: {error}", hint="doctor") from error
    # half a surrogate pair, which JSON can say and UTF-8 cannot, stays the escape that it came as
    return text.encode(errors="backslashreplace") + b"\n"


def frame_of(line: bytes, what: str, hint: str) -> object:
    """Return what a line says; raises FrameRejected with what it was to be, and the hint."""
    try:
        frame: object = json.loads(line)
    except (ValueError, RecursionError):
        raise FrameRejected(f"{what} is not JSON", hint=hint) from None
    return frame


def request_of(line: bytes, files: tuple[int, ...] = ()) -> Request:
    """Return the request that a line is; raises FrameRejected, or NotARequest, with what is wrong with it."""
    frame = frame_of(line, "a frame", EXAMPLE)
    if not isinstance(frame, dict):
        raise NotARequest("a frame is one JSON object", INVALID_REQUEST, None)
    number = frame.get("id")
    if isinstance(number, bool) or not isinstance(number, int | str | None):
        raise NotARequest("the id of a request is a whole number or text", INVALID_REQUEST, None)
    match frame:
        case {"jsonrpc": "2.0", "method": str(method)}:
            params = frame.get("params", {})
        case _:
            raise NotARequest("a request has jsonrpc 2.0 and a method", INVALID_REQUEST, number)
    if params == []:  # how many clients say that there are none
        params = {}
    if not isinstance(params, dict):
        raise NotARequest("the params of a request are an object, by name", INVALID_PARAMS, number)
    return Request(number, method, params, files, notifies="id" not in frame)


def result(request_id: int | str | None, value: Mapping[str, object]) -> dict[str, object]:
    """Return the frame that answers a request."""
    return {"jsonrpc": "2.0", "id": request_id, "result": value}


def item(request_id: int | str | None, value: Mapping[str, object]) -> dict[str, object]:
    """Return the frame of one item of a request's stream."""
    return {"jsonrpc": "2.0", "method": "item", "params": {"id": request_id, "item": value}}


def failure(request_id: int | str | None, error: CloudError, code: int = DOMAIN_ERROR) -> dict[str, object]:
    """Return the frame that tells a request's failure."""
    reason = {"kind": error.kind, "hint": error.hint}
    reason |= {key: part for key, part in (("word", error.word), ("meant", error.meant)) if part}
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "error": {"code": code, "message": error.message, "data": reason},
    }


def answer_of(line: bytes) -> Mapping[str, object]:
    """Return the result that a line tells; raises the error that it tells instead, as a CloudError."""
    match frame_of(line, "the manager's answer", "doctor"):
        case {"result": dict(value)}:
            return value
        case {"error": dict(reason)}:
            raise error_from(reason)
        case _:
            raise FrameRejected("the manager sent neither a result nor an error", hint="doctor")


def error_from(frame: Mapping[str, object]) -> CloudError:
    """Return the error that a failure frame tells, of the class that the manager raised."""
    match frame:
        case {"message": str(message), "data": {"kind": str(kind), **rest}}:
            return error_of(kind, message, *(str(rest.get(key, "")) for key in ("hint", "word", "meant")))
        case {"message": str(message)}:
            return CloudError(message, hint="doctor")
        case _:
            return CloudError("the manager answered with an error that has no message", hint="doctor")
