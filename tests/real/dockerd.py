"""A dockerd that nobody else has, beside the machine's own, to kill and to start again.

It has its own containerd, images, sockets and bridge, and no rules: what the machine's Docker made stays
as it is. (A dockerd that is told to have no bridge removes docker0, whoever made it.)
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from manager.api.values import BASE_IMAGE
from manager.engine.docker_engine import DockerEngine
from manager.host.base_image import base_recipe
from manager.host.dockerd import dockerd_answers, forget_ended
from netsetup.links import delete_link, make_bridge
from netsetup.netlink import Netlink
from tests.eventually import eventually
from tests.real.busybox import busybox_tar
from tests.real.cloud import docker_by_hand

READY_S, END_S = 30.0, 60.0


@dataclass(slots=True)
class OwnDockerd:
    """`home` and the bridge are all that it has."""

    home: Path
    bridge: str
    _process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.home / "socket"

    def start(self, *, keeps: bool = True) -> None:
        """It runs and answers.  keeps: containers that ran when it ended run on."""
        eventually(lambda: self.runs_again(keeps=keeps), READY_S, "a dockerd of our own")

    def runs_again(self, *, keeps: bool = True) -> bool:
        """Start it unless it runs; return whether it answers."""
        if self._process is None:
            command = [*self._command(), *(["--live-restore"] if keeps else [])]
            with (self.home / "log").open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return dockerd_answers(self.socket)

    def kill(self) -> None:
        """It and its containerd are gone."""
        self._end(signal.SIGKILL)
        forget_ended(self.home / "exec/containerd/containerd.pid")

    @contextmanager
    def killed(self, *, keeps: bool) -> Iterator[None]:
        """For the length of a `with` it is gone; then it is started."""
        self.kill()
        try:
            yield
        finally:
            self.start(keeps=keeps)

    def end(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(END_S)

    def _command(self) -> list[str]:
        home = self.home
        places = [f"--data-root={home}/data", f"--exec-root={home}/exec", f"--pidfile={home}/pid"]
        ways = ["-H", f"unix://{self.socket}", f"--config-file={home}/settings.json"]
        return ["dockerd", *places, *ways, f"--bridge={self.bridge}", "--iptables=false", "--ip6tables=false"]


@contextmanager
def own_dockerd(give_base: Callable[[OwnDockerd], None]) -> Iterator[OwnDockerd]:
    """Lend one that keeps containers when it ends, with a base image; then it is gone."""
    # On disk, which its images need, and short: a socket's path has 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="sc-dockerd-", dir="/var/tmp"))
    number = secrets.token_bytes(4)
    own = OwnDockerd(home, f"dockerd{number.hex()}")
    (home / "settings.json").write_text("{}")
    with Netlink() as netlink:
        make_bridge(netlink, own.bridge, f"02:00:{number.hex(':')}")
        try:
            own.start()
            give_base(own)
            yield own
        finally:
            own.end()
            delete_link(netlink, own.bridge)
            _end_shims(home)
            _unmount_below(home)
            shutil.rmtree(home)


def machines_base(own: OwnDockerd) -> None:
    """It has the base image that the machine's Docker has."""
    with docker_by_hand() as machines, docker_by_hand(own.socket) as client:
        client.load_image(machines.get_image(BASE_IMAGE))


def small_base(own: OwnDockerd) -> None:
    """Its base image is busybox alone."""
    engine = DockerEngine("none", own.socket)
    files = busybox_tar({"www/index.html": (0o644, b"hello\n")})
    engine.images.load(BASE_IMAGE, files, base_recipe(BASE_IMAGE).changes)
    engine.close()


def _end_shims(home: Path) -> None:
    """Shims of containers that went while dockerd was away would run on; their arguments name its home."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_text().split("\0")
            if Path(words[0]).name.startswith("containerd-shim") and f"{home}/" in " ".join(words):
                os.kill(int(process.name), signal.SIGKILL)


def _unmount_below(home: Path) -> None:
    """Network namespaces of containers stay mounted where dockerd had them."""
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed(places):
        if place.startswith(f"{home}/"):
            subprocess.run(["umount", place], check=True)
