"""Requests being served, as the kernel of this machine counts them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.eventually import eventually
from tests.real.netsetup.lab import HTTP, Cloud


def test_a_request_is_in_flight_until_it_is_answered(cloud: Cloud) -> None:
    worker, other = cloud.worker(), cloud.worker()
    server = worker.room.listen(9001)

    def in_flight() -> int:
        return cloud.network.in_flight(worker.room.path, 9001)

    with other.room.connect(worker.address, 9001) as client:
        served, _ = server.accept()
        with served:
            assert in_flight() == 0
            for _ in range(2):
                client.sendall(b"request")
                assert eventually(lambda: in_flight() == 1)
                served.recv(100)
                assert in_flight() == 1
                assert eventually(_tick())
                served.sendall(b"answer")
                client.recv(100)
                assert eventually(lambda: in_flight() == 0)
                assert eventually(_tick())


def _tick() -> Callable[[], bool]:
    """Return a condition that is true after 20 ms, two ticks of the slowest kernel: ages then differ."""
    until = time.monotonic() + 0.02
    return lambda: time.monotonic() > until


def test_an_answer_is_in_flight_until_all_of_it_is_delivered(cloud: Cloud) -> None:
    worker = cloud.worker()
    server = worker.room.listen(9001)
    with socket.create_connection((str(worker.address), 9001)) as client:
        served, _ = server.accept()
        client.sendall(b"request")
        served.recv(100)
        served.setblocking(False)
        written = sum(iter(lambda: _written(served), 0))
        served.close()

        assert cloud.network.in_flight(worker.room.path, 9001) == 1

        received = 0
        while received < written:
            received += len(client.recv(1 << 20))
        assert eventually(lambda: cloud.network.in_flight(worker.room.path, 9001) == 0)


def _written(connection: socket.socket) -> int:
    try:
        return connection.send(bytes(1 << 16))
    except BlockingIOError:
        return 0


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_connection_that_this_host_holds_is_in_flight_until_it_is_closed(
    cloud: Cloud, family: socket.AddressFamily
) -> None:
    worker, other = cloud.worker(), cloud.worker()
    server = worker.room.run(
        lambda: socket.create_server(("", 9001), family=family, dualstack_ipv6=family == socket.AF_INET6)
    )

    def held() -> int:
        return cloud.network.in_flight(worker.room.path, 9001)

    with server:
        other.room.connect(worker.address, 9001)
        assert held() == 0
        server.accept()[0].close()
        client = socket.create_connection((str(worker.address), 9001))
        served, _ = server.accept()
        with served:
            with client:
                client.sendall(b"request")
                served.recv(100)
                assert eventually(_tick())
                served.sendall(b"a piece of the answer")
                client.recv(100)
                assert eventually(_tick())
                assert held() == 1
            assert served.recv(100) == b""
            assert held() == 0


def test_requests_to_other_ports_of_the_worker_do_not_count(cloud: Cloud) -> None:
    worker = cloud.worker()
    with socket.create_connection((str(worker.address), HTTP)) as client:
        client.sendall(b"request")

        assert eventually(lambda: cloud.network.in_flight(worker.room.path, HTTP) == 1)
        assert cloud.network.in_flight(worker.room.path, HTTP + 1) == 0


def test_requests_from_this_host_are_awaited_until_they_are_answered(cloud: Cloud) -> None:
    worker, other = cloud.worker(), cloud.worker()
    asked, silent = (worker.address, 9001), (other.address, 9001)
    server = worker.room.listen(9001)
    other.room.listen(9001)
    with socket.create_connection((str(worker.address), 9001)) as client:
        served, _ = server.accept()
        with served, socket.create_connection((str(other.address), 9001)) as unanswered:
            assert cloud.network.awaited() == {}
            client.sendall(b"request")
            unanswered.sendall(b"request")

            assert eventually(lambda: cloud.network.awaited() == {asked: 1, silent: 1})

            assert eventually(_tick())
            served.sendall(b"answer")
            client.recv(100)
            assert eventually(lambda: cloud.network.awaited() == {silent: 1})


def test_who_is_not_let_in_is_awaited_too(cloud: Cloud) -> None:
    worker = cloud.worker()
    with worker.room.run(lambda: socket.create_server(("", 9001), backlog=0)) as server:
        server.listen(0)
        with ExitStack() as clients:
            for _ in range(4):
                client = clients.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex((str(worker.address), 9001))

            assert eventually(lambda: cloud.network.awaited().get((worker.address, 9001), 0) > 0)
