"""The disk of etcd is full: workers serve, commands say what is wrong, and with room again all goes on."""

from __future__ import annotations

import base64
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from manager.api.places import Places
from tests.chaos.parts import etcd_call
from tests.real.cloud import SERVER, Cloud, containers_of, eventually, running_cloud
from tests.real.traffic import Traffic

DISK = "size=160m"  # etcd reserves 64 MB for each file of its log
BALLAST = base64.b64encode(bytes(2**20)).decode()


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Lend a file system of its own at the place; nothing is left of it."""
    place.mkdir(mode=0o700, parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", place], check=True)
    try:
        yield
    finally:  # lazy: etcd may still be there
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Lend a cloud whose etcd has a small disk of its own."""
    name = f"x17-{secrets.token_hex(3)}"
    with ExitStack() as disk:
        disk.enter_context(small_disk(disk_of(name)))
        with running_cloud(tmp_path, name=name) as cloud:
            yield cloud
            disk.close()  # `down` is to find no mount


def disk_of(cloud: str) -> Path:
    return Places(cloud).state / "etcd1"


def fill(disk: Path) -> None:
    """There is no room left, not for one byte."""
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(2**16))


def etcd_ends(cloud: Cloud) -> bool:
    """Return whether etcd has no room for one more entry."""
    etcd_call(cloud, "/v3/kv/put", key="YmFsbGFzdA==", value=BALLAST)
    return not cloud.status()["etcd"]["healthy"]


def test_a_full_disk_stops_changes_and_nothing_else(cloud: Cloud) -> None:
    cloud.ok("run", "-n", "2", "-p", "8000", "web", SERVER, "8000")
    before = containers_of(cloud)

    with Traffic(cloud, "web") as traffic:
        fill(disk_of(cloud.name))
        eventually(lambda: etcd_ends(cloud), within_s=20)
        refused = cloud.run("scale", "web=3")
        (disk_of(cloud.name) / "ballast").unlink()
        eventually(lambda: cloud.status()["etcd"]["healthy"], within_s=20)
        cloud.ok("scale", "web=3")

    assert refused.code == 1
    assert "etcd" in refused.stderr
    assert traffic.failures == {}
    assert before.items() <= containers_of(cloud).items()
