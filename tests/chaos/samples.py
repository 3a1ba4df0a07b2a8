"""What the managers use while they live: descriptors, threads and memory, once a second."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

WARM_S = 10.0  # a manager that leads has opened by then what it needs
COLUMNS = ("at_s", "pid", "descriptors", "threads", "rss_kib")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process used at one time."""

    at_s: float
    pid: int
    descriptors: int
    threads: int
    rss_kib: int

    def line(self) -> str:
        return ",".join(map(str, astuple(self)))


def sample(pid: int, at_s: float) -> Sample | None:
    """Return what the process uses now, None when it is gone."""
    process = Path(f"/proc/{pid}")
    try:
        status = (process / "status").read_text()
        return Sample(
            at_s, pid, len(os.listdir(process / "fd")), _of(status, "Threads"), _of(status, "VmRSS")
        )
    except (OSError, ValueError):
        return None


def _of(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name}")
    return int(found[1])


def growth(samples: Iterable[Sample]) -> str:
    """Return, in words, how much the process grew that led longest, once it was warm."""
    by_pid: dict[int, list[Sample]] = {}
    for each in samples:
        by_pid.setdefault(each.pid, []).append(each)
    lives = [life for life in by_pid.values() if life[-1].at_s - life[0].at_s > WARM_S]
    if not lives:
        return "no leader lived long enough to be measured"
    life = max(lives, key=lambda life: life[-1].at_s - life[0].at_s)
    first = next(each for each in life if each.at_s - life[0].at_s >= WARM_S)
    last = life[-1]
    return (
        f"in {last.at_s - first.at_s:.0f} s the longest-lived leader grew from {first.descriptors} to "
        f"{last.descriptors} descriptors, {first.threads} to {last.threads} threads, "
        f"{first.rss_kib / 1024:.1f} to {last.rss_kib / 1024:.1f} MiB"
    )
