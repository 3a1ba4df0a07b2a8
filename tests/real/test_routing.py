"""The proxy sends each request to its app and to a worker that answers, whatever happens to the workers."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from manager.api.views import WorkerView
from tests.real.cloud import Answer, Apps, Cloud, docker_by_hand, eventually, pause_by_hand
from tests.real.traffic import Traffic
from tests.stopping import stop

SECONDS = 6.0  # most of them are for the commands that ask, where the machine is full


def test_an_app_answers_by_its_host_and_under_its_path(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    hosts = (f"{name}.localhost", f"{name}.localhost:{cloud.settings.http_port}", f"{name.upper()}.LOCALHOST")

    by_host = [cloud.get(name, host=host).worker for host in hosts]
    by_path = [
        cloud.get(name, f"/{name}{rest}", host=host).worker
        for host in ("localhost", "127.0.0.1", "unclaimed.example")
        for rest in ("", "/", "/below?ms=1")
    ]

    assert {*by_host, *by_path} == {f"{name}.1"}


def test_the_path_prefix_is_stripped_and_the_app_s_own_host_keeps_all_paths(apps: Apps, cloud: Cloud) -> None:
    code = (
        "import http.server as h\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(s): s.send_response(200); s.end_headers(); s.wfile.write(s.path.encode())\n"
        "h.ThreadingHTTPServer(('', 8000), A).serve_forever()"
    )
    name = apps.run("python3", "-c", code, options=("-p", "8000"))

    assert cloud.get(name, f"/{name}/a/b?c=d", host="localhost").body == "/a/b?c=d"
    assert cloud.get(name, f"/{name}", host="localhost").body == "/"
    assert cloud.get(name, f"/{name}/a").body == f"/{name}/a"


def test_own_hosts_and_paths_are_added_to_those_by_name(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, "--host", "shop.example", "--path", "/basket/items")

    workers = {
        cloud.get(name, host="shop.example").worker,
        cloud.get(name, "/basket/items/3", host="localhost").worker,
        cloud.get(name).worker,
    }

    assert workers == {f"{name}.1"}
    assert cloud.get(name, "/basket", host="localhost").status == 404


def test_a_host_and_path_that_no_app_has_are_not_found(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    assert cloud.get("", host="unclaimed.localhost").status == 404
    assert cloud.get("", f"/{name}s/", host="localhost").status == 404
    assert cloud.get("", "/", host="localhost").status == 404


def test_apps_whose_names_look_alike_are_kept_apart(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    twin = apps.name(name)  # NAME-N, as a worker of NAME might be called
    cloud.ok("run", "-p", "8000", twin, "python3", "-m", "http.server", "8000")

    first, second = cloud.get(name), cloud.get(twin)
    cloud.ok("rm", twin, "-y")

    assert first.body == f"hello from {first.worker}\n"
    assert "Directory listing" in second.body
    assert cloud.get(name).status == 200
    eventually(lambda: cloud.get(name, f"/{twin}/", host="localhost").status == 404, within_s=5)


def echoed(url: str, words: bytes) -> bytes:
    """Return what comes back over a connection of its own to a tcp app's url."""
    host, _, port = url.removeprefix("tcp://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line, line.makefile("rb") as answers:
        line.sendall(words + b"\n")
        return answers.readline().strip()


ECHO = ("busybox", "nc", "-ll", "-p", "9000", "-e", "cat")


def test_tcp_apps_have_ports_of_their_own_that_pass_bytes_on(apps: Apps, cloud: Cloud) -> None:
    [first] = cloud.app(apps.run(*ECHO, options=("-p", "9000/tcp"))).urls
    [second] = cloud.app(apps.run(*ECHO, options=("-n", "2", "-p", "9000/tcp"))).urls

    assert echoed(first, b"ping") == b"ping"
    assert [echoed(second, b"%d" % number) for number in range(4)] == [b"0", b"1", b"2", b"3"]
    assert first != second
    assert int(first.rpartition(":")[2]) in cloud.settings.tcp_ports


def test_a_tcp_connection_that_is_answered_outlives_its_worker_s_leave_until_its_client_ends_it(
    apps: Apps, cloud: Cloud
) -> None:
    name = apps.run(*ECHO, options=("-n", "2", "-p", "9000/tcp", "--drain", "10m"))
    host, _, port = cloud.app(name).urls[0].removeprefix("tcp://").partition(":")

    with ExitStack() as held:
        lines = [held.enter_context(socket.create_connection((host, int(port)), 20)) for _ in range(2)]
        before = [exchanged(line, b"begin") for line in lines]
        cloud.ok("scale", "-d", f"{name}=1")
        eventually(lambda: cloud.worker(f"{name}.2").state == "draining", within_s=10)
        eventually(lambda: cloud.worker(f"{name}.2").inflight == 1, within_s=10)
        after = [exchanged(line, b"commit") for line in lines]
    eventually(lambda: cloud.is_ready(name, 1), within_s=10)

    assert before == [b"begin"] * 2
    assert after == [b"commit"] * 2


def exchanged(line: socket.socket, words: bytes) -> bytes:
    line.sendall(words)
    return line.recv(len(words))


def test_a_tcp_app_loses_a_killed_worker_and_serves_on(apps: Apps, cloud: Cloud) -> None:
    name = apps.run(*ECHO, options=("-n", "2", "-p", "9000/tcp"))
    [url] = cloud.app(name).urls

    cloud.ok("crash", f"{name}.1", "-y")

    eventually(lambda: cloud.worker(f"{name}.1").restarts and cloud.is_ready(name, 2), 10, "two again")
    assert [echoed(url, b"x") for _ in range(6)] == [b"x"] * 6


def test_a_tcp_app_serves_on_while_its_update_to_http_fails(apps: Apps, cloud: Cloud) -> None:
    name = apps.run(*ECHO, options=("-p", "9000/tcp"))
    [url] = cloud.app(name).urls
    over = threading.Event()

    def ask_until_over() -> set[bytes]:
        answers = {echoed(url, b"x")}
        while not over.wait(0.01):
            answers.add(echoed(url, b"x"))
        return answers

    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        stack.callback(over.set)
        answers = pool.submit(ask_until_over)
        failed = cloud.run("update", "-p", "9000", name, "false")

    assert failed.code == 1
    assert cloud.app(name).urls == [url]
    assert answers.result() == {b"x"}


def test_scaling_one_app_or_removing_it_leaves_another_alone(apps: Apps, cloud: Cloud) -> None:
    steady, other = apps.serve(2, stem="steady"), apps.serve(1)

    with Traffic(cloud, steady) as traffic:
        cloud.ok("scale", f"{other}=4")
        cloud.ok("restart", other)
        cloud.ok("rm", other, "-y")

    assert traffic.failures == {}
    assert traffic.sent > 100


# Answers its argument, the path that is asked, and / alone: what is of another revision is not found.
# It queues as many as real servers do: requests that were held up come all at once, and the proxy gives its
# own check no more time to get in than theirs.
STRICT = (
    "import http.server as h, os, sys\n"
    "class S(h.ThreadingHTTPServer): request_queue_size = 128\n"
    "class A(h.BaseHTTPRequestHandler):\n"
    "    def do_GET(s):\n"
    "        s.send_response(200 if s.path in ('/', sys.argv[1]) else 404)\n"
    "        s.send_header('X-Worker', os.uname()[1])\n"
    "        s.send_header('Content-Length', '0')\n"
    "        s.end_headers()\n"
    "S(('', 8000), A).serve_forever()"
)


def test_no_request_fails_while_an_update_changes_the_path_that_is_asked(apps: Apps, cloud: Cloud) -> None:
    options = ("-n", "2", "-p", "8000", "--health", "/before")
    name = apps.run("python3", "-c", STRICT, "/before", options=options)

    with Traffic(cloud, name) as traffic:
        cloud.ok("update", "--health", "/after", name, "python3", "-c", STRICT, "/after")
        cloud.ok("rollback", name)
        traffic.flows_on()

    assert traffic.failures == {}


def test_no_request_fails_while_an_app_is_scaled_up_and_down(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(4)

    with Traffic(cloud, name, "/?ms=15") as traffic:
        for _ in range(10):
            cloud.ok("scale", f"{name}=1")
            cloud.ok("scale", f"{name}=4")
        traffic.flows_on(50)

    assert traffic.failures == {}
    assert traffic.workers.keys() == {f"{name}.{slot}" for slot in (1, 2, 3, 4)}


# Answers who asks for /held once somebody has asked for /over.
HOLDING = (
    "import http.server as h, os, threading\n"
    "over = threading.Event()\n"
    "class S(h.ThreadingHTTPServer): request_queue_size = 128\n"
    "class A(h.BaseHTTPRequestHandler):\n"
    "    def do_GET(s):\n"
    "        if s.path == '/over': over.set()\n"
    "        if s.path == '/held': over.wait()\n"
    "        s.send_response(200)\n"
    "        s.send_header('X-Worker', os.uname()[1])\n"
    "        s.send_header('Content-Length', '0')\n"
    "        s.end_headers()\n"
    "S(('', 8000), A).serve_forever()"
)


def test_slow_requests_under_way_end_well_when_their_workers_leave(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("python3", "-c", HOLDING, options=("-n", "4", "-p", "8000", "--drain", "10m"))

    answers = answers_across_a_leave(cloud, name, 40)

    assert {answer.status for answer in answers} == {200}
    assert len({answer.worker for answer in answers}) == 4


def answers_across_a_leave(cloud: Cloud, app: str, count: int) -> list[Answer]:
    """Return the answers to requests that are all under way when all workers but one begin to leave."""
    in_flight, workers = counter(cloud, app), cloud.workers(app)
    with ThreadPoolExecutor(count) as clients, ExitStack() as held:
        for worker in workers:
            held.callback(end_requests, worker)
        slow = [clients.submit(cloud.get, app, "/held", within_s=200) for _ in range(count)]
        eventually(lambda: in_flight() >= count, within_s=20, what=f"{count} open requests")
        cloud.ok("scale", "-d", f"{app}=1")
        leave = len(workers) - 1
        eventually(lambda: waited_for(cloud, app) == leave, within_s=10, what="all that are waited for")
        held.close()
        answers = [request.result() for request in slow]
    eventually(lambda: cloud.is_ready(app, 1), within_s=10, what="the end of those that leave")
    return answers


def end_requests(worker: WorkerView) -> None:
    """The worker answers whom it has held, told past the proxy."""
    with closing(http.client.HTTPConnection(str(worker.address), 8000, timeout=30)) as line:
        line.request("GET", "/over")
        line.getresponse()


def waited_for(cloud: Cloud, app: str) -> int:
    """Return how many workers leave, and have open requests."""
    return sum(bool(w.state == "draining" and w.inflight) for w in cloud.workers(app))


def test_answers_that_come_in_pieces_end_well_when_their_workers_leave(apps: Apps, cloud: Cloud) -> None:
    code = (
        "import http.server as h, threading\n"
        "over = threading.Event()\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    protocol_version = 'HTTP/1.1'\n"
        "    def do_GET(s):\n"
        "        if s.path == '/over': over.set()\n"
        "        s.send_response(200); s.send_header('Transfer-Encoding', 'chunked'); s.end_headers()\n"
        "        s.wfile.write(b'6\\r\\npiece \\r\\n')\n"
        "        while s.path == '/held' and not over.wait(0.25): s.wfile.write(b'6\\r\\npiece \\r\\n')\n"
        "        s.wfile.write(b'0\\r\\n\\r\\n')\n"
        "h.ThreadingHTTPServer(('', 8000), A).serve_forever()"
    )
    name = apps.run("python3", "-c", code, options=("-p", "8000", "-n", "2", "--drain", "10m"))

    answers = answers_across_a_leave(cloud, name, 8)

    assert {piece for answer in answers for piece in answer.body.split(" ")} == {"piece", ""}


def counter(cloud: Cloud, app: str) -> Callable[[], int]:
    """Return what counts, much faster than requests end, the open connections to the app's workers of now."""
    addresses = [worker.address for worker in cloud.workers(app)]
    hexadecimal = {socket.inet_aton(str(address))[::-1].hex().upper() for address in addresses}
    with docker_by_hand() as client:
        proxy = client.inspect_container(cloud.part("proxy"))["State"]["Pid"]

    def in_flight() -> int:
        lines = Path(f"/proc/{proxy}/net/tcp").read_text().splitlines()[1:]  # it is on the host's network
        peers = [line.split()[2].split(":")[0] for line in lines if line.split()[3] == "01"]
        return sum(peer in hexadecimal for peer in peers)

    return in_flight


def test_drain_time_bounds_how_long_a_worker_is_waited_for(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("python3", "-c", HOLDING, options=("-n", "2", "-p", "8000", "--drain", "500ms"))
    in_flight = counter(cloud, name)
    with ThreadPoolExecutor(8) as clients, ExitStack() as held:
        held.callback(end_requests, cloud.worker(f"{name}.1"))
        slow = [clients.submit(cloud.get, name, "/held", within_s=200) for _ in range(8)]
        eventually(lambda: in_flight() >= 8, within_s=20, what="8 open requests")

        cloud.ok("scale", f"{name}=1")

        held.close()
        answers = [request.result() for request in slow]
    well = [answer.worker for answer in answers if answer.status == 200]
    assert len(well) >= 4
    assert {*well} == {f"{name}.1"}, "the other was not waited for"


def test_health_checks_that_a_hung_worker_left_unanswered_are_no_open_requests(
    apps: Apps, cloud: Cloud
) -> None:
    code = (
        "import http.server as h, time\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(s):\n"
        "        s.send_response(200); s.end_headers(); s.wfile.write(b'ok')\n"
        "        if s.path == '/hang': s.connection.shutdown(2); time.sleep(600)\n"
        "h.HTTPServer(('', 8000), A).serve_forever()"
    )
    name = apps.run("python3", "-c", code, options=("-p", "8000"))
    assert cloud.get(name, "/hang").status == 200
    eventually(lambda: cloud.worker(f"{name}.1").state == "unready", within_s=SECONDS)

    cloud.ok("stop", name)

    gone = "removed: no open requests"
    eventually(lambda: gone in cloud.events("--app", name), within_s=5, what=f"the event {gone}")


def test_no_request_fails_when_a_worker_is_killed(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(3)

    with Traffic(cloud, name) as traffic:
        cloud.ok("crash", f"{name}.2", "-y")
        eventually(lambda: cloud.worker(f"{name}.2").restarts and cloud.is_ready(name, 3), 10, "three again")
        traffic.flows_on()

    assert traffic.failures == {}


@contextmanager
def paused(cloud: Cloud, worker: str) -> Iterator[None]:
    """The worker is frozen by Docker meanwhile."""
    with docker_by_hand() as client:
        pause_by_hand(client, cloud.container(worker))
        try:
            yield
        finally:
            client.unpause(cloud.container(worker))


@contextmanager
def stopped(cloud: Cloud, worker: str) -> Iterator[None]:
    """Every process of the worker has had SIGSTOP meanwhile."""
    with docker_by_hand() as client:
        rows = client.top(cloud.container(worker), "-o pid")["Processes"]
    pids = [int(row[0]) for row in rows]
    stop(*pids)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("freeze", [paused, stopped])
def test_a_frozen_worker_is_out_of_rotation_within_seconds_and_comes_back(
    freeze: object, apps: Apps, cloud: Cloud
) -> None:
    assert callable(freeze)
    name = apps.serve(2)

    with freeze(cloud, f"{name}.1"):
        eventually(lambda: cloud.worker(f"{name}.1").state == "unready", within_s=SECONDS)
        eventually(lambda: who_answers(cloud, name) == {(200, f"{name}.2")}, within_s=SECONDS)
        reason = cloud.worker(f"{name}.1").reason
    eventually(lambda: cloud.is_ready(name, 2), within_s=SECONDS)
    eventually(lambda: cloud.get(name).worker == f"{name}.1", within_s=SECONDS)

    assert reason


def who_answers(cloud: Cloud, app: str) -> set[tuple[int, str]]:
    """Return status and worker of 20 quick answers; nothing when one of them took its time."""
    try:
        answers = [cloud.get(app, within_s=0.5) for _ in range(20)]
    except TimeoutError:
        return set()
    return {(answer.status, answer.worker) for answer in answers}


@pytest.mark.parametrize("options", [(), ("--health", "/")], ids=["default", "path"])
def test_clients_hardly_notice_a_frozen_worker(apps: Apps, cloud: Cloud, options: tuple[str, ...]) -> None:
    name = apps.serve(3, *options)

    with Traffic(cloud, name) as traffic, paused(cloud, f"{name}.1"):
        eventually(lambda: cloud.worker(f"{name}.1").state == "unready", within_s=SECONDS)
        traffic.flows_on(100)

    assert traffic.failures == {}


def test_a_worker_whose_app_answers_errors_is_not_sent_requests(apps: Apps, cloud: Cloud) -> None:
    code = (
        "import http.server as h, socket, os\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(s):\n"
        "        s.send_response(503 if os.path.exists('/tmp/sick') else 200)\n"
        "        s.send_header('X-Worker', socket.gethostname()); s.end_headers()\n"
        "    def log_message(s, *a): pass\n"
        "h.ThreadingHTTPServer(('', 8000), A).serve_forever()"
    )
    name = apps.run("python3", "-c", code, options=("-n", "2", "-p", "8000", "--health", "/ok"))

    with docker_by_hand() as client:
        made = client.exec_create(cloud.container(f"{name}.1"), ["touch", "/tmp/sick"])
        client.exec_start(made["Id"])
    eventually(lambda: cloud.worker(f"{name}.1").state == "unready", within_s=SECONDS)

    eventually(lambda: who_answers(cloud, name) == {(200, f"{name}.2")}, within_s=SECONDS)
    # on a full machine an answer may be late, and that is the reason told then
    eventually(
        lambda: "503" in cloud.worker(f"{name}.1").reason, within_s=SECONDS, what="an answer that is told"
    )


def test_ready_means_that_the_first_request_finds_every_worker(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    for count in (3, 5):
        cloud.ok("scale", f"{name}={count}")
        answers = [cloud.get(name) for _ in range(2 * count)]

        assert {answer.worker for answer in answers} == {f"{name}.{slot}" for slot in range(1, count + 1)}


def test_a_long_answer_and_a_large_body_pass_whole(apps: Apps, cloud: Cloud) -> None:
    code = (
        "import http.server as h\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(s): s.send_response(200); s.end_headers()\n"
        "    def do_POST(s):\n"
        "        n = int(s.headers['Content-Length']); b = s.rfile.read(n)\n"
        "        s.send_response(200); s.send_header('Content-Length', str(n)); s.end_headers()\n"
        "        s.wfile.write(b)\n"
        "h.ThreadingHTTPServer(('', 8000), A).serve_forever()"
    )
    name = apps.run("python3", "-c", code, options=("-p", "8000"))
    body = os.urandom(2**20) * 20

    assert posted(cloud, name, body) == body


def posted(cloud: Cloud, app: str, body: bytes) -> bytes:
    """Return what the app answers to the body, read while it is being written."""
    address = cloud.settings.bind, cloud.settings.http_port
    size = f"Connection: close\r\nContent-Length: {len(body)}"
    head = f"POST / HTTP/1.1\r\nHost: {app}.localhost\r\n{size}\r\n\r\n"
    with closing(socket.create_connection(address, timeout=20)) as line, line.makefile("rb") as answer:
        writer = threading.Thread(target=line.sendall, args=(head.encode() + body,))
        writer.start()
        _, _, received = answer.read().partition(b"\r\n\r\n")
        writer.join()
    return received
