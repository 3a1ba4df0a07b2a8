"""The keeper and the managers of a cloud, found by their command lines: no file has to be there for that."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from manager.api.places import Places

Role = Literal["keeper", "manager"]


def processes_of(places: Places, role: Role) -> list[int]:
    """Return the pids of the cloud's processes of this role that run on this machine."""
    wanted = ["-m", "manager", role, "--cloud", places.cloud]
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if _words(process)[1:6] == wanted and _runs(process)
    ]


def _words(process: Path) -> list[str]:
    """Return the command line: python, -m, manager, ROLE, --cloud, NAME for ours, and for one by hand."""
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return [word for word in words if word != "-P"]
    except OSError:
        return []


def _runs(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
