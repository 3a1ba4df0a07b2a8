"""The programs that a cloud runs, and the packages of apt that have them.

An installation may be interrupted and repeated.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from manager.api.errors import SetupFailed
from manager.host import dockerd, systemd
from manager.host.commands import require_root, run
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


def missing_tools(path: str | None = None) -> list[Tool]:
    """Return the tools that are not on the path; None is $PATH."""
    return [tool for tool in TOOLS if shutil.which(tool.program, path=path) is None]


def install(tools: Sequence[Tool], say: Say) -> None:
    """The packages of the tools are installed; services that would start with them are off."""
    if not tools:
        return
    packages = [tool.package for tool in tools]
    _require_apt(packages)
    require_root(f"installing {', '.join(packages)}")
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
    run(["systemctl", "mask", *units], f"keep {', '.join(units)} from starting")
    try:
        yield
    finally:
        run(["systemctl", "unmask", *units], f"unmask {', '.join(units)}")
        # One that was never installed is not known to systemd, which is as good as disabled.
        subprocess.run(["systemctl", "disable", *units], capture_output=True, check=False)


def _keep_containers_over_restarts() -> None:
    """A Docker that is only now installed keeps containers when dockerd restarts."""
    if not dockerd.DAEMON_JSON.exists():
        dockerd.DAEMON_JSON.parent.mkdir(parents=True, exist_ok=True)
        dockerd.DAEMON_JSON.write_text('{"live-restore": true}\n')
