"""What the API of the proxy is asked, where it takes its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from manager.observe import proxy
from manager.observe.proxy import ProxyApi


class Slow(ThreadingHTTPServer):
    """A proxy that answers nothing before it goes on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.goes_on = threading.Event()

    @property
    def api(self) -> ProxyApi:
        return ProxyApi(self.server_address[1])


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Slow)
        self.server.goes_on.wait()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody wants to know."""


@pytest.fixture
def slow() -> Iterator[Slow]:
    with Slow() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="slow-proxy")
        thread.start()
        yield server
        server.goes_on.set()
        server.shutdown()
        thread.join()


def test_a_proxy_too_slow_for_a_pass_of_the_manager_is_not_called_away(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "ANSWER_S", 0.01)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(slow.api.healthy)
        in_a_pass = slow.api.live()
        slow.goes_on.set()

        assert in_a_pass is None
        assert told.result() is True
