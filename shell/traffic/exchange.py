"""HTTP/1.1 GET over kept connections, on asyncio's streams: what a load generator needs and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from shell.traffic.endpoint import Endpoint

_LONGEST_HEAD = 65536


class BadAnswer(Exception):
    """What came back is not an HTTP answer, or ended in the middle of one."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]


@dataclass(slots=True)
class Wire:
    """One connection; `answering` once a byte of an answer has come."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False
    answering: bool = False

    def close(self) -> None:
        self.writer.close()


@dataclass(slots=True)
class Connections:
    """Connections to one server; idle ones are kept and used again, the last one first."""

    host: str
    port: int
    request: bytes
    _idle: list[Wire] = field(default_factory=list)

    @classmethod
    def to(cls, there: Endpoint, path: str) -> Connections:
        """Return connections that ask for one path of an app, none open yet."""
        asked, host = f"GET {there.path_of(path)} HTTP/1.1", f"Host: {there.host_header}"
        request = "\r\n".join((asked, host, "User-Agent: simplecloud-load", "", ""))
        return cls(there.host, there.port, request.encode())

    async def get(self) -> Answer:
        """Return the answer to one request; raises OSError or BadAnswer.

        A kept connection that the server had closed in the meantime is told by an end before the first
        byte: the request is sent once more on a new one, as browsers do.
        """
        wire = self._idle.pop() if self._idle else await self._open()
        try:
            return await self._exchange(wire)
        except (OSError, BadAnswer):
            if not wire.used or wire.answering:
                raise
        return await self._exchange(await self._open())

    def close(self) -> None:
        """Close what is idle; connections in use are closed by those who use them."""
        for wire in self._idle:
            wire.close()
        self._idle.clear()

    async def _open(self) -> Wire:
        return Wire(*await asyncio.open_connection(self.host, self.port, limit=_LONGEST_HEAD))

    async def _exchange(self, wire: Wire) -> Answer:
        kept = False
        try:
            wire.answering = False
            wire.writer.write(self.request)
            answer = await _answer_of(wire)
            kept = await _skip_body(wire.reader, answer)
            wire.used = True
            return answer
        finally:
            if kept:
                self._idle.append(wire)
            else:
                wire.close()


async def _answer_of(wire: Wire) -> Answer:
    """Return the head of the answer; 100 Continue and its like are not the answer yet."""
    while (answer := await _head(wire)).status < 200:
        pass
    return answer


async def _head(wire: Wire) -> Answer:
    try:
        head = await wire.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        wire.answering = bool(error.partial)
        raise BadAnswer("closed") from None
    except asyncio.LimitOverrunError:
        wire.answering = True
        raise BadAnswer("head too long") from None
    wire.answering = True
    return _parsed(head)


def _parsed(head: bytes) -> Answer:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise BadAnswer("not http")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Answer(int(rest[:3]), headers)


async def _skip_body(reader: asyncio.StreamReader, answer: Answer) -> bool:
    """Read the body of an answer; True when the connection can be used again."""
    keeps = answer.headers.get("connection", "").lower() != "close"
    length = answer.headers.get("content-length", "")
    try:
        if answer.status in (204, 304):
            return keeps
        if answer.headers.get("transfer-encoding", "").lower() == "chunked":
            await _skip_chunks(reader)
            return keeps
        if length:
            await _skip(reader, int(length))
            return keeps
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        raise BadAnswer("cut short") from None
    while await reader.read(65536):  # neither a length nor chunks: it ends with the connection
        pass
    return False


async def _skip(reader: asyncio.StreamReader, left: int) -> None:
    while left > 0:
        chunk = await reader.read(min(left, 65536))
        if not chunk:
            raise BadAnswer("cut short")
        left -= len(chunk)


async def _skip_chunks(reader: asyncio.StreamReader) -> None:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        await _skip(reader, size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers
        pass
