"""What the rest of the manager sees of a Docker that is away, silent, or back again."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.docker_engine import DockerEngine
from manager.engine.orders import WorkerOrder
from tests.eventually import eventually
from tests.real.busybox import own_cloud, own_image, worker_order
from tests.real.doorway import Doorway, Way, doorway

SHORT_S = 0.5  # how long a Docker is waited for that will not answer
TOLD_S = 90.0  # longer than a busy machine takes to tell of what has happened

# The socket is closed by the collector, and only said to have been: `connect` of docker's transport.
pytestmark = [
    pytest.mark.usefixtures("refused_connections"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    ),
]


@pytest.fixture
def refused_connections() -> Iterator[None]:
    """Collect within the test what docker's client drops unclosed when it cannot connect."""
    yield
    gc.collect()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Doorway]:
    with doorway(tmp_path) as door:
        yield door


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


def test_a_watch_outlives_docker_and_tells_when_it_goes_and_is_back(door: Doorway) -> None:
    changes = threading.Semaphore(0)
    with own_cloud() as engine, own_image(engine) as image:
        through = DockerEngine(engine.cloud, door.path)
        watch = through.watch(changes.release)
        assert changes.acquire(timeout=TOLD_S), "it tells that it follows"

        door.shut()
        assert changes.acquire(timeout=TOLD_S), "it tells that Docker has gone"
        assert not changes.acquire(timeout=0.5), "and that once"
        door.open()

        assert changes.acquire(timeout=TOLD_S), "it tells once Docker is back"
        engine.create(worker_order(image, "sleep", "100", prefix=f"sc_{engine.cloud}"))
        assert changes.acquire(timeout=TOLD_S), "it follows again"
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


CHANGES: tuple[tuple[str, Callable[[DockerEngine, WorkerOrder], None], str | None], ...] = (
    ("create", lambda engine, order: engine.create(order), "created"),
    ("start", lambda engine, order: engine.start(order.name), "running"),
    ("pause", lambda engine, order: engine.pause(order.name), "paused"),
    ("unpause", lambda engine, order: engine.unpause(order.name), "running"),
    ("stop", lambda engine, order: engine.stop([order.name], 0), "exited"),
    ("remove", lambda engine, order: engine.remove(order.name), None),
)


@pytest.mark.parametrize("way", [Way.DEAF, Way.LOST, Way.SILENT], ids=lambda way: way.value)
def test_a_change_that_failed_is_made_once_it_is_repeated_whatever_came_of_it(
    door: Doorway, way: Way
) -> None:
    with own_cloud() as engine, own_image(engine) as image:
        through = DockerEngine(engine.cloud, door.path, timeout_s=SHORT_S)
        order = worker_order(image, "sleep", "100", prefix=f"sc_{engine.cloud}")
        assert through.worker(order.name) is None  # so it knows Docker's version, which it asks for once
        for name, change, state in CHANGES:
            door.fail(way)
            with pytest.raises(EngineError, match="docker"):
                change(through, order)
            door.mend(way)
            change(engine, order)
            found = engine.worker(order.name)
            assert (found and found.state) == state, name
        through.close()


@pytest.mark.parametrize(("way", "made"), [(Way.DEAF, False), (Way.LOST, True)], ids=str)
def test_a_change_that_failed_was_made_or_was_not(door: Doorway, way: Way, made: bool) -> None:
    with own_cloud() as engine, own_image(engine) as image:
        through = DockerEngine(engine.cloud, door.path)
        order = worker_order(image, "sleep", "100", prefix=f"sc_{engine.cloud}")
        door.fail(way)

        with pytest.raises(EngineError, match="cannot create"):
            through.create(order)

        eventually(lambda: (engine.worker(order.name) is not None) is made, within_s=5)
        engine.remove(order.name)
        through.close()
