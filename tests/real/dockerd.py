"""A dockerd that nobody else has, beside the machine's own, to kill and to start again.

It has its own containerd, images and sockets, and no bridge and no rules of its own: what the machine's
Docker made stays as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from manager.api.values import BASE_IMAGE
from manager.engine.docker_engine import DockerEngine
from manager.host.dockerd import dockerd_answers, forget_ended
from manager.host.images import base_recipe
from tests.eventually import eventually
from tests.real.busybox import busybox_tar

READY_S, END_S = 30.0, 20.0


@dataclass(slots=True)
class OwnDockerd:
    """`home` is all that it has."""

    home: Path
    _process: subprocess.Popen[bytes] = field(init=False)

    @property
    def socket(self) -> Path:
        return self.home / "socket"

    def start(self, *options: str) -> None:
        """It runs and answers."""
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen([*self._command(), *options], stdout=log, stderr=log)
        eventually(lambda: dockerd_answers(self.socket), READY_S, "a dockerd of our own")

    @contextmanager
    def killed(self, *options: str) -> Iterator[None]:
        """For the length of a `with` it and its containerd are gone; then it is started with the options."""
        self._process.kill()
        self._process.wait(END_S)
        forget_ended(self.home / "exec/containerd/containerd.pid")
        try:
            yield
        finally:
            self.start(*options)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(END_S)

    def _command(self) -> list[str]:
        home = self.home
        places = [f"--data-root={home}/data", f"--exec-root={home}/exec", f"--pidfile={home}/pid"]
        ways = ["-H", f"unix://{self.socket}", f"--config-file={home}/settings.json"]
        return ["dockerd", *places, *ways, "--bridge=none", "--iptables=false", "--ip6tables=false"]


@contextmanager
def own_dockerd() -> Iterator[OwnDockerd]:
    """Lend one that keeps containers when it ends, with a base image of busybox alone; then it is gone."""
    # On disk, which its images need, and short: a socket's path has 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="sc-dockerd-", dir="/var/tmp"))
    own = OwnDockerd(home)
    (home / "settings.json").write_text("{}")
    try:
        own.start("--live-restore")
        _make_base(own)
        yield own
    finally:
        own.end()
        _unmount_below(home)
        shutil.rmtree(home)


def _make_base(own: OwnDockerd) -> None:
    engine = DockerEngine("none", own.socket)
    files = busybox_tar({"www/index.html": (0o644, b"hello\n")})
    engine.images.load(BASE_IMAGE, files, base_recipe(BASE_IMAGE).changes)
    engine.close()


def _unmount_below(home: Path) -> None:
    """Network namespaces of containers stay mounted where dockerd had them."""
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed(places):
        if place.startswith(f"{home}/"):
            subprocess.run(["umount", place], check=True)
