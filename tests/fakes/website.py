"""An HTTP server on loopback that misbehaves as asked: it holds answers, closes, cuts them short."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Worker: web.1\r\n\r\nhello"
TURNS = 5  # of the loop, after which whoever was just let in is talked to


@contextmanager
def aborted_when_cancelled(writer: asyncio.StreamWriter) -> Iterator[None]:
    """The connection is closed at once when the website ends, whatever its client has yet to read."""
    try:
        yield
    except asyncio.CancelledError:
        writer.transport.abort()


@dataclass
class Website:
    """Answers every request with `answer`.

    closing: ends each connection after so many answers.  held: answers wait until `release`.
    """

    answer: bytes = HELLO
    closing: int | None = None
    held: bool = False
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _listening: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let the held answers go."""
        self._loop.call_soon_threadsafe(self._released.set)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)

    def run(self) -> None:
        """Serve until `end`."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def wait_until_listening(self) -> None:
        assert self._listening.wait(10)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._ended.wait()
        # let nobody in, then have all talked to: asyncio loses a socket in between, and never closes it
        self._loop.remove_reader(server.sockets[0].fileno())
        for _ in range(TURNS):
            await asyncio.sleep(0)
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answered = 0
        with suppress(asyncio.IncompleteReadError, ConnectionError), aborted_when_cancelled(writer):
            while self.closing is None or answered < self.closing:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                if self.held:
                    await self._released.wait()
                writer.write(self.answer)
                answered += 1
        writer.close()


@contextmanager
def serving(website: Website) -> Iterator[Website]:
    """Serve the website until the end of the block."""
    thread = threading.Thread(target=website.run, name="website")
    thread.start()
    try:
        website.wait_until_listening()
        yield website
    finally:
        website.end()
        thread.join()
