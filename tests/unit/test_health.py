"""Workers are ready when they answer, unready within a second when they do not, and never by mistake."""

from __future__ import annotations

import errno
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.observe import health, verdicts
from manager.observe.health import Prober
from manager.observe.listeners import Listeners
from manager.observe.verdicts import (
    LEAST_LIMIT_S,
    LONGEST_PAUSE_S,
    LONGEST_PERIOD_S,
    LONGEST_UNUSED_S,
    PATIENCE_S,
    PERIOD_S,
    QUESTIONS_PER_S,
    Standing,
    Target,
    Verdict,
    explain,
    hurried,
    judge,
    other_port,
    pause_of,
    period_of,
    settle,
    span,
)
from netsetup.sockets import connections_of
from tests.eventually import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HTTP = Target("10.0.0.4", 8000, "http")
HERE = IPv4Address("127.0.0.1")
STARTING = Target("10.0.0.4", 8000, "http", starting=True)


def settled(*answers: bool, target: Target = HTTP, took_s: float = 0.01) -> Standing:
    """Return the standing after these answers, each asked for when it was due."""
    standing = Standing(due_at=0.0)
    for ok in answers:
        at = standing.due_at + took_s
        standing = settle(standing, target, Verdict(ok, "", at, took_s), spread=0.0, period_s=PERIOD_S)
    return standing


# what an answer means


@pytest.mark.parametrize(
    ("kind", "answer", "ok", "text"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n", True, "GET / 200"),
        ("http", b"HTTP/1.0 404 Not Found\r\n", True, "GET / 404"),
        ("http", b"HTTP/1.1 503 \r\n", False, "GET / 503"),
        ("path", b"HTTP/1.1 302 Found\r\n", True, "GET / 302"),
        ("path", b"HTTP/1.1 404 Not Found\r\n", False, "GET / 404"),
        ("http", b"SSH-2.0-OpenSSH\r\n", False, "GET / answered something that is not HTTP"),
        ("http", b"HTTP/1.1 999 \r\n", False, "GET / answered something that is not HTTP"),
        ("http", b"x" * 1024, False, "GET / answered something that is not HTTP"),
    ],
)
def test_an_answer_is_judged_by_its_status(
    kind: Literal["http", "path"], answer: bytes, ok: bool, text: str
) -> None:
    assert judge(Target("10.0.0.4", 80, kind), answer, ended=False) == (ok, text)


def test_half_a_status_line_is_no_answer_yet() -> None:
    assert judge(HTTP, b"HTTP/1.1 2", ended=False) is None
    assert judge(HTTP, b"HTTP/1.1 2", ended=True) == (False, "GET / answered something that is not HTTP")
    assert judge(HTTP, b"", ended=True) == (False, "GET / closed without an answer")


@settings(deadline=None)
@given(st.binary(max_size=2000), st.booleans())
def test_any_bytes_can_be_judged(answer: bytes, ended: bool) -> None:
    assert judge(HTTP, answer, ended=ended) is not None or not ended


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ECONNREFUSED, "GET / refused on port 8000"),
        (errno.EHOSTUNREACH, "GET / found no way to 10.0.0.4"),
        (errno.ECONNRESET, "GET / closed without an answer"),
        (errno.ETIMEDOUT, "GET / failed: connection timed out"),
    ],
)
def test_a_failed_connection_is_explained(code: int, text: str) -> None:
    assert explain(HTTP, code) == text


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        ({}, "(nothing listens on port 8000)"),
        ({9000: [HERE], 9001: [HERE]}, "(nothing listens on port 8000, but on 9000, 9001)"),
        ({8000: [IPv4Address("0.0.0.0")]}, "on port 8000"),
        ({8000: [HERE]}, "(it listens on 127.0.0.1 only: have it listen on 0.0.0.0)"),
    ],
)
def test_a_refusal_tells_where_the_program_listens_instead(heard: Listeners, why: str) -> None:
    assert explain(HTTP, errno.ECONNREFUSED, heard) == f"GET / refused {why}"


@pytest.mark.parametrize(
    ("heard", "port"),
    [({9000: [HERE]}, 9000), ({9000: [HERE], 9001: [HERE]}, None), ({8000: [HERE]}, None), (None, None)],
)
def test_a_program_s_other_port_is_the_only_one_where_it_listens(
    heard: Listeners | None, port: int | None
) -> None:
    assert other_port(HTTP, heard) == port


def test_durations_are_short_words() -> None:
    assert [span(0.0001), span(0.004), span(0.25), span(1.0)] == ["1 ms", "4 ms", "250 ms", "1 s"]


# when to ask again


def test_one_failure_of_a_ready_worker_is_asked_for_again_at_once() -> None:
    standing = settled(True, False)

    assert standing.ok
    assert standing.due_at == pytest.approx(PERIOD_S + 0.01)


def test_two_failures_in_a_row_make_it_unready() -> None:
    assert not settled(True, False, False).ok
    assert settled(True, False, True, False).ok


def test_a_starting_worker_is_unready_at_its_first_failure() -> None:
    standing = settled(False, target=STARTING)

    assert standing.verdict is not None
    assert not standing.verdict.ok


def test_a_worker_met_running_is_not_called_unready_for_one_failure() -> None:
    assert settled(False).verdict is None
    assert not settled(False, False).ok


def test_a_frozen_worker_is_known_within_a_second_of_its_last_answer() -> None:
    ready = settled(True)
    first_silence_at = ready.due_at + ready.limit_s

    second_silence_at = first_silence_at + ready.limit_s

    assert ready.verdict is not None
    assert second_silence_at - ready.verdict.at < 1.0


def test_many_workers_are_asked_less_often_so_that_questions_stay_few() -> None:
    assert period_of(1) == period_of(20) == PERIOD_S
    assert 50 / period_of(50) == QUESTIONS_PER_S
    assert period_of(10_000) == LONGEST_PERIOD_S


def test_a_worker_that_is_sent_nothing_is_asked_ever_more_rarely() -> None:
    pauses = [pause_of(PERIOD_S, unused_s) for unused_s in (0, 1, 10, 50, 1000)]

    assert pauses == [PERIOD_S, PERIOD_S, 2.0, LONGEST_UNUSED_S, LONGEST_UNUSED_S]


def test_requests_bring_back_the_usual_pace() -> None:
    rare = settle(settled(True), HTTP, Verdict(True, "", 100.0, 0.01), spread=0.0, period_s=LONGEST_UNUSED_S)

    assert rare.due_at >= 100.0 + LONGEST_UNUSED_S - 0.01
    assert hurried(rare, PERIOD_S).due_at == pytest.approx(100.0 + PERIOD_S)
    assert hurried(settled(False), PERIOD_S) == settled(False)


def test_pauses_of_an_unready_worker_grow_gently() -> None:
    standings = [settled(*[False] * count, target=STARTING) for count in range(1, 20)]
    pauses = [each.due_at - each.verdict.at for each in standings if each.verdict]

    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(0.02)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S)


def test_a_slow_worker_gets_more_time_and_never_more_than_a_second() -> None:
    assert settled(True, took_s=0.01).limit_s == LEAST_LIMIT_S
    assert settled(True, took_s=0.1).limit_s == pytest.approx(0.4)
    assert settled(True, took_s=0.6).limit_s == PATIENCE_S
    assert settled(False, False).limit_s == PATIENCE_S


# the thread, with sockets


class Worker:
    """A server on 127.0.0.9 that treats every connection as `serve` says."""

    def __init__(self, serve: Callable[[socket.socket], None], port: int = 0) -> None:
        self.serve = serve
        self._server = socket.create_server(("127.0.0.9", port), backlog=64)
        self.port: int = self._server.getsockname()[1]
        self.asked = 0
        self._kept: list[socket.socket] = []
        self._peers: list[object] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def target(self, kind: Literal["http", "path", "tcp"] = "http", **more: bool) -> Target:
        return Target("127.0.0.9", self.port, kind, starting=more.get("starting", True))

    def came_before(self) -> int:
        """Return how many connections came before one that is made now, and then is one of them."""
        with socket.create_connection(self._server.getsockname()) as own:
            name = own.getsockname()
            eventually(lambda: name in self._peers, what="a connection of the test's")
        return self._peers.index(name)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for connection in self._kept:
            connection.close()

    def _run(self) -> None:
        while True:
            try:
                connection, peer = self._server.accept()
            except OSError:
                return
            self.asked += 1
            self._peers.append(peer)
            self._kept.append(connection)
            self.serve(connection)


def answer(text: bytes) -> Callable[[socket.socket], None]:
    """Return a way to serve that answers and closes; an empty text closes at once."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):  # a late answer meets a question that was taken back
            if text:
                connection.recv(4096)
                connection.sendall(text)

    return serve


def keep_silent(connection: socket.socket) -> None:
    """Hold the connection, as a frozen worker does."""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


class Calls:
    """Counts the calls of `changed`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@contextmanager
def probing(
    clock: Callable[[], float] = time.monotonic, /, **targets: Target
) -> Iterator[tuple[Prober, Calls]]:
    calls = Calls()
    prober = Prober(calls, clock)
    prober.start()
    try:
        prober.watch(targets)
        yield prober, calls
    finally:
        prober.stop()


@contextmanager
def worker(serve: Callable[[socket.socket], None], port: int = 0) -> Iterator[Worker]:
    server = Worker(serve, port)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ready workers asked four times as often as usual."""
    monkeypatch.setattr(verdicts, "PERIOD_S", PERIOD_S / 4)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each answer waited for as long as a machine may take that does other things."""
    monkeypatch.setattr(verdicts, "LEAST_LIMIT_S", 60.0)
    monkeypatch.setattr(verdicts, "PATIENCE_S", 60.0)


def text_of(prober: Prober, name: str) -> str:
    verdict = prober.verdicts().get(name)
    return verdict.text if verdict else ""


@pytest.mark.usefixtures("patient")
def test_a_worker_that_answers_is_ready_and_says_how_fast() -> None:
    with worker(answer(OK)) as web, probing(web=web.target()) as (prober, calls):
        eventually(lambda: "web" in prober.verdicts())

        verdict = prober.verdicts()["web"]
        eventually(lambda: calls.count)

    assert verdict.ok
    assert verdict.text.startswith("GET / 200 in ")


@pytest.mark.usefixtures("impatient", "patient")
def test_changed_is_called_for_flips_only() -> None:
    with worker(answer(OK)) as web, probing(web=web.target()) as (prober, calls):
        eventually(lambda: web.asked >= 3)
        assert calls.count == 1

        web.serve = answer(b"HTTP/1.1 500 no\r\n\r\n")
        eventually(lambda: text_of(prober, "web").startswith("GET / 500"))
        asked = web.asked
        eventually(lambda: web.asked >= asked + 3)

    assert calls.count == 2


def test_a_tcp_worker_is_ready_when_it_can_be_connected_to() -> None:
    with worker(keep_silent) as pong, probing(pong=pong.target("tcp")) as (prober, _):
        eventually(lambda: text_of(prober, "pong").startswith("connect in "))

    assert prober.verdicts()["pong"].ok


@pytest.mark.parametrize(
    ("serve", "text"),
    [
        (answer(b""), "GET / closed without an answer"),
        (reset, "GET / closed without an answer"),
        (answer(b"\x00\xff garbage\n"), "GET / answered something that is not HTTP"),
        (keep_silent, "GET / no answer in 1 s"),
    ],
    ids=["closes", "resets", "garbage", "silent"],
)
def test_an_answer_that_is_none_is_said_in_words(serve: Callable[[socket.socket], None], text: str) -> None:
    with worker(serve) as web, probing(web=web.target()) as (prober, _):
        eventually(lambda: text_of(prober, "web").startswith(text))

    assert not prober.verdicts()["web"].ok


def test_a_port_where_nobody_listens_is_refused() -> None:
    with worker(keep_silent) as gone:
        target = gone.target()
    with probing(web=target) as (prober, _):
        eventually(lambda: "web" in prober.verdicts())

        assert text_of(prober, "web") == f"GET / refused on port {target.port}"


def test_a_worker_that_goes_on_refusing_is_found_to_listen_elsewhere() -> None:
    with socket.create_server(("127.0.0.8", 0)) as server:
        target = Target("127.0.0.9", server.getsockname()[1], "http", starting=True, pid=os.getpid())
        with probing(web=target) as (prober, _):
            eventually(lambda: "it listens on 127.0.0.8 only" in text_of(prober, "web"))


def test_of_a_worker_that_goes_on_refusing_the_port_is_known_on_which_it_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "listeners", lambda pid: {9000: {HERE}})
    with socket.socket() as held:
        held.bind(("127.0.0.9", 0))  # no listener, and nobody else's
        target = Target("127.0.0.9", held.getsockname()[1], "http", starting=True, pid=os.getpid())
        with probing(web=target) as (prober, _):
            eventually(lambda: "but on 9000" in text_of(prober, "web"))

            assert prober.verdicts()["web"].other_port == 9000


def test_a_starting_worker_is_ready_soon_after_it_listens() -> None:
    with worker(answer(OK)) as web:
        target = web.target()
    with probing(web=target) as (prober, _):
        eventually(lambda: "web" in prober.verdicts())
        with worker(answer(OK), target.port):
            eventually(lambda: prober.verdicts()["web"].ok, what="that it is ready")


@pytest.mark.usefixtures("impatient")
def test_a_ready_worker_that_freezes_is_unready_and_comes_back() -> None:
    with worker(answer(OK)) as web, probing(web=web.target()) as (prober, _):
        eventually(lambda: "web" in prober.verdicts())

        web.serve = keep_silent
        eventually(lambda: not prober.verdicts()["web"].ok)
        assert text_of(prober, "web").startswith("GET / no answer in ")

        web.serve = answer(OK)
        eventually(lambda: prober.verdicts()["web"].ok)


@pytest.mark.parametrize("questions", [1, 3])
@pytest.mark.parametrize("reads", [False, True])
def test_a_question_that_found_no_answer_is_no_open_request(reads: bool, questions: int) -> None:
    """It is gone from the worker, whether read or not; so is the one under way, be it the first."""
    held: list[socket.socket] = []

    def hang(connection: socket.socket) -> None:
        if reads:
            connection.recv(4096)
        held.append(connection)

    with worker(hang) as web, probing(web=web.target()) as (prober, _):
        eventually(lambda: len(held) >= questions)
        prober.watch({})

        eventually(lambda: not any(one.owes for one in connections_of(web.port)))


@pytest.mark.usefixtures("impatient", "patient")
def test_one_lost_answer_changes_nothing() -> None:
    with worker(answer(OK)) as web, probing(web=web.target()) as (prober, calls):
        eventually(lambda: "web" in prober.verdicts())
        asked = web.asked

        def lose_one(connection: socket.socket) -> None:
            web.serve = answer(OK)
            reset(connection)

        web.serve = lose_one
        eventually(lambda: web.asked >= asked + 3)

    assert calls.count == 1
    assert prober.verdicts()["web"].ok


@pytest.mark.usefixtures("impatient", "patient")
def test_a_long_answer_is_not_waited_for_and_not_read_without_end() -> None:
    def pour(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            connection.close()

    with worker(pour) as web, probing(web=web.target()) as (prober, _):
        eventually(lambda: web.asked >= 3)

    assert prober.verdicts()["web"].ok


def test_an_unwatched_target_is_forgotten_and_asked_no_more() -> None:
    with worker(answer(OK)) as web, probing(web=web.target()) as (prober, _):
        eventually(lambda: "web" in prober.verdicts())

        prober.watch({})
        eventually(lambda: "web" not in prober.verdicts())
        came = web.came_before()
        prober.watch({"other": Target("127.0.0.9", 1, "http", starting=True)})
        eventually(lambda: "other" in prober.verdicts())

        assert web.came_before() == came + 1


@pytest.mark.usefixtures("impatient", "patient")
def test_what_is_known_of_a_target_outlives_its_start() -> None:
    with worker(answer(OK)) as web, probing(web=web.target()) as (prober, calls):
        eventually(lambda: "web" in prober.verdicts())

        prober.watch({"web": web.target(starting=False)})
        asked = web.asked
        eventually(lambda: web.asked >= asked + 2)

    assert calls.count == 1


@pytest.mark.usefixtures("patient")
def test_many_workers_are_all_asked() -> None:
    with worker(answer(OK)) as web:
        targets = {f"w{number}": web.target() for number in range(40)}
        with probing(**targets) as (prober, _):
            eventually(lambda: len(prober.verdicts()) == 40)

    assert all(verdict.ok for verdict in prober.verdicts().values())


def test_a_worker_that_was_asked_rarely_is_asked_at_once_when_requests_come() -> None:
    later_s = [0.0]

    def clock() -> float:
        return time.monotonic() + later_s[0]

    with worker(answer(OK)) as web, probing(clock, web=web.target()) as (prober, _):
        eventually(lambda: "web" in prober.verdicts())
        later_s[0] = 1000.0
        prober.watch({"web": web.target()})  # it looks at the clock
        eventually(lambda: prober.verdicts()["web"].at >= 1000.0)  # and is asked again in 10 s
        asked = web.asked

        prober.hurry(["web"])

        eventually(lambda: web.asked >= asked + 2, within_s=15.0, what="two questions", busy=1)


@pytest.mark.usefixtures("patient")
def test_a_lack_of_descriptors_is_not_held_against_a_worker(caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    stands_at = [time.monotonic()]  # so that no probe is under way, for which the worker would lack one

    def clock() -> float:
        return stands_at[0] if stands_at else time.monotonic()

    with worker(answer(OK)) as web, probing(clock, web=web.target()) as (prober, calls):
        eventually(lambda: "web" in prober.verdicts())
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            stands_at.clear()
            eventually(lambda: "health probes wait" in caplog.text, what="a probe without a descriptor")
            known, lacks_since = prober.verdicts()["web"], time.monotonic()
            eventually(lambda: time.monotonic() > lacks_since + 2 * PERIOD_S)
            assert known.ok
            assert prober.verdicts()["web"] is known
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        eventually(lambda: prober.verdicts()["web"] is not known, what="another verdict")
        assert prober.verdicts()["web"].ok

    assert calls.count == 1


def test_stop_ends_the_thread_and_closes_what_is_under_way() -> None:
    before = set(threading.enumerate())
    with worker(keep_silent) as web, probing(web=web.target()):
        eventually(lambda: web.asked)

    assert set(threading.enumerate()) <= before
