"""Stopping a process from outside, for certain."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.eventually import eventually


def stop(*pids: int) -> None:
    """No thread of the processes does anything from here on: those that run take a moment to hear of it."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: set(_states(pids)) == {"T"}, within_s=10, what="that all threads are stopped")


def _states(pids: Iterable[int]) -> Iterator[str]:
    """Yield the state of each thread."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield (thread / "stat").read_text().rpartition(")")[2].split()[0]
