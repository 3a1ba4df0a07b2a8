"""What workers' control groups (v1 and v2) say of limits, processes and disks, read when somebody asks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from manager.observe.cgroups import Mount, Version, group_directory, mounts

_PIDS_FILE: Mapping[Version, str] = {1: "pids.current", 2: "pids.current"}
_LIMIT_FILE: Mapping[Version, str] = {1: "memory.limit_in_bytes", 2: "memory.max"}
# bfq's own counts where the disk has that scheduler, else those of the throttling layer
_BLOCK_FILES = {
    1: ("blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive"),
    2: ("io.stat",),
}


@dataclass(frozen=True, slots=True)
class Consumption:
    """memory_limit_bytes: what is there for the worker, at most the machine's.  None: not counted here."""

    memory_limit_bytes: int | None = None
    pids: int | None = None
    block_read_bytes: int | None = None
    block_written_bytes: int | None = None


def consumption(pid: int, *, proc: str = "/proc") -> Consumption:
    """Return what the control groups of a process say; what cannot be read is None."""
    try:
        mounted = mounts((Path(proc) / "self/mountinfo").read_text())
        groups = (Path(proc) / str(pid) / "cgroup").read_text()
    except OSError:
        return Consumption()
    limit = _first_text(mounted, groups, "memory", _LIMIT_FILE)
    pids = _first_text(mounted, groups, "pids", _PIDS_FILE)
    read, written = _block_bytes(mounted, groups)
    return Consumption(_limit(limit), int(pids) if pids else None, read, written)


def _first_text(mounted: Iterable[Mount], groups: str, controller: str, files: Mapping[Version, str]) -> str:
    try:
        version, directory = group_directory(mounted, groups, controller)
        return (Path(directory) / files[version]).read_text().strip()
    except (OSError, LookupError):
        return ""  # the worker ended meanwhile, or this machine does not count it


def _limit(text: str) -> int | None:
    """Return a memory limit; v1 writes "none" as a number beyond every machine, v2 as `max`."""
    if not text:
        return None
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return machine if text == "max" else min(machine, int(text))


def _block_bytes(mounted: Iterable[Mount], groups: str) -> tuple[int | None, int | None]:
    """Return the bytes read from and written to disks."""
    try:
        version, directory = group_directory(mounted, groups, "blkio")
    except LookupError:
        return None, None
    texts = [_text(Path(directory) / name) for name in _BLOCK_FILES[version]]
    counts = [_counted(text) for text in texts if text is not None]
    return max(counts, key=sum, default=(None, None))


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _counted(text: str) -> tuple[int, int]:
    """Return the sums over all disks of `8:0 Read 1` and `8:0 Write 2`, or of `8:0 rbytes=1 wbytes=2`."""
    read = written = 0
    for line in text.splitlines():
        match line.split():
            case [_, "Read", count]:
                read += int(count)
            case [_, "Write", count]:
                written += int(count)
            case [_, *pairs]:
                counts = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
                read += int(counts.get("rbytes", 0))
                written += int(counts.get("wbytes", 0))
    return read, written
