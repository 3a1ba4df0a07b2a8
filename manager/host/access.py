"""Who reaches a cloud's socket: root and the group, and nobody else."""

from __future__ import annotations

import grp
import os
import stat
from contextlib import suppress
from pathlib import Path

from manager.api.errors import SetupFailed
from manager.api.places import GROUP, Places
from manager.host.commands import require_root, run

RUN_MODE, SOCKET_MODE = 0o750, 0o660


def group_id() -> int | None:
    """Return the id of the group whose members may use a cloud, None when there is none."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def ensure_group() -> int:
    """Return the id of the group whose members may use a cloud, made when there was none."""
    found = group_id()
    if found is None:
        require_root(f"making the group {GROUP}")
        run(["groupadd", "--system", GROUP], f"make the group {GROUP}")
        return grp.getgrnam(GROUP).gr_gid
    return found


def access_fault(places: Places, owner: int, group: int) -> str:
    """Return what keeps the group from the socket, or lets others take its place; "" for nothing."""
    for path, mode in ((places.run, RUN_MODE), (places.socket, SOCKET_MODE)):
        if path == places.socket and _is_other_than_socket(path):
            return f"{path} is no socket"
        with suppress(FileNotFoundError):
            found = path.stat()
            if (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, owner, group):
                now = f"{stat.S_IMODE(found.st_mode):03o} {found.st_uid}:{found.st_gid}"
                return f"{path} is {now}, and should be {mode:03o} {owner}:{group}"
    return ""


def give_access(places: Places, owner: int, group: int) -> str:
    """Owner and group reach the socket as they should, and nothing else has its name.

    Returns what was done.  Raises SetupFailed.
    """
    _give(places.run, RUN_MODE, owner, group)  # first: from then on nobody else changes what is in it
    if _is_other_than_socket(places.socket):
        _remove(places.socket)
        return f"{places.run} is for root and the group again; removed {places.socket}, which was no socket"
    _give(places.socket, SOCKET_MODE, owner, group)
    return f"{places.run} and its socket are for root and the group again"


def _give(path: Path, mode: int, owner: int, group: int) -> None:
    with suppress(FileNotFoundError):
        os.chown(path, owner, group)
        path.chmod(mode)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise SetupFailed(f"cannot remove {path}: {error.strerror}", hint=f"ls -ld {path}") from error


def _is_other_than_socket(path: Path) -> bool:
    """Return whether something else is there, such as a link: what it leads to is nobody's to give away."""
    try:
        return not stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False
