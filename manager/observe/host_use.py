"""What of this machine is in use, by everything on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_JIFFY_S = 1 / os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait of /proc/stat's first line


@dataclass(slots=True)
class CpuMeter:
    """Cores of this machine in use between two looks."""

    _before: tuple[float, float] | None = None

    def used_cores(self, now: float) -> float | None:
        """Return what was used since the last call, None at the first; `now` is monotonic."""
        fields = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy_s = (sum(fields) - sum(fields[at] for at in _IDLE_FIELDS)) * _JIFFY_S
        before, self._before = self._before, (now, busy_s)
        if before is None or now <= before[0]:
            return None
        return max(0.0, (busy_s - before[1]) / (now - before[0]))


@dataclass(frozen=True, slots=True)
class Memory:
    """This machine's memory: all of it, and what programs may still take."""

    total_bytes: int
    available_bytes: int


def memory() -> Memory:
    """Return what the kernel says now."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    has = {fields[0]: 1024 * int(fields[1]) for fields in lines}
    return Memory(has["MemTotal:"], has["MemAvailable:"])
