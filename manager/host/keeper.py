"""Keeps the managers of one cloud running: managers never start managers.

It holds no state but its lock. A manager that it finds running, started by an earlier keeper, is watched
like its own. One that a signal has stopped does nothing: it is ended, and another started. It restarts a
dockerd that simplecloud started, and none other. What the machine refuses it, a fork or a file, it tries
again. On SIGTERM it goes and leaves the managers alone; its pid file is removed, which tells them that nobody
has to bring it back: after any other end the file stays, and one of them does.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from manager.api.places import Places
from manager.host import dockerd
from manager.host.holds import held_s
from manager.host.processes import Standstill, is_stopped, processes_of, runs
from manager.procfs import stat_of, text_of

MANAGERS = 2
PATIENCE_S = 0.5  # between looks when nobody ends
# An arena for each of a manager's threads would keep what a few large answers once took: 50 MiB in minutes.
# Once it has seen large pieces glibc keeps ever larger ones; with a threshold that is set it gives them back.
MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
STEADY_S = 5.0  # a manager that lived this long is started again at once
MOST_DOUBLINGS = 6

log = logging.getLogger(__name__)


def keeper_pid_file(places: Places) -> Path:
    return places.run / "keeper.pid"


def manager_pid_file(places: Places, number: int) -> Path:
    return places.run / f"manager-{number}.pid"


@dataclass(slots=True)
class Kept:
    """One of the managers: its pid and pidfd while it runs, and when it was last started."""

    number: int
    pid: int = 0
    pidfd: int | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    standstill: Standstill = field(default_factory=Standstill)

    def pause_s(self) -> float:
        """Return how long after its last start it may be started again."""
        return 0.0 if self.quick_deaths < 2 else min(10.0, 0.2 * 2 ** min(self.quick_deaths, MOST_DOUBLINGS))


def run(places: Places, keep_dockerd: Callable[[], None] = dockerd.keep_dockerd) -> int:
    """Keep the managers until SIGTERM; returns at once when another keeper holds the lock."""
    lock = os.open(places.run / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    pid_file = keeper_pid_file(places)
    pid_file.write_text(f"{os.getpid()}\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kept = [Kept(number) for number in range(1, MANAGERS + 1)]
    looks: list[Callable[[], None]] = [*(partial(_look_after, places, one) for one in kept), keep_dockerd]
    try:
        while True:
            for look in looks:
                _try(look)
            running = [one.pidfd for one in kept if one.pidfd is not None]
            select.select(running, [], [], PATIENCE_S)
    except SystemExit:
        pid_file.unlink(missing_ok=True)
        raise


def _try(look: Callable[[], None]) -> None:
    """What the machine refuses now, such as a process more, it may have in the next round."""
    try:
        look()
    except OSError as error:
        log.warning("%s; next try in %.1f s", error, PATIENCE_S)


def _look_after(places: Places, kept: Kept) -> None:
    """Start the manager when it does not run, unless it keeps dying or a drill holds it down."""
    kept.children = [child for child in kept.children if child.poll() is None]
    if kept.pidfd is not None:
        if not select.select([kept.pidfd], [], [], 0)[0]:
            end_stopped(kept, kept.pidfd, time.monotonic())
            return
        os.close(kept.pidfd)
        kept.pidfd = None
        lived_s = time.monotonic() - kept.started_at
        kept.quick_deaths = kept.quick_deaths + 1 if lived_s < STEADY_S else 0
        log.warning("manager %d ended after %.1f s", kept.number, lived_s)
    pid = running_pid(manager_pid_file(places, kept.number))
    if pid is not None:
        adopt(kept, pid)
    if kept.pidfd is None and not held_s(places) and time.monotonic() - kept.started_at >= kept.pause_s():
        _start(places, kept)


def end_stopped(kept: Kept, pidfd: int, now: float) -> None:
    """The manager runs, or its end is near: the standby, too, must be there when the leader dies."""
    if kept.standstill.lasts(kept.pid, now):
        log.warning("manager %d was stopped by a signal, and does nothing: ending it", kept.number)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _start(places: Places, kept: Kept) -> None:
    """A manager runs that its file names; raises OSError when there is none."""
    kept.started_at = time.monotonic()
    child = spawn(places, "manager", "--number", str(kept.number))
    kept.children.append(child)
    try:
        kept.pid, kept.pidfd = child.pid, os.pidfd_open(child.pid)
        manager_pid_file(places, kept.number).write_text(f"{child.pid}\n")
    except OSError:
        child.kill()  # nobody would find it, and the next round would start one beside it
        raise


def adopt(kept: Kept, pid: int) -> None:
    """A manager that an earlier keeper started is watched from now on, unless it has ended meanwhile."""
    with suppress(ProcessLookupError, FileNotFoundError):
        age_s = _age_s(pid)
        kept.started_at = time.monotonic() - age_s
        kept.pid, kept.pidfd = pid, os.pidfd_open(pid)


def _age_s(pid: int) -> float:
    """Return how long ago a process was started, to a tick of the kernel's clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - stat_of(pid).started_ticks / os.sysconf("SC_CLK_TCK")


def running_pid(pid_file: Path) -> int | None:
    """Return the pid in the file when it is a simplecloud process that runs; a pid may be reused."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return None
    return pid if "manager" in text_of(pid, "cmdline").split("\0") and runs(pid) else None


def standbys(places: Places, leader: int) -> dict[int, float]:
    """Return when each manager was started that would lead after the leader, by its pid; in unix seconds.

    One that a signal has stopped would not. Their files name them; where these name none, their command lines
    do: a file is written right after the start, and whoever saw the process may ask before.
    """
    files = [manager_pid_file(places, number) for number in range(1, MANAGERS + 1)]
    found = {pid: file.stat().st_mtime for file in files if (pid := running_pid(file)) is not None}
    if found.keys() <= {leader}:
        for pid in processes_of(places, "manager"):
            with suppress(ProcessLookupError, FileNotFoundError):  # it has ended meanwhile
                found[pid] = time.time() - _age_s(pid)
    return {pid: at for pid, at in found.items() if pid != leader and not is_stopped(pid)}


def spawn(places: Places, what: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `python -m manager WHAT` for the cloud, detached, its output in the cloud's log."""
    root = Path(__file__).resolve().parents[2]
    with (places.log / f"{what}.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "manager", what, "--cloud", places.cloud, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env={**MEMORY, **os.environ, "PYTHONPATH": str(root)},
        )
