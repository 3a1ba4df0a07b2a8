"""The disk of etcd is full: workers serve, commands say what is wrong, and with room again all goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from manager.api.places import Places
from tests.real.cloud import SERVER, Cloud, containers_of, eventually, running_cloud, unused_name
from tests.real.disk import fill, make_room, own_disk, write_much
from tests.real.traffic import Traffic


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Lend a cloud whose etcd has a disk of its own."""
    name = unused_name("x17")
    with ExitStack() as disk:
        disk.enter_context(own_disk(disk_of(name)))
        with running_cloud(tmp_path, name=name) as cloud:
            yield cloud
            disk.close()  # `down` is to find no mount


def disk_of(cloud: str) -> Path:
    return Places(cloud).state / "etcd1"


def etcd_ends(cloud: Cloud) -> bool:
    """Return whether etcd has no room for one more entry."""
    write_much(cloud)
    return not cloud.status()["etcd"]["healthy"]


def test_a_full_disk_stops_changes_and_nothing_else(cloud: Cloud) -> None:
    cloud.ok("run", "-n", "2", "-p", "8000", "web", SERVER, "8000")
    before = containers_of(cloud)

    with Traffic(cloud, "web") as traffic:
        fill(disk_of(cloud.name))
        eventually(lambda: etcd_ends(cloud), within_s=20)
        refused = cloud.run("scale", "web=3")
        make_room(disk_of(cloud.name))
        eventually(cloud.is_well, within_s=20)
        cloud.ok("scale", "web=3")

    assert refused.code == 1
    assert "etcd" in refused.stderr
    assert traffic.failures == {}
    assert before.items() <= containers_of(cloud).items()
