"""What a bare machine lacks for a cloud, installed and started: apt's packages, dockerd, our group.

Everything here may be interrupted and repeated: what is there is left alone, and a machine that has all
of it is looked at in a few milliseconds.
"""

from __future__ import annotations

import grp
from pathlib import Path

from manager.api.errors import SetupFailed
from manager.api.places import GROUP
from manager.host import dockerd, systemd
from manager.host.commands import require_root, run
from manager.host.packages import TOOLS, install, missing_tools
from manager.host.telling import Say


def prepare(say: Say, socket: Path) -> None:
    """The tools are installed and Docker answers on the socket. Needs root where there is something to do.

    Raises SetupFailed, NotAllowed.
    """
    install(missing_tools(TOOLS), say)
    ensure_dockerd(say, socket)


def group_id() -> int | None:
    """Return the id of the group whose members may use a cloud, None when there is none."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def ensure_group() -> int:
    """Return the id of the group whose members may use a cloud, made when there was none."""
    found = group_id()
    if found is None:
        require_root(f"making the group {GROUP}")
        run(["groupadd", "--system", GROUP], f"make the group {GROUP}")
        return grp.getgrnam(GROUP).gr_gid
    return found


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
