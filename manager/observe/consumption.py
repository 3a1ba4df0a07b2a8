"""What workers' control groups (v1 and v2) say of limits, processes and disks, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from manager.observe.cgroups import Mount, Version, group_directory, mounts
from manager.observe.host_use import memory

Files = Mapping[Version, tuple[str, ...]]

_PIDS_FILE: Files = {1: ("pids.current",), 2: ("pids.current",)}
_LIMIT_FILE: Files = {1: ("memory.limit_in_bytes",), 2: ("memory.max",)}
# bfq's own counts where the disk has that scheduler, else those of the throttling layer
_BLOCK_FILES: Files = {
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
    limit = next(_texts(mounted, groups, "memory", _LIMIT_FILE), None)
    pids = next(_texts(mounted, groups, "pids", _PIDS_FILE), None)
    blocks = map(_counted, _texts(mounted, groups, "blkio", _BLOCK_FILES))
    read, written = max(blocks, key=sum, default=(None, None))
    return Consumption(_limit(limit) if limit else None, int(pids) if pids else None, read, written)


def _texts(mounted: Iterable[Mount], groups: str, controller: str, files: Files) -> Iterator[str]:
    """Yield what the files of a worker's group say, those that can be read: it may have ended meanwhile."""
    with suppress(LookupError):  # this machine does not count it
        version, directory = group_directory(mounted, groups, controller)
        for name in files[version]:
            with suppress(OSError):
                yield (Path(directory) / name).read_text().strip()


def _limit(text: str) -> int:
    """Return a memory limit; v1 writes "none" as a number beyond every machine, v2 as `max`."""
    machine = memory().total_bytes
    return machine if text == "max" else min(machine, int(text))


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
