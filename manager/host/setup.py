"""What a bare machine lacks for a cloud, installed and started: apt's packages, dockerd.

Everything here may be interrupted and repeated: what is there is left alone, and a machine that has all
of it is looked at in a few milliseconds.
"""

from __future__ import annotations

from pathlib import Path

from manager.api.errors import SetupFailed
from manager.host import dockerd, systemd
from manager.host.commands import require_root, run
from manager.host.packages import install, missing_tools
from manager.host.telling import Say


def prepare(say: Say, socket: Path) -> None:
    """The tools are installed and Docker answers on the socket. Needs root where there is something to do.

    Raises SetupFailed, NotAllowed.
    """
    install(missing_tools(), say)
    ensure_dockerd(say, socket)


def ensure_dockerd(say: Say, socket: Path) -> None:
    """dockerd answers on the socket: the machine's own is started by systemd where that runs, else by us."""
    if dockerd.dockerd_answers(socket):
        return
    if socket != dockerd.SOCKET:
        raise SetupFailed(f"no Docker answers on {socket}", hint="echo $DOCKER_HOST")
    require_root("starting dockerd")
    if systemd.RUNNING.is_dir():
        say("starting docker.service")
        run(["systemctl", "start", "docker"], "start docker.service")
        dockerd.wait_for_dockerd()
    else:
        say(f"starting dockerd: nothing else does on this machine (its log is {dockerd.LOG})")
        dockerd.start_dockerd()
