"""The cloud on which it happens: three members of etcd, and a door of ours before its Docker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from manager.host.docker_host import VARIABLE
from tests.real.cloud import Cloud, running_cloud
from tests.real.doorway import Doorway, doorway


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground(Cloud):
    """door: what the managers reach Docker through, and nobody else does."""

    door: Doorway


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """Lend a running cloud; afterwards nothing is left of it."""
    with doorway(directory) as door, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"unix://{door.path}")
        with running_cloud(directory, "--etcd-members", "3") as cloud:
            yield Ground(cloud.name, cloud.directory, door=door)
