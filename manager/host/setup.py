"""What a bare machine lacks for a cloud, installed and started: apt's packages, dockerd, our group.

Everything here may be interrupted and repeated: what is there is left alone, and a machine that has all
of it is looked at in a few milliseconds.
"""

from __future__ import annotations

import grp
import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from manager.api.errors import NotAllowed, SetupFailed
from manager.api.places import GROUP
from manager.host import dockerd, systemd
from manager.host.telling import Say


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that a cloud runs, the package that has it, and what it is for."""

    program: str
    package: str
    purpose: str


TOOLS = (
    Tool("dockerd", "docker.io", "runs the workers, as containers"),
    Tool("etcd", "etcd-server", "keeps what was asked for, over crashes"),
    Tool("nft", "nftables", "keeps workers apart"),
    Tool("iptables", "iptables", "lets workers through Docker's own rules"),
    Tool("mmdebstrap", "mmdebstrap", "builds the base image, without a registry"),
)
# Units that these packages start, on ports and with rules that are not for us to take.
_UNWANTED_UNITS = {"etcd-server": "etcd.service", "nftables": "nftables.service"}


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
        _require_root(f"making the group {GROUP}")
        _run(["groupadd", "--system", GROUP], f"make the group {GROUP}")
        return grp.getgrnam(GROUP).gr_gid
    return found


# --- packages


def missing_tools(tools: Sequence[Tool], path: str | None = None) -> list[Tool]:
    """Return the tools that are not on the path; None is $PATH."""
    return [tool for tool in tools if shutil.which(tool.program, path=path) is None]


def install(tools: Sequence[Tool], say: Say) -> None:
    """The packages of the tools are installed; services that would start with them are off."""
    if not tools:
        return
    packages = [tool.package for tool in tools]
    _require_apt(packages)
    _require_root(f"installing {', '.join(packages)}")
    for tool in tools:
        say(f"installing {tool.package}: {tool.purpose}")
    with _switched_off([_UNWANTED_UNITS[package] for package in packages if package in _UNWANTED_UNITS]):
        if "docker.io" in packages and systemd.RUNNING.is_dir():
            _keep_containers_over_restarts()
        _apt_install(packages)


def _require_apt(packages: Collection[str]) -> None:
    release = _os_release()
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if family.isdisjoint({"debian", "ubuntu"}) or shutil.which("apt-get") is None:
        raise SetupFailed(
            f"{release.get('PRETTY_NAME', 'this system')} is not Debian or Ubuntu: install by hand what they "
            f"call {', '.join(packages)}",
            hint="simplecloud doctor",
        )


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _require_root(what: str) -> None:
    if os.geteuid() != 0:
        raise NotAllowed(f"{what} needs root", hint="sudo simplecloud up")


def _apt_install(packages: Sequence[str]) -> None:
    _apt(["dpkg", "--configure", "-a"])  # an installation that was cut short blocks the next one
    update = _apt(["apt-get", "update"])
    install = _apt(["apt-get", "-y", "install", "--no-install-recommends", *packages])
    if install.returncode:
        # A mirror that is out of reach shows first, and often only, when the lists are fetched.
        causes = [cause for cause in map(apt_error_in, (install.stdout, update.stdout)) if cause]
        words = "; ".join(dict.fromkeys(causes)) or f"apt-get ended with exit code {install.returncode}"
        raise SetupFailed(f"cannot install {', '.join(packages)}: {words}", hint="apt-get update")


def _apt(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Return how a command of apt's family ended; an interruption lets dpkg finish what it has begun."""
    process = subprocess.Popen(
        argv if argv[0] == "dpkg" else [argv[0], "-o", "DPkg::Lock::Timeout=120", *argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        start_new_session=True,
    )
    with process:
        try:
            output, _ = process.communicate()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)  # apt stops a download, and waits for dpkg
                process.wait()
    return subprocess.CompletedProcess(argv, process.returncode, output)


def apt_error_in(output: str) -> str:
    """Return the first complaint of apt or mmdebstrap, which is the cause of the others; or nothing."""
    complaint = re.search(r"^E: (.+)$|^W: (Failed to fetch .+)$", output, re.MULTILINE)
    return (complaint[1] or complaint[2]).strip() if complaint else ""


@contextmanager
def _switched_off(units: Sequence[str]) -> Iterator[None]:
    """Packages that are installed meanwhile do not start the units, and nothing does afterwards.

    A mask is what also holds when this process is killed in between.
    """
    if not units or not systemd.RUNNING.is_dir():
        yield
        return
    _run(["systemctl", "mask", *units], f"keep {', '.join(units)} from starting")
    try:
        yield
    finally:
        _run(["systemctl", "unmask", *units], f"unmask {', '.join(units)}")
        # One that was never installed is not known to systemd, which is as good as disabled.
        subprocess.run(["systemctl", "disable", *units], capture_output=True, check=False)


def _keep_containers_over_restarts() -> None:
    """A Docker that is only now installed keeps containers when dockerd restarts."""
    if not dockerd.DAEMON_JSON.exists():
        dockerd.DAEMON_JSON.parent.mkdir(parents=True, exist_ok=True)
        dockerd.DAEMON_JSON.write_text('{"live-restore": true}\n')


def _run(argv: Sequence[str], what: str) -> None:
    """The command has ended well. Raises SetupFailed with its last line."""
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except OSError as error:
        raise SetupFailed(f"cannot {what}: {argv[0]}: {error.strerror}", hint="simplecloud doctor") from error
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines() or [f"exit code {error.returncode}"]
        raise SetupFailed(f"cannot {what}: {words[-1]}", hint="simplecloud doctor") from error


# --- dockerd


def ensure_dockerd(say: Say, socket: Path) -> None:
    """dockerd answers on the socket: the machine's own is started by systemd where that runs, else by us."""
    if dockerd.dockerd_answers(socket):
        return
    if socket != dockerd.SOCKET:
        raise SetupFailed(f"no Docker answers on {socket}", hint="echo $DOCKER_HOST")
    _require_root("starting dockerd")
    if systemd.RUNNING.is_dir():
        say("starting docker.service")
        _run(["systemctl", "start", "docker"], "start docker.service")
        dockerd.wait_for_dockerd()
    else:
        say(f"starting dockerd: nothing else does on this machine (its log is {dockerd.LOG})")
        dockerd.start_dockerd()
