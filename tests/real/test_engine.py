"""What DockerEngine makes of a container, seen from inside it and from Docker's own side."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.docker_engine import DockerEngine
from manager.engine.orders import FileMount, WorkerOrder
from tests.eventually import eventually
from tests.real.busybox import own_cloud, own_image, worker_order
from tests.real.cloud import docker_by_hand


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with own_cloud() as engine, own_image(engine) as reference:
        yield reference


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    with own_cloud() as engine:
        yield engine


def order(image: str, *command: str) -> WorkerOrder:
    return worker_order(image, *command, prefix=f"sc_{secrets.token_hex(4)}")


def output(engine: DockerEngine, wanted: WorkerOrder) -> list[str]:
    """Return what the worker wrote until its end."""
    engine.create(wanted)
    engine.start(wanted.name)
    with engine.logs(wanted.name, follow=True) as written:
        return [line.text for line in written]


def test_a_worker_has_no_capabilities_no_way_to_new_ones_and_a_seccomp_filter(
    engine: DockerEngine, image: str
) -> None:
    status = output(engine, order(image, "cat", "/proc/self/status"))

    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert fields["CapEff"] == fields["CapBnd"] == "0" * 16
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


def test_a_worker_has_only_the_capabilities_that_were_asked_for(engine: DockerEngine, image: str) -> None:
    wanted = replace(order(image, "cat", "/proc/self/status"), cap_add=("NET_BIND_SERVICE",))

    assert f"CapEff:\t{1 << 10:016x}" in output(engine, wanted)


def test_a_worker_is_on_no_network(engine: DockerEngine, image: str) -> None:
    assert output(engine, order(image, "ls", "/sys/class/net")) == ["lo"]


def test_a_worker_knows_its_own_name_and_asks_no_foreign_resolver(engine: DockerEngine, image: str) -> None:
    assert output(engine, order(image, "sh", "-c", "hostname; cat /etc/resolv.conf")) == ["web.1"]


def test_arguments_arrive_exactly_as_they_were_given(engine: DockerEngine, image: str) -> None:
    odd = ("", " ", "a b", "$HOME", '"', "'", "*", "\\n", "--help", "ä")
    script = 'for word in "$@"; do echo "[$word]"; done'

    lines = output(engine, order(image, "sh", "-c", script, "sh", *odd))

    assert lines == [f"[{word}]" for word in odd]


def test_environment_user_and_read_only_root_are_as_ordered(engine: DockerEngine, image: str) -> None:
    wanted = order(image, "sh", "-c", "echo $COLOUR; id -u; (echo x > /file) 2>/dev/null || echo refused")
    wanted = replace(wanted, environment={"COLOUR": "blue = green"}, user="1234", read_only=True)

    lines = output(engine, wanted)

    assert lines == ["blue = green", "1234", "refused"]


def test_limits_are_recorded_by_docker_and_set_in_the_kernel(engine: DockerEngine, image: str) -> None:
    wanted = replace(order(image, "sleep", "100"), cpus=0.5, memory_bytes=64 << 20, pids=33)
    engine.create(wanted)

    with docker_by_hand() as client:
        kept = client.inspect_container(wanted.name)["HostConfig"]

    assert (kept["NanoCpus"], kept["Memory"], kept["PidsLimit"]) == (500_000_000, 64 << 20, 33)
    assert kept["MemorySwap"] == kept["Memory"]
    assert kept["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert kept["RestartPolicy"]["Name"] == "no"


def test_a_worker_beyond_its_memory_is_seen_as_killed_for_it(engine: DockerEngine, image: str) -> None:
    """It starts again after each end: of some Docker does not hear what the kernel killed them for."""
    wanted = replace(order(image, "busybox", "tail", "/dev/zero"), memory_bytes=16 << 20)

    for _ in range(5):
        output(engine, wanted)
        eventually(lambda: engine.workers()[0].state == "exited", within_s=10)

        worker = engine.workers()[0]
        assert (worker.exit_code, worker.oom_killed) == (128 + 9, True)


def test_a_limit_that_docker_refuses_makes_no_container(engine: DockerEngine, image: str) -> None:
    with pytest.raises(EngineError, match="minimum memory limit"):
        engine.create(replace(order(image, "sleep", "100"), memory_bytes=1 << 20))

    assert engine.workers() == []


def test_a_copied_file_is_there_and_cannot_be_written(
    engine: DockerEngine, image: str, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("of the host\n")
    wanted = order(image, "sh", "-c", "cat /srv/data; (echo x > /srv/data) 2>/dev/null || echo refused")

    lines = output(engine, replace(wanted, files=(FileMount(str(tmp_path / "data"), "/srv/data"),)))

    assert lines == ["of the host", "refused"]


def test_a_file_that_is_gone_is_refused_and_not_replaced_by_a_directory(
    engine: DockerEngine, image: str, tmp_path: Path
) -> None:
    wanted = replace(order(image, "sleep", "1"), files=(FileMount(str(tmp_path / "gone"), "/srv/data"),))

    with pytest.raises(EngineError, match="does not exist"):
        engine.create(wanted)

    assert not (tmp_path / "gone").exists()


def test_long_lines_come_whole(engine: DockerEngine, image: str) -> None:
    lines = output(engine, order(image, "sh", "-c", "printf '%050000d\\n' 1; echo end"))

    assert [len(line) for line in lines] == [50_000, 3]


def test_a_container_restarted_by_hand_is_seen_with_its_new_process(engine: DockerEngine, image: str) -> None:
    wanted = order(image, "sleep", "100")
    engine.create(wanted)
    engine.start(wanted.name)
    (before,) = engine.workers()

    with docker_by_hand() as client:
        client.restart(wanted.name, timeout=0)

    (after,) = engine.workers()
    assert after.pid not in (0, before.pid)
    assert after.started_at != before.started_at


def test_a_container_removed_by_hand_is_not_seen_any_more(engine: DockerEngine, image: str) -> None:
    wanted = order(image, "sleep", "100")
    engine.create(wanted)
    assert len(engine.workers()) == 1

    with docker_by_hand() as client:
        client.remove_container(wanted.name, force=True)

    assert engine.workers() == []


def test_who_removes_what_another_is_removing_returns_once_it_is_gone(
    engine: DockerEngine, image: str
) -> None:
    wanted = order(image, "sleep", "100")
    engine.create(wanted)
    engine.start(wanted.name)

    def is_gone_after_removal(_: int) -> bool:
        engine.remove(wanted.name)
        return engine.worker(wanted.name) is None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(is_gone_after_removal, range(4))) == [True] * 4


def test_a_name_that_somebody_elses_container_has_is_refused(engine: DockerEngine, image: str) -> None:
    wanted = order(image, "sleep", "100")
    with docker_by_hand() as client:
        client.create_container_from_config({"Image": image, "Cmd": ["sh"]}, wanted.name)
        try:
            with pytest.raises(EngineError, match="another container has the name"):
                engine.create(wanted)
            assert client.inspect_container(wanted.name)["State"]["Status"] == "created"
        finally:
            client.remove_container(wanted.name)


def test_a_probe_that_a_killed_manager_left_is_replaced(engine: DockerEngine, image: str) -> None:
    with docker_by_hand() as client:
        client.create_container_from_config({"Image": image, "Cmd": ["sh"]}, f"sc_{engine.cloud}_probe")

    with engine.images.open(image) as files:
        assert (files.read("/bin/sh") or b"")[:4] == b"\x7fELF"

    assert engine.owned() == []


def test_no_connection_is_kept_whatever_was_asked(engine: DockerEngine) -> None:
    before = len(os.listdir("/proc/self/fd"))

    for number in range(30):
        assert engine.worker(f"sc_{engine.cloud}_app_{number}_1") is None

    assert len(os.listdir("/proc/self/fd")) <= before


def test_calls_from_many_threads_do_not_get_in_each_others_way(engine: DockerEngine, image: str) -> None:
    for slot in range(1, 5):
        engine.create(worker_order(image, "sleep", "100", slot=slot, prefix=f"sc_{secrets.token_hex(4)}"))
    seen: list[int] = []

    threads = [
        threading.Thread(target=lambda: seen.extend(len(engine.workers()) for _ in range(10)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [4] * 200
