"""What the rest of the manager sees of a Docker that is away, silent, or back again."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.docker_engine import DockerEngine
from tests.real.busybox import own_cloud, own_image, worker_order

DOCKER = "/var/run/docker.sock"

# The socket is closed by the collector, and only said to have been: `connect` of docker's transport.
pytestmark = [
    pytest.mark.usefixtures("refused_connections"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]


class Doorway:
    """A Unix socket before Docker's, which can be shut as if Docker died, and opened again."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._path)
        listening.listen()
        self._begin(listening, partial(self._accept, listening))

    def shut(self) -> None:
        os.unlink(self._path)
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for one in self._sockets:
            one.close()
        self._sockets, self._threads = [], []

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                inside, _ = listening.accept()
                outside = socket.socket(socket.AF_UNIX)
                outside.connect(DOCKER)
                self._begin(inside, partial(self._carry, inside, outside))
                self._begin(outside, partial(self._carry, outside, inside))

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    def _begin(self, one: socket.socket, work: Callable[[], None]) -> None:
        self._sockets.append(one)
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()


@pytest.fixture
def refused_connections() -> Iterator[None]:
    """Collect within the test what docker's client drops unclosed when it cannot connect."""
    yield
    gc.collect()


@pytest.fixture
def doorway(tmp_path: Path) -> Iterator[Doorway]:
    door = Doorway(tmp_path / "docker.sock")
    door.open()
    yield door
    door.shut()


def test_a_docker_that_is_not_there_is_said_to_be_unreachable(tmp_path: Path) -> None:
    engine = DockerEngine("nowhere", tmp_path / "none.sock")

    with pytest.raises(EngineError, match="cannot be reached"):
        engine.workers()
    engine.close()


def test_a_docker_that_does_not_answer_leaves_the_result_open(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent.sock")
        silent.listen()
        engine = DockerEngine("nowhere", tmp_path / "silent.sock", timeout_s=0.2)

        with pytest.raises(EngineError, match="look again"):
            engine.start("sc_nobody_web_1_1")
        engine.close()


def test_a_watch_outlives_docker_and_tells_when_it_is_back(tmp_path: Path, doorway: Doorway) -> None:
    changes = threading.Semaphore(0)
    with own_cloud() as engine, own_image(engine) as image:
        through = DockerEngine(engine.cloud, tmp_path / "docker.sock")
        watch = through.watch(changes.release)
        assert changes.acquire(timeout=5)

        doorway.shut()
        assert not changes.acquire(timeout=0.5)
        doorway.open()

        assert changes.acquire(timeout=5), "it tells once Docker is back"
        engine.create(worker_order(image, "sleep", "100", prefix=f"sc_{engine.cloud}"))
        assert changes.acquire(timeout=5), "it follows again"
        watch.close()
        through.close()
        for name in engine.owned():
            engine.remove(name)


def test_a_watch_can_be_closed_while_docker_is_away(tmp_path: Path) -> None:
    engine = DockerEngine("nowhere", tmp_path / "none.sock")
    watch = engine.watch(lambda: None)

    watch.close()

    assert "docker-events" not in [thread.name for thread in threading.enumerate()]
    engine.close()
