"""A worker that misuses what it has harms itself; others go on answering, and what it can take is bounded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.real.cloud import Apps, Cloud, docker_by_hand, eventually, inside
from tests.real.traffic import Traffic

PIDS = 64
LOG_BOUND_BYTES = 35 * 2**20  # Docker keeps three files of 10 MiB, and finds out a little late
FORK_BOMB = """
import os, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(1000)
    except BlockingIOError:
        time.sleep(0.01)
"""
HOG = "a = bytearray()\nwhile True: a.extend(bytes(2**20))"
# Prints each directory that this process may write to, or hopes to, and the bytes that it took.
FLOOD = """
import os
for place, _, _ in os.walk("/"):
    if place.startswith(("/proc/", "/sys/")):
        continue
    written = 0
    try:
        with open(f"{place}/flood", "wb", buffering=0) as file:
            while written < 2**28:
                written += file.write(bytes(2**20))
    except OSError:
        pass
    if os.path.exists(f"{place}/flood"):
        os.unlink(f"{place}/flood")
    print(place.replace(" ", "?"), written)
"""
CAPABILITIES = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"


def processes(cloud: Cloud, worker: str) -> int:
    with docker_by_hand() as client:
        pid = client.inspect_container(cloud.container(worker))["State"]["Pid"]
    group = re.search(r"^(?:0:|\d+:pids):(.*)$", Path(f"/proc/{pid}/cgroup").read_text(), re.M)
    assert group is not None
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/pids"):
        counted = Path(f"{root}{group[1]}/pids.current")
        if counted.exists():
            return int(counted.read_text())
    raise AssertionError(f"no count of processes in {group[1]}")


def log_bytes(cloud: Cloud, worker: str) -> int:
    with docker_by_hand() as client:
        path = Path(client.inspect_container(cloud.container(worker))["LogPath"])
    return sum(size_of(file) for file in path.parent.glob(f"{path.name}*"))


def size_of(file: Path) -> int:
    """Return the bytes of a file, 0 where Docker has just given it another name."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def test_a_fork_bomb_ends_at_its_limit_and_nobody_else_notices(apps: Apps, cloud: Cloud) -> None:
    calm = apps.serve(2)

    with Traffic(cloud, calm) as traffic:
        bomb = apps.run("python3", "-c", FORK_BOMB, options=("--pids", str(PIDS), "--restart", "no"))
        eventually(lambda: processes(cloud, f"{bomb}.1") >= PIDS - 1, within_s=20)

    assert processes(cloud, f"{bomb}.1") <= PIDS
    assert traffic.failures.total() == 0


def test_a_memory_hog_is_killed_at_its_limit_and_nobody_else_notices(apps: Apps, cloud: Cloud) -> None:
    """It starts again after each end: of a few hundred, Docker takes one for a kill by somebody."""
    calm = apps.serve(2)

    with Traffic(cloud, calm) as traffic:
        hog = apps.name("hog")
        cloud.run("run", "--memory", "64M", hog, "python3", "-c", HOG)

    eventually(lambda: "memory limit 64M reached" in cloud.workers(hog, "-a")[0].reason, within_s=20)
    assert traffic.failures.total() == 0


def test_a_flood_of_log_lines_is_bounded_on_disk_and_can_be_looked_at(apps: Apps, cloud: Cloud) -> None:
    calm = apps.serve(2)

    with Traffic(cloud, calm) as traffic:
        flood = apps.run("sh", "-c", f"yes {'x' * 1000} | head -c 80M; sleep 1000", options=("--cpus", "0.5"))
        eventually(lambda: is_over(cloud, f"{flood}.1"), within_s=60, what="the end of the flood")

    assert log_bytes(cloud, f"{flood}.1") <= LOG_BOUND_BYTES
    assert cloud.ok("logs", f"{flood}.1", "--tail", "3").stdout.count("x" * 1000) == 3
    assert traffic.failures.total() == 0


def is_over(cloud: Cloud, worker: str) -> bool:
    """Return whether the worker wrote, and has only its shell and a sleep left, as at its very beginning."""
    return log_bytes(cloud, worker) > 2**20 and processes(cloud, worker) == 3


def test_a_worker_that_may_only_read_fills_no_disk_and_its_own_memory_at_most(
    apps: Apps, cloud: Cloud
) -> None:
    calm = apps.serve(1)
    name = apps.run("sleep", "1000", options=("--read-only", "--memory", "256M"))

    with Traffic(cloud, calm) as traffic:
        flood = inside(cloud.container(f"{name}.1"), "python3", "-c", FLOOD)

    places = dict(line.split() for line in flood.stdout.splitlines())
    taken = {place: int(written) for place, written in places.items() if int(written)}
    assert taken.keys() <= {"/dev", "/dev/shm"}, "which are memory"
    assert max(taken.values()) <= 64 * 2**20
    assert traffic.failures.total() == 0


@pytest.mark.parametrize(
    "program",
    [CAPABILITIES, "import os; os.mknod('/dev/sda', 0o60600, 0x800)", "import os; os.chroot('/tmp')"],
)
def test_what_needs_a_capability_fails_even_for_the_worker_s_root(
    program: str, apps: Apps, cloud: Cloud
) -> None:
    name = apps.run("sleep", "1000")

    attempt = inside(cloud.container(f"{name}.1"), "python3", "-c", program)

    assert attempt.code == 1
    assert "PermissionError" in attempt.stderr


@pytest.mark.parametrize(
    "path", ["/api/rawdata", "/api/http/services", "/metrics", "/ping", "/debug/vars", "/dashboard/"]
)
@pytest.mark.parametrize("host", ["localhost", "api.internal", "traefik", "127.0.0.1:23000"])
def test_the_proxy_passes_no_request_to_its_own_services(host: str, path: str, cloud: Cloud) -> None:
    assert cloud.get("", path, host=host).status == 404
