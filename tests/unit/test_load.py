"""Load leaves when its time has come, is bounded, and counts every request once."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import threading
from contextlib import ExitStack
from itertools import pairwise

import pytest

from shell.traffic.endpoint import Endpoint
from shell.traffic.exchange import Answer, Connections
from shell.traffic.load import IN_FLIGHT, Load, Plan, Report, Tally, arrivals, percentile, run
from tests.eventually import eventually
from tests.fakes.website import HELLO, Website, serving


def plan_for(port: int, *, start: float = 400.0, end: float | None = None, seconds: float = 0.125) -> Plan:
    return Plan(Endpoint("127.0.0.1", port, "web.localhost:8080", ""), "/x?y=1", start, end or start, seconds)


def reported(website: Website, **plan: float) -> Report:
    with serving(website):
        return run(plan_for(website.port, **plan), threading.Event(), Tally())


def test_a_constant_load_is_spread_evenly_over_its_time() -> None:
    due = list(arrivals(plan_for(1, start=10, seconds=2)))

    assert len(due) == 20
    assert due == pytest.approx([number / 10 for number in range(20)])


def test_a_ramp_sends_as_many_requests_as_its_mean_rate_and_rises() -> None:
    due = list(arrivals(plan_for(1, start=10, end=30, seconds=10)))

    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert len(due) == 200
    assert due[-1] < 10
    assert gaps[0] == pytest.approx(1 / 10, rel=0.02)
    assert gaps[-1] == pytest.approx(1 / 30, rel=0.02)


def test_a_ramp_may_fall() -> None:
    due = list(arrivals(plan_for(1, start=30, end=10, seconds=10)))

    assert len(due) == 200
    assert due == sorted(due)
    assert due[-1] < 10


def test_every_answer_of_2xx_or_3xx_is_ok_and_tells_its_worker() -> None:
    report = reported(Website())

    assert (report.sent, report.ok, report.failed) == (50, 50, 0)
    assert report.per_worker == {"web.1": 50}
    assert report.p50_s is not None
    assert report.p99_s is not None
    assert 0 < report.p50_s <= report.p99_s < 10


def test_a_request_carries_the_host_and_the_path_of_its_app() -> None:
    website = Website()

    reported(website, seconds=0.02)

    assert website.requests[0].startswith(b"GET /x?y=1 HTTP/1.1\r\nHost: web.localhost:8080\r\n")


def test_an_answer_may_come_behind_any_number_of_interim_ones() -> None:
    report = reported(Website(answer=b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + HELLO), seconds=0.02)
    assert report.ok == report.sent > 0


def test_connections_are_kept_and_used_again() -> None:
    website = Website()

    reported(website, start=100, seconds=0.5)

    assert len(website.requests) == 50
    assert website.connections < len(website.requests)


@pytest.mark.parametrize("status", ["404 Not Found", "503 Service Unavailable"])
def test_answers_of_4xx_and_5xx_are_failures_with_their_status(status: str) -> None:
    report = reported(Website(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()))

    assert report.failed == report.sent == 50
    assert report.errors == {f"status {status[:3]}": 50}
    assert report.p50_s is None


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO,
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_every_way_to_frame_an_answer_keeps_the_connection(answer: bytes) -> None:
    website = Website(answer)

    async def asked_twice() -> list[Answer]:
        connections = Connections.to(Endpoint("127.0.0.1", website.port, "web.localhost", ""), "/")
        try:
            return [await connections.get() for _ in range(2)]
        finally:
            connections.close()

    with serving(website):
        answers = asyncio.run(asked_twice())

    assert all(200 <= answer.status < 400 for answer in answers)
    assert (len(website.requests), website.connections) == (2, 1)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"]
)
def test_an_answer_may_end_with_its_connection(head: bytes) -> None:
    website = Website(head + b"hello", closing=1)

    report = reported(website)

    assert report.ok == 50
    assert website.connections == 50


def test_a_kept_connection_that_the_server_closed_is_no_failure() -> None:
    website = Website(closing=1)

    report = reported(website, start=80)

    assert (report.sent, report.ok) == (10, 10)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "cut short"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", "cut short"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not http"),
        (b"", "closed"),
    ],
)
def test_a_broken_answer_is_a_failure_with_its_cause(answer: bytes, cause: str) -> None:
    report = reported(Website(answer, closing=1), start=80)

    assert report.failed == 10
    assert report.errors == {cause: 10}


def test_a_closed_port_is_a_failure_not_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        report = run(plan_for(unused.getsockname()[1], start=80), threading.Event(), Tally())

    assert report.errors == {"refused": 10}


def test_arrivals_do_not_wait_for_answers_and_those_over_the_bound_fail() -> None:
    website = Website(held=True)
    with serving(website):
        load = Load(plan_for(website.port, start=2000, seconds=0.3))
        eventually(lambda: load.tally.errors["overload"], what="one over the bound")
        assert len(website.requests) <= IN_FLIGHT
        website.release()
        report = load.join()

    assert report.sent == 600
    assert report.ok + report.errors["overload"] == 600
    assert report.errors["overload"] > 0


def test_a_stopped_load_reports_what_it_sent() -> None:
    website = Website()
    with serving(website):
        load = Load(plan_for(website.port, start=50, seconds=600))
        eventually(lambda: len(website.requests) >= 5, within_s=10.0)
        load.stop()
        report = load.join()

    assert load.done
    assert report.sent == report.ok == len(website.requests)


def test_a_load_that_was_waited_for_until_ctrl_c_still_reports() -> None:
    website = Website()

    def interrupt() -> None:
        eventually(lambda: len(website.requests) >= 5, within_s=10.0)
        os.kill(os.getpid(), signal.SIGINT)

    def joined_until_ctrl_c(load: Load) -> None:
        threading.Thread(target=interrupt).start()  # the ^C may come before the next line
        load.join()

    with serving(website):
        load = Load(plan_for(website.port, start=50, seconds=600))
        with pytest.raises(KeyboardInterrupt):
            joined_until_ctrl_c(load)
        assert not load.done
        load.stop()
        report = load.join()

    assert report.sent == report.ok == len(website.requests)


def test_whom_a_website_lets_in_as_it_ends_is_left_with_no_open_connection() -> None:
    with ExitStack() as clients:
        with serving(Website()) as website:
            for _ in range(20):
                clients.enter_context(socket.create_connection(("127.0.0.1", website.port)))
        del website

    gc.collect()  # a socket that nobody closed is an error


def test_percentiles_are_of_the_nearest_rank() -> None:
    hundred = [float(number) for number in range(1, 101)]

    assert [percentile(hundred, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]
    assert percentile([7.0], 0.5) == 7.0
    assert percentile([], 0.5) is None


def test_fields_without_a_value_are_left_out() -> None:
    report = Report(sent=1, ok=0, failed=1, p50_s=None, p95_s=None, p99_s=None, rate_rps=2.0)

    assert report.fields() == {"sent": 1, "ok": 0, "failed": 1, "rate_rps": 2.0}
