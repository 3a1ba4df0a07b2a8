"""Open-loop requests to an app through the proxy, while a test does something to the cloud.

A client of its own that gives no second chances: what fails once has failed. Every second request goes over
a new connection, the others over kept ones, as the clients of real services mix.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from tests.real.cloud import Cloud, eventually

PATIENCE_S = 15.0
CLOSED = "closed without an answer"


@dataclass(slots=True)
class Line:
    """One connection to the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass(slots=True)
class Traffic:
    """Requests at `rate_rps` from entering to leaving; afterwards all of them are counted.

    failures: what went wrong, how often.  workers: answers by the worker that gave them.
    failed_at: when each request was sent that failed (monotonic seconds), and why it did.
    """

    cloud: Cloud
    app: str
    path: str = "/"
    rate_rps: float = 100.0
    method: str = "GET"  # what is not GET is not sent to another worker when one fails
    sent: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failed_at: list[tuple[float, str]] = field(default_factory=list)
    workers: Counter[str] = field(default_factory=Counter)
    _kept: list[Line] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Traffic:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()), name="traffic")
        self._thread.start()
        try:
            self.flows_on()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._over.set()
        self._thread.join()

    @property
    def answered(self) -> int:
        return self.workers.total()

    def flows_on(self, count: int = 20) -> None:
        """Return when so many more requests have been answered; raises AssertionError after 15 s."""
        goal = self.answered + count
        eventually(lambda: self.answered >= goal, PATIENCE_S, f"{count} more answers")

    async def _send_all(self) -> None:
        address = self.cloud.settings.bind, self.cloud.settings.http_port
        began_at, requests = time.monotonic(), set()
        while not self._over.is_set():
            await asyncio.sleep(began_at + self.sent / self.rate_rps - time.monotonic())
            request = asyncio.create_task(self._ask(address, kept=self.sent % 2 == 0))
            requests.add(request)
            request.add_done_callback(requests.discard)
            self.sent += 1
        await asyncio.gather(*requests)
        for line in self._kept:
            line.writer.close()
            with suppress(OSError):  # nobody asked anything on it when it was cut
                await line.writer.wait_closed()

    def _idle(self) -> Line | None:
        """Return a kept connection that the proxy has not closed; it does so after 3 minutes without use."""
        while self._kept:
            line = self._kept.pop()
            if not line.reader.at_eof():
                return line
            line.writer.close()
        return None

    async def _ask(self, address: tuple[str, int], *, kept: bool) -> None:
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, worker = await self._exchange(address, kept=kept)
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            self._failed(sent_at, f"{type(error).__name__}: {error}")
            return
        if status == "200":
            self.workers[worker] += 1
        else:
            self._failed(sent_at, f"status {status}")

    def _failed(self, sent_at: float, reason: str) -> None:
        self.failures[reason] += 1
        self.failed_at.append((sent_at, reason))

    async def _exchange(self, address: tuple[str, int], *, kept: bool) -> tuple[str, str]:
        """Return status and worker of one answer."""
        line = (self._idle() if kept else None) or Line(*await asyncio.open_connection(*address))
        try:
            ending = "" if kept else "Connection: close\r\n"
            line.writer.write(
                f"{self.method} {self.path} HTTP/1.1\r\nHost: {self.app}.localhost\r\n"
                f"Content-Length: 0\r\n{ending}\r\n".encode()
            )
            answer = await _read(line.reader)
        except BaseException:
            line.writer.close()
            raise
        if kept:
            self._kept.append(line)
        else:
            line.writer.close()
        return answer


async def _read(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Return status and worker of the next answer; its body is read to the end."""
    status = (await reader.readline()).decode().split()
    if len(status) < 2:
        raise EOFError(CLOSED)
    headers = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    await reader.readexactly(int(headers.get("content-length", "0")))
    return status[1], headers.get("x-worker", "")
