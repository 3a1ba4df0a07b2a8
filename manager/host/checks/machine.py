"""Checks of the machine that no cloud has to be there for."""

from __future__ import annotations

import ctypes
import grp
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from manager.api.errors import CloudError
from manager.api.places import GROUP
from manager.engine.docker_engine import DockerEngine
from manager.host import dockerd, packages, setup, systemd
from manager.host.access import ensure_group
from manager.host.checks.finding import Finding, fail, ok, warn
from manager.host.images import ensure_images, missing, recipes
from manager.host.telling import say

STATE_ROOT, DOCKER_ROOT = Path("/var/lib/simplecloud"), Path("/var/lib/docker")
LOW_BYTES, FULL_BYTES = 4 * 2**30, 2**30
PROBE_NAME = "doctor.localhost"
NAMES = packages.Tool("", "libnss-myhostname", f"resolves names such as {PROBE_NAME}")
_UNSYNCHRONISED = 5  # adjtimex's TIME_ERROR


def check_machine(engine: DockerEngine | None, socket: Path) -> Iterator[Finding]:
    """Yield what was found of the machine; `engine` is None where Docker does not answer on the socket."""
    yield from programs(packages.missing_tools())
    yield docker(dockerd.state(socket), engine, socket)
    if engine is not None:
        yield from _of_docker(engine)
    yield group()
    yield names(_resolves(PROBE_NAME))
    yield from space([root for root in (STATE_ROOT, DOCKER_ROOT) if root.exists()])
    yield clock(newest_change(STATE_ROOT), time.time, _is_synchronised())


def programs(absent: list[packages.Tool]) -> Iterator[Finding]:
    """Yield a line for each program that is missing, or one for all that are there."""
    for tool in absent:
        yield fail(
            tool.program,
            f"{tool.program} is not installed: it {tool.purpose}",
            f"apt-get install {tool.package}",
            partial(_install, [tool]),
        )
    present = [tool.program for tool in packages.TOOLS if tool not in absent]
    if present:
        yield ok("programs", f"{', '.join(present)} are installed")


def _install(tools: list[packages.Tool]) -> str:
    packages.install(tools, say)
    return f"installed {', '.join(tool.package for tool in tools)}"


def docker(state: dockerd.State, engine: DockerEngine | None, socket: Path) -> Finding:
    """Return whether Docker answers, and when not, which of three reasons it has."""
    match state:
        case "absent":
            install = partial(_install, [tool for tool in packages.TOOLS if tool.program == "dockerd"])
            return fail("docker", "Docker is not installed", "apt-get install docker.io", install)
        case "forbidden":
            return warn(  # who manages a cloud need not: the manager does
                "docker",
                f"{socket} is for root and the group docker: not looked at",
                "sudo simplecloud doctor    (or: sudo usermod -aG docker $USER)",
            )
        case "stopped":
            return fail("docker", "dockerd does not answer", _docker_start(), partial(_start_docker, socket))
        case "answers":
            version = engine.facts().version if engine else "some version"
            return ok("docker", f"Docker {version} answers")


def _docker_start() -> str:
    return "systemctl start docker" if systemd.RUNNING.is_dir() else "simplecloud doctor --fix"


def _start_docker(socket: Path) -> str:
    setup.ensure_dockerd(say, socket)
    return "dockerd started"


def _of_docker(engine: DockerEngine) -> Iterator[Finding]:
    if engine.facts().live_restore:
        yield ok("live-restore", "workers outlive a restart of dockerd")
    else:
        yield warn("live-restore", "off: workers end when dockerd does", _live_restore_fix())
    yield images(engine)


def _live_restore_fix() -> str:
    if dockerd.DAEMON_JSON.exists():
        return f'"live-restore": true into {dockerd.DAEMON_JSON}, then: kill -HUP $(pidof dockerd)'
    write = f"""echo '{{"live-restore": true}}' > {dockerd.DAEMON_JSON}"""
    return f"{write} && kill -HUP $(pidof dockerd)"


def images(engine: DockerEngine) -> Finding:
    """Return whether the images that every cloud needs are here, as they are made from this machine."""
    try:
        absent = [recipe.reference for recipe in missing(recipes(), engine.images)]
    except CloudError as error:
        return fail("images", error.message, "simplecloud up")
    if not absent:
        return ok("images", "base, etcd and proxy are here")
    which = ", ".join(absent)
    build = partial(_build, engine, which)
    return fail("images", f"{which}: not here, or outdated", "simplecloud doctor --fix", build)


def _build(engine: DockerEngine, which: str) -> str:
    ensure_images(engine.images, say)
    return f"built {which}"


def group() -> Finding:
    """Return whether the group whose members may use a cloud is there, and who they are."""
    try:
        members = grp.getgrnam(GROUP).gr_mem
    except KeyError:
        return warn(
            "group", f"no group {GROUP}: root alone may use it", f"groupadd --system {GROUP}", _make_group
        )
    who = f"root and {', '.join(members)}" if members else "root alone"
    return ok("group", f"{who} may use the clouds: group {GROUP}")


def _make_group() -> str:
    ensure_group()
    return f"made the group {GROUP}"


def names(resolves: bool) -> Finding:
    """Return whether programs other than browsers and curl find NAME.localhost."""
    if resolves:
        return ok("names", "*.localhost resolves")
    return warn(
        "names",
        "*.localhost resolves in browsers and curl only",
        f"apt-get install {NAMES.package}",
        partial(_install, [NAMES]),
    )


def _resolves(name: str) -> bool:
    # A process of its own: this one may have read the system's settings before they changed.
    try:
        return subprocess.run(["getent", "hosts", name], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def space(roots: list[Path]) -> Iterator[Finding]:
    """Yield how much room is left, once per file system."""
    by_device: dict[int, list[Path]] = {}
    for root in roots:
        by_device.setdefault(root.stat().st_dev, []).append(root)
    for places in by_device.values():
        yield room(shutil.disk_usage(places[0]).free, places)


def room(free_bytes: int, places: list[Path]) -> Finding:
    """Return whether a file system has room for those of our places that are on it."""
    fact = f"{free_bytes / 2**30:.1f}G free for {' and '.join(map(str, places))}"
    if free_bytes < FULL_BYTES:
        return fail("space", f"{fact}: etcd stops when it is used up", "docker image prune")
    if free_bytes < LOW_BYTES:
        return warn("space", fact, "docker image prune")
    return ok("space", fact)


def clock(newest: float | None, now: Callable[[], float], synchronised: bool | None) -> Finding:
    """Return whether time goes on from where the clouds' newest file was written; unix seconds.

    now: asked once that is known, as clouds write files while somebody looks for the newest.
    """
    behind_s = newest - now() if newest is not None else 0.0
    if behind_s > 2:
        return fail(
            "clock",
            f"is {behind_s:.0f} s behind the newest record: back-off and drains wait for it",
            "timedatectl set-ntp true",
        )
    kept = {True: "kept by NTP", False: "not kept by NTP", None: "NTP's state is not known"}[synchronised]
    return ok("clock", f"goes on from the newest record; {kept}")


def newest_change(root: Path) -> float | None:
    """Return when a file below `root` was last written, None when there is none that may be seen."""
    newest = None
    for folder, _, files in os.walk(root):
        for name in files:
            try:
                changed_at = Path(folder, name).lstat().st_mtime
            except OSError:
                continue
            newest = max(newest or 0.0, changed_at)
    return newest


def _is_synchronised() -> bool | None:
    """Return what the kernel says of its clock, None where it may not be asked."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(256))
    return None if state < 0 else state != _UNSYNCHRONISED
