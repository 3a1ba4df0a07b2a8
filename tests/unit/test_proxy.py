"""What the API of the proxy is asked, where it takes its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from manager.observe import proxy
from manager.observe.proxy import ProxyApi

GOES_ON = threading.Event()


class Slow(BaseHTTPRequestHandler):
    """Answers nothing before the proxy goes on."""

    def do_GET(self) -> None:
        GOES_ON.wait()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody wants to know."""


@pytest.fixture
def slow() -> Iterator[ProxyApi]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="slow-proxy")
        thread.start()
        yield ProxyApi(server.server_address[1])
        GOES_ON.set()
        server.shutdown()
        thread.join()


def test_a_proxy_too_slow_for_a_pass_of_the_manager_is_not_called_away(
    slow: ProxyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "ANSWER_S", 0.01)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(slow.healthy)
        in_a_pass = slow.live()
        GOES_ON.set()

        assert in_a_pass is None
        assert told.result() is True
