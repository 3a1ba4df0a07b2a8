"""Requests being served, as the kernel of this machine counts them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from tests.real.netsetup.lab import HTTP, Cloud, eventually


def test_a_request_is_in_flight_until_it_is_answered(cloud: Cloud) -> None:
    worker = cloud.worker()
    server = worker.room.listen(9001)

    def in_flight() -> int:
        return cloud.network.in_flight(worker.room.path, 9001)

    with socket.create_connection((str(worker.address), 9001)) as client:
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


def test_requests_to_other_ports_of_the_worker_do_not_count(cloud: Cloud) -> None:
    worker = cloud.worker()
    with socket.create_connection((str(worker.address), HTTP)) as client:
        client.sendall(b"request")

        assert eventually(lambda: cloud.network.in_flight(worker.room.path, HTTP) == 1)
        assert cloud.network.in_flight(worker.room.path, HTTP + 1) == 0
