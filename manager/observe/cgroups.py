"""CPU time and memory of workers, from their control groups (v1, v2 and machines that mix them).

The files are opened once, through /proc/PID/cgroup, and read with pread: some microseconds a worker,
against one to two seconds for Docker's own stats without a stream.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

Version = Literal[1, 2]

_CPU_FILE = {1: "cpuacct.usage", 2: "cpu.stat"}
_MEMORY_FILE = {1: "memory.usage_in_bytes", 2: "memory.current"}
_INACTIVE = {1: b"total_inactive_file ", 2: b"inactive_file "}
_READ_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Usage:
    """What a worker used: cpu_s since it began; cpu_cores since the read before, None at the first.

    memory_bytes as `docker stats` counts it: without the file cache that the kernel may drop at once.
    """

    cpu_s: float
    memory_bytes: int
    cpu_cores: float | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a hierarchy of control groups is mounted; v1 ones have controllers."""

    version: Version
    point: str
    root: str
    controllers: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Files:
    """The open files of one worker's groups."""

    pid: int
    cpu: int
    cpu_version: Version
    memory: int
    memory_stat: int
    memory_version: Version


class Meter:
    """Reads workers' groups; one thread owns it. The files of those that it is not asked for are closed."""

    def __init__(self, clock: Callable[[], float], *, proc: str = "/proc") -> None:
        self._clock = clock
        self._proc = Path(proc)
        self._mounts = mounts((self._proc / "self/mountinfo").read_text())
        self._files: dict[str, _Files] = {}
        self._before: dict[str, tuple[float, float]] = {}

    def read(self, workers: Mapping[str, int]) -> dict[str, Usage]:
        """Return the usage of each worker, given its pid; one that cannot be read is left out."""
        for name in self._files.keys() - workers.keys():
            self._forget(name)
        usages = {name: self._usage(name, pid) for name, pid in workers.items()}
        return {name: usage for name, usage in usages.items() if usage is not None}

    def _usage(self, name: str, pid: int) -> Usage | None:
        if name in self._files and self._files[name].pid != pid:
            self._forget(name)
        try:
            if name not in self._files:
                self._files[name] = _open(self._proc, self._mounts, pid)
            usage = _read(self._files[name])
        except (OSError, LookupError, ValueError):
            # the worker ended meanwhile (ENOENT, ENODEV), or its group is not under our mounts
            self._forget(name)
            return None
        return self._with_rate(name, usage)

    def _with_rate(self, name: str, usage: Usage) -> Usage:
        now = self._clock()
        before = self._before.get(name)
        self._before[name] = (now, usage.cpu_s)
        if before is None or now <= before[0] or usage.cpu_s < before[1]:
            return usage
        return Usage(usage.cpu_s, usage.memory_bytes, (usage.cpu_s - before[1]) / (now - before[0]))

    def _forget(self, name: str) -> None:
        self._before.pop(name, None)
        if files := self._files.pop(name, None):
            _close((files.cpu, files.memory, files.memory_stat))


def mounts(mountinfo: str) -> tuple[Mount, ...]:
    """Return the mounts of control groups that a /proc/PID/mountinfo lists."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        version: Version = 2 if kind[0] == "cgroup2" else 1
        controllers = frozenset() if version == 2 else frozenset(kind[2].split(","))
        found.append(Mount(version, _unescaped(fields[4]), _unescaped(fields[3]), controllers))
    return tuple(found)


def group_directory(mounted: Iterable[Mount], groups: str, controller: str) -> tuple[Version, str]:
    """Return where the group of a process is, for a controller, by its /proc/PID/cgroup.

    A v1 hierarchy of the controller goes first: beside it the unified one has no controllers.
    Raises LookupError when the group is under none of the mounts.
    """
    lines = [line.split(":", 2) for line in groups.splitlines() if line.count(":") >= 2]
    v1 = {name: path for _, names, path in lines for name in names.split(",")}
    for mount in sorted(mounted, key=lambda mount: mount.version):
        wanted = controller if mount.version == 1 else ""
        if (mount.version == 2 or controller in mount.controllers) and wanted in v1:
            return mount.version, _under(mount, v1[wanted])
    raise LookupError(f"no control group for {controller}")


def _under(mount: Mount, path: str) -> str:
    """Return a group's directory; a mount may show only a part of the hierarchy, below its root."""
    try:
        below = PurePosixPath(path).relative_to(mount.root)
    except ValueError as error:
        raise LookupError(f"the group {path} is not below {mount.root}") from error
    return str(PurePosixPath(mount.point) / below)


def _unescaped(field: str) -> str:
    """Return a path of mountinfo, in which blanks and backslashes are written in octal."""
    return field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _open(proc: Path, mounted: Iterable[Mount], pid: int) -> _Files:
    groups = (proc / str(pid) / "cgroup").read_text()
    cpu_version, cpu = group_directory(mounted, groups, "cpuacct")
    memory_version, memory = group_directory(mounted, groups, "memory")
    opened: list[int] = []
    try:
        for path in (
            f"{cpu}/{_CPU_FILE[cpu_version]}",
            f"{memory}/{_MEMORY_FILE[memory_version]}",
            f"{memory}/memory.stat",
        ):
            opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        _close(opened)
        raise
    return _Files(pid, opened[0], cpu_version, opened[1], opened[2], memory_version)


def _read(files: _Files) -> Usage:
    cpu = os.pread(files.cpu, _READ_BYTES, 0)
    memory = int(os.pread(files.memory, 64, 0))
    stat = os.pread(files.memory_stat, _READ_BYTES, 0)
    cpu_s = int(cpu) / 1e9 if files.cpu_version == 1 else _field(cpu, b"usage_usec ") / 1e6
    return Usage(cpu_s, max(0, memory - _field(stat, _INACTIVE[files.memory_version])))


def _field(text: bytes, name: bytes) -> int:
    """Return the number behind a name at the start of a line; 0 where there is none."""
    _, found, rest = (b"\n" + text).partition(b"\n" + name)
    return int(rest.split(b"\n", 1)[0]) if found else 0


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
