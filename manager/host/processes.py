"""The keeper and the managers of a cloud, found by their command lines: no file has to be there for that.

Here they are ended too: through pidfds, as a pid may be another's by then.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from manager.api.places import Places
from manager.procfs import parent_of, state_of, switches_of, text_of

Role = Literal["keeper", "manager"]
ENDS_S = 5.0
STANDSTILL_S = 5.0  # a leader that stands still is ended about as soon, by the standby


def processes_of(places: Places, role: Role) -> list[int]:
    """Return the pids of the cloud's processes of this role that run on this machine.

    A child of theirs has their command line until it executes another program, and is none of them.
    """
    wanted = ["-m", "manager", role, "--cloud", places.cloud]
    pids = [int(process.name) for process in Path("/proc").glob("[0-9]*")]
    found = [pid for pid in pids if _words(pid)[1:6] == wanted and runs(pid)]
    return [pid for pid in found if parent_of(pid) not in found]


def runs(pid: int) -> bool:
    """Return whether the process is there, and more than something to reap."""
    return state_of(pid) not in ("", "Z", "X")


def is_stopped(pid: int) -> bool:
    """Return whether a process was stopped by a signal: it is there, and does nothing until it goes on."""
    return state_of(pid) == "T"


@dataclass(slots=True)
class Standstill:
    """Tells a process that a signal has stopped for good from one that goes on soon; for one at a time.

    Looks may be seconds apart: a process that went on in between was given a CPU for that, which the kernel
    counts.
    """

    _seen: tuple[int, str] | None = None
    _since: float = 0.0

    def lasts(self, pid: int, now: float) -> bool:
        """Return whether the process has been stopped for STANDSTILL_S, and did not go on meanwhile."""
        turns = switches_of(pid)  # first: one that is stopped after this has not gone on since
        if not is_stopped(pid):
            self._seen = None
            return False
        if (pid, turns) != self._seen:
            self._seen, self._since = (pid, turns), now
        return now - self._since >= STANDSTILL_S


def end(pids: Iterable[int], by: signal.Signals = signal.SIGTERM) -> None:
    """The processes have ended: by this signal, those that run on by SIGKILL."""
    with ExitStack() as stack:
        running = []
        for pid in pids:
            with suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                stack.callback(os.close, process)
                signal.pidfd_send_signal(process, by)
                running.append(process)
        for process in running:
            if not select.select([process], [], [], ENDS_S)[0]:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [], ENDS_S)


def end_processes(places: Places, *roles: Role) -> None:
    """End the cloud's processes of these roles, one role after the other; workers go on.

    Keepers first, so that nobody starts managers again. A manager that just saw its keeper end may be
    starting another: what runs after the first round is ended in a second.
    """
    for _ in range(2):
        for role in roles:
            end(processes_of(places, role))


def end_lost(places: Places) -> None:
    """No process of the cloud is there without its directory in /run.

    The locks went with it, and would not keep others from running beside. Workers go on.
    """
    if not places.run.exists():
        end_processes(places, "keeper", "manager")


def _words(pid: int) -> list[str]:
    """Return the command line: python, -m, manager, ROLE, --cloud, NAME for ours, and for one by hand."""
    return [word for word in text_of(pid, "cmdline").split("\0") if word != "-P"]
