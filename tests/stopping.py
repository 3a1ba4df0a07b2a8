"""Stopping a process from outside, for certain."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.eventually import eventually


def stop(*pids: int) -> None:
    """No thread of the processes does anything from here on: those that run take a moment to hear of it.

    One that somebody ends meanwhile does nothing either.
    """
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    eventually(lambda: {*_states(pids)} <= {"T", "Z"}, within_s=10, what="that all threads are stopped")


def _states(pids: Iterable[int]) -> Iterator[str]:
    """Yield the state of each thread; one may end meanwhile."""
    for pid in pids:
        for thread in _threads(pid):
            with suppress(FileNotFoundError, ProcessLookupError):
                yield (thread / "stat").read_text().rpartition(")")[2].split()[0]


def _threads(pid: int) -> list[Path]:
    """Return the directories of the threads of a process, none where it is gone."""
    try:
        return [*Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    """The container of a process does nothing for the length of a `with`, or until somebody ends it.

    Its control group is frozen: no signal has stopped it, and Docker calls it running.
    """
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    groups = {kind: path for _, kind, path in (line.split(":", 2) for line in lines)}
    if "freezer" in groups:
        file, freeze, thaw = (
            Path(f"/sys/fs/cgroup/freezer{groups['freezer']}/freezer.state"),
            "FROZEN",
            "THAWED",
        )
    else:
        file, freeze, thaw = Path(f"/sys/fs/cgroup{groups['']}/cgroup.freeze"), "1", "0"
    file.write_text(freeze)
    try:
        yield
    finally:
        try:
            file.write_text(thaw)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):  # it went, maybe just now
                raise
