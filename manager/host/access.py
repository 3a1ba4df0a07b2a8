"""Who reaches a cloud's socket: root and the group, and nobody else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from manager.api.places import Places


def access_fault(places: Places, owner: int, group: int) -> str:
    """Return what keeps the group from the socket, or lets others take its place; "" for nothing."""
    for path, mode in _wanted(places):
        with suppress(FileNotFoundError):
            found = path.stat()
            if (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, owner, group):
                now = f"{stat.S_IMODE(found.st_mode):03o} {found.st_uid}:{found.st_gid}"
                return f"{path} is {now}, and should be {mode:03o} {owner}:{group}"
    return ""


def give_access(places: Places, owner: int, group: int) -> str:
    """Owner and group reach the socket as they should; returns what was done."""
    for path, mode in _wanted(places):
        with suppress(FileNotFoundError):
            os.chown(path, owner, group)
            path.chmod(mode)
    return f"{places.run} and its socket are for root and the group again"


def _wanted(places: Places) -> Iterator[tuple[Path, int]]:
    yield places.run, 0o750
    yield places.socket, 0o660
