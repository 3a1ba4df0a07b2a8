"""What the kernel tells of a process in /proc/PID."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stat:
    """state: one letter, T where a signal has stopped it, Z where it waits to be reaped.

    started_ticks: when it began, in ticks since boot, which tells it from another of its pid.
    """

    state: str
    parent: int
    started_ticks: int


def text_of(pid: int, file: str) -> str:
    """Return what a file of the process's directory says, "" when the process is gone."""
    try:
        return Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except OSError:
        return ""


def stat_of(pid: int) -> Stat:
    """Return what is told of a process; raises OSError when there is none."""
    # the name, in parentheses, may hold anything
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return Stat(state=fields[0], parent=int(fields[1]), started_ticks=int(fields[19]))


def state_of(pid: int) -> str:
    """Return the state of a process, "" when it is gone."""
    try:
        return stat_of(pid).state
    except OSError:
        return ""


def parent_of(pid: int) -> int | None:
    """Return the pid of the process's parent, None when the process is gone."""
    try:
        return stat_of(pid).parent
    except OSError:
        return None


def switches_of(pid: int) -> str:
    """Return how often the process's first thread was given a CPU and left it; "" when it is gone.

    A thread that a signal stops leaves the CPU by itself, and one that goes on, be it to be stopped again at
    once, has had it: while this is the same, it did nothing.
    """
    return " ".join(line for line in text_of(pid, "status").splitlines() if "ctxt_switches" in line)
