"""A disk of one's own for a part of a cloud, which can be full whenever a test wants it to be."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.parts import etcd_call
from tests.eventually import eventually
from tests.real.cloud import Cloud

SIZE = "size=640m"  # etcd keeps up to six files of 64 MB for its log, and there is its database
_MUCH = base64.b64encode(bytes(2**20)).decode()


@contextmanager
def own_disk(place: Path) -> Iterator[Path]:
    """Lend a file system of its own at the place; nothing is left of it."""
    place.mkdir(mode=0o700, parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", place], check=True)
    try:
        yield place
    finally:  # lazy: etcd may still be there
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path) -> None:
    """There is no room left, not for one page."""
    eventually(lambda: _is_shrunk(disk), within_s=5, what="a full disk")


def make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,{SIZE}", disk], check=True)


def write_much(cloud: Cloud) -> None:
    """Etcd takes one more entry for which its database must grow, or ends where it cannot."""
    etcd_call(cloud, "/v3/kv/put", key="bXVjaA==", value=_MUCH)


def _is_shrunk(disk: Path) -> bool:
    """Return whether the disk is no larger than what is on it; refused when more came meanwhile."""
    there = os.statvfs(disk)
    used = (there.f_blocks - there.f_bfree) * there.f_frsize
    outcome = subprocess.run(["mount", "-o", f"remount,size={used}", disk], check=False, capture_output=True)
    return outcome.returncode == 0
