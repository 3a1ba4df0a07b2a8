"""The cloud on which it happens: three members of etcd on disks of ours, a dockerd of ours behind a door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from manager.api.places import Places
from manager.host.docker_host import VARIABLE
from tests.real.cloud import Cloud, running_cloud, unused_name
from tests.real.disk import own_disk
from tests.real.dockerd import OwnDockerd
from tests.real.doorway import Doorway, doorway

MEMBERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground(Cloud):
    """door: what the managers reach Docker through, and nobody else does.  disks: of etcd's members."""

    dockerd: OwnDockerd
    door: Doorway
    disks: Sequence[Path]


@contextmanager
def ground(directory: Path, dockerd: OwnDockerd) -> Iterator[Ground]:
    """Lend a cloud that runs on this dockerd; afterwards nothing is left of it."""
    name = unused_name("x9")
    members = [Places(name).state / f"etcd{number}" for number in range(1, MEMBERS + 1)]
    way = doorway(directory, dockerd.socket)
    with way as door, pytest.MonkeyPatch.context() as patch, ExitStack() as mounted:
        patch.setenv(VARIABLE, f"unix://{door.path}")
        disks = [mounted.enter_context(own_disk(place)) for place in members]
        options = ("--etcd-members", str(MEMBERS))
        with running_cloud(directory, *options, name=name, docker=dockerd.socket):
            try:
                yield Ground(name, directory, dockerd.socket, dockerd=dockerd, door=door, disks=disks)
            finally:
                mounted.close()  # `down` is to find no mount
