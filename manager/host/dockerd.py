"""A dockerd of our own, on a machine where nothing else starts one.

Law: it starts dockerd and asks whether one answers; it speaks no more of Docker's language than a ping.
A dockerd that somebody else started is never touched: the one that was started here is remembered in PID,
outlives whoever started it, and is the only one that `keep_dockerd` starts again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from manager.api.errors import SetupFailed
from manager.host.files import locked
from manager.host.processes import runs
from manager.procfs import text_of

SOCKET = Path("/var/run/docker.sock")
PID = Path("/run/simplecloud/dockerd.pid")
LOG = Path("/var/log/simplecloud/dockerd.log")
DAEMON_JSON = Path("/etc/docker/daemon.json")

State = Literal["answers", "forbidden", "stopped", "absent"]

_LOCK = Path("/run/simplecloud/dockerd.lock")
_PING_TIMEOUT_S = 5.0  # one that hangs is told of later; one on a full machine answers within that
_START_TIMEOUT_S = 60.0
_POLL_S = 0.05
_RESTART_PAUSE_S = 5.0  # between two starts, for a dockerd that cannot stay up
_LOG_LINES = 5
# What dockerd writes itself: its own, and that of a containerd which it started.
_DOCKER_S_PIDS = (Path("/var/run/docker.pid"), Path("/var/run/docker/containerd/containerd.pid"))
_END_S = 1.0


def dockerd_answers(path: Path = SOCKET) -> bool:
    """Return whether a Docker Engine answers on the Unix socket, within _PING_TIMEOUT_S."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def state(path: Path = SOCKET) -> State:
    """Return whether Docker answers, is forbidden to us, is stopped, or is not on this machine at all."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PING_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except PermissionError:
            return "forbidden"
        except OSError:
            return "stopped" if shutil.which("dockerd") else "absent"
    return "answers" if dockerd_answers(path) else "stopped"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PING_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def start_dockerd() -> None:
    """A dockerd answers: one of our own, which outlives this process, unless another came first.

    Raises SetupFailed, with the last lines of its log when it ends instead.
    """
    with locked(_LOCK):
        if not dockerd_answers():
            pid = _start()
            wait_for_dockerd(ended=lambda: _has_ended(pid))


def wait_for_dockerd(ended: Callable[[], bool] = lambda: False) -> None:
    """dockerd answers. Raises SetupFailed when it has ended, or after _START_TIMEOUT_S."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not dockerd_answers():
        if ended():
            lines = _read_or_empty(LOG).splitlines()[-_LOG_LINES:]
            told = "\n".join(["dockerd does not stay up; its last words:", *lines])
            raise SetupFailed(told, hint=f"less {LOG}")
        if time.monotonic() > deadline:
            raise SetupFailed(
                f"dockerd does not answer on {SOCKET} after {_START_TIMEOUT_S:.0f} s", hint=f"less {LOG}"
            )
        time.sleep(_POLL_S)


def keep_dockerd() -> None:
    """The dockerd that was started here is on its way up again when it has ended; returns at once."""
    pid, started_at = _remembered()
    if pid is None or not _has_ended(pid) or 0 <= time.time() - started_at < _RESTART_PAUSE_S:
        return
    # Somebody else is at it, or Docker was removed: who needs it will say so.
    with contextlib.suppress(BlockingIOError, SetupFailed), locked(_LOCK, wait=False):
        if _remembered() == (pid, started_at) and not dockerd_answers():
            _start()


def forget_ended(pid_file: Path, within_s: float = _END_S) -> None:
    """The file is gone if its process has ended, or does so in a moment, whether anybody reaps it or not.

    dockerd takes a process that nobody has reaped yet for one that runs: for another dockerd, and ends; or
    for its containerd, which ends right after its dockerd, and it waits 15 s in vain for that.
    """
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    deadline = time.monotonic() + within_s
    while runs(pid):
        if time.monotonic() > deadline:
            return  # a containerd that lives on by itself: the next dockerd goes on with it
        time.sleep(_POLL_S)
    pid_file.unlink(missing_ok=True)


def command(daemon_json: str) -> list[str]:
    """Return how to start dockerd so that workers outlive it; a setting given twice would end it."""
    try:
        settings = json.loads(daemon_json or "{}")
    except json.JSONDecodeError:
        settings = {}  # dockerd will say so itself, in its log
    return ["dockerd"] if "live-restore" in settings else ["dockerd", "--live-restore"]


def _start() -> int:
    for file in _DOCKER_S_PIDS:
        forget_ended(file)
    PID.parent.mkdir(parents=True, exist_ok=True)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    pid = _spawn(command(_read_or_empty(DAEMON_JSON)), LOG)
    PID.write_text(f"{pid}\n")
    return pid


def _spawn(argv: list[str], log: Path) -> int:
    """Return the pid of a process in a session of its own that writes to the end of `log`."""
    program = shutil.which(argv[0])
    if program is None:
        raise SetupFailed(f"{argv[0]} is not installed", hint="simplecloud up")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        program,
        argv,
        os.environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o640),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )


def _remembered() -> tuple[int | None, float]:
    """Return the pid of the dockerd that was started here, if any, and when that was (unix time)."""
    try:
        return int(PID.read_text()), PID.stat().st_mtime
    except (OSError, ValueError):
        return None, 0.0


def _has_ended(pid: int) -> bool:
    """Return whether the dockerd of that pid is gone; one that was our child is not left a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not runs(pid) or text_of(pid, "comm").strip() != "dockerd"


def _read_or_empty(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
