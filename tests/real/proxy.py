"""A real proxy over a real etcd, both children of the test on loopback ports, and workers to route to."""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from balancer.cloud_keys import SENTINEL_HOST
from balancer.proxy import static_arguments
from balancer.routes import Route, Server, change, render
from manager.observe.proxy import ProxyApi
from manager.store import EtcdStore
from tests.contract.etcd_server import etcd_servers, free_ports
from tests.eventually import eventually

PREFIX = "proxy/"
LATE_S = 0.9  # within the second that a worker may take for its check
TRAEFIK = Path(sys.executable).parent / "traefik"


class Proxy:
    """What tests do to the proxy: publish routes as the manager does, and be its clients."""

    def __init__(self, store: EtcdStore, ports: Sequence[int]) -> None:
        self.store = store
        self.http_port, self.api_port, *self.tcp_ports = ports
        self.api = ProxyApi(self.api_port)

    def publish(self, *routes: Route) -> None:
        """The proxy has taken exactly these routes."""
        self.write(*routes)
        wanted = {route.app: frozenset(server.name for server in route.servers) for route in routes}
        eventually(lambda: self.api.live() == wanted, within_s=10, what=f"routes to {wanted}")

    def write(self, *routes: Route) -> None:
        """The routes are in etcd, as the manager writes them."""
        step = change(self.keys(), render(routes))
        self.put(step.puts, step.deletes)

    def keys(self) -> dict[str, str]:
        entries = self.store.read(PREFIX).entries
        return {key.removeprefix(PREFIX): entry.value for key, entry in entries.items()}

    def put(self, puts: dict[str, str] | object, deletes: Sequence[str] = ()) -> None:
        assert isinstance(puts, dict)
        if puts or deletes:
            self.store.write(
                {PREFIX + key: value for key, value in puts.items()}, [PREFIX + key for key in deletes]
            )

    def get(self, path: str = "/", host: str = "localhost", method: str = "GET") -> tuple[int, str]:
        """Return the status and the body of one request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=20)
        try:
            connection.request(method, path, headers={"Host": host})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.get(host=SENTINEL_HOST) == (200, "OK")
        except (OSError, HTTPException):
            return False

    def talk(self, port: int, text: bytes) -> bytes:
        """Return what a tcp app answers to `text`, empty when the connection is closed."""
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(text)
            try:
                return connection.recv(100)
            except ConnectionResetError:
                return b""


@contextmanager
def running_proxy(directory: Path) -> Iterator[Proxy]:
    """Run etcd and the proxy with the product's own command line and two tcp ports, and end them."""
    with etcd_servers(1, directory, "--max-txn-ops=10000") as etcd:
        store = EtcdStore(etcd.endpoints, "simplecloud/test/", max_ops=10_000)
        ports = free_ports(4)
        proxy = Proxy(store, ports)
        proxy.write()
        process = _start(directory, etcd.endpoints, ports)
        try:
            eventually(proxy.ready, within_s=20, what=f"an answer of the proxy ({directory}/proxy.log)")
            yield proxy
        finally:
            process.kill()
            process.wait()
            proxy.api.close()
            store.close()


def _start(directory: Path, endpoints: Sequence[str], ports: Sequence[int]) -> subprocess.Popen[bytes]:
    http, api, *tcp = (f"127.0.0.1:{port}" for port in ports)
    arguments = static_arguments(
        root_key="simplecloud/test/proxy",
        etcd_endpoints=endpoints,
        http_bind=http,
        tcp_binds={f"tcp{9000 + index}": bind for index, bind in enumerate(tcp)},
        api_bind=api,
        buckets_s=(0.05, 0.25),
    )
    with (directory / "proxy.log").open("wb") as log:
        return subprocess.Popen([TRAEFIK, *arguments], stdout=log, stderr=log)


class _Answering(BaseHTTPRequestHandler):
    """Tells who answered, and what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits 40 ms for the headers to be acknowledged
    name = ""
    asked: Counter[str]

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        self.asked[f"{self.path} by {self.headers['User-Agent']}"] += 1
        if self.path == "/silence":
            self.close_connection = True
            return
        if self.path == "/late":
            threading.Event().wait(LATE_S)
        told = str(self.client_address[1]) if self.path == "/port" else self.path
        body = json.dumps([self.name, told]).encode()
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


class _Echo(socketserver.BaseRequestHandler):
    """Sends back what comes, with its name before."""

    name = ""

    def handle(self) -> None:
        while text := self.request.recv(100):
            self.request.sendall(self.name.encode() + b" " + text)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def worker(name: str, address: str, asked: Counter[str] | None = None) -> Iterator[Server]:
    """Run an http worker that answers `[name, path]`, and [name, CLIENT'S PORT] to /port.

    Who asks for /away is sent to /elsewhere; it hangs up on who asks for /silence, and has who asks for /late
    wait for LATE_S.  asked: counts the paths,
    and who asks for them.
    """
    own = {"name": name, "asked": Counter() if asked is None else asked}
    with _serving(_Server((address, 0), type("Answering", (_Answering,), own)), name) as server:
        yield server


@contextmanager
def tcp_worker(name: str, address: str) -> Iterator[Server]:
    """Run a tcp worker that echoes with its name before."""
    with _serving(_TcpServer((address, 0), type("Echo", (_Echo,), {"name": name})), name) as server:
        yield server


@contextmanager
def _serving(server: socketserver.TCPServer, name: str) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        host, port = server.socket.getsockname()
        yield Server(name, f"{host}:{port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
