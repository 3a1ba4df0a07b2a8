"""Docker Swarm as a rival: one node, on a dockerd of its own, in a network namespace of its own.

The machine's own dockerd keeps containers over its restarts, which Swarm refuses. Nobody outside reaches the
tasks there, so they are waited for until Swarm calls them running: it is not asked that they answer.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from manager.api.values import BASE_IMAGE
from tests.bench.rivals import docker
from tests.real.cloud import SERVER, eventually

ADDRESS = "192.0.2.1"  # of TEST-NET-1: of no network
READY_S, TASKS_S, END_S = 30.0, 120.0, 30.0
# Swarm wants an address that is not loopback's; any link of the namespace can carry it.
_START = """\
ip link set lo up && ip link add swarm0 type bridge && ip addr add {address}/24 dev swarm0 &&
ip link set swarm0 up && exec dockerd --data-root {home}/data --exec-root {home}/exec --pidfile {home}/pid \
-H unix://{home}/socket --bridge none --config-file {home}/settings.json"""


@dataclass(frozen=True, slots=True)
class Swarm:
    """A swarm that runs one service; `home` is all that its dockerd has."""

    home: Path

    def docker(self, *words: str) -> str:
        return docker("-H", f"unix://{self.home}/socket", *words)

    def run(self, count: int) -> None:
        """A service has so many tasks, all of them running."""
        mounted = f"type=bind,source={SERVER},target=/app/server.py,readonly"
        options = ["--detach", "--no-resolve-image", "--network", "bench", "--endpoint-mode", "dnsrr"]
        options += ["--init", "--replicas", str(count), "--mount", mounted, "--name", "bench"]
        self.docker("service", "create", *options, BASE_IMAGE, "/app/server.py", "8000")
        eventually(lambda: self._running() == count, TASKS_S, "tasks")

    def scale(self, count: int) -> None:
        """The service has so many tasks running."""
        self.docker("service", "scale", "--detach", f"bench={count}")
        eventually(lambda: self._running() == count, TASKS_S, "tasks")

    def scale_down(self, count: int) -> None:
        """The service has so many tasks, and there are no more containers."""
        self.docker("service", "scale", "--detach", f"bench={count}")
        eventually(lambda: len(self.docker("ps", "-aq").split()) == count, TASKS_S, "the end of tasks")

    def remove(self) -> None:
        """There is no service, and no container of its."""
        self.docker("service", "rm", "bench")
        eventually(lambda: not self.docker("ps", "-aq"), TASKS_S, "the end of the tasks")

    def _running(self) -> int:
        wanted = ("--filter", "desired-state=running", "--format", "{{.CurrentState}}")
        return self.docker("service", "ps", "bench", *wanted).count("Running")


@contextmanager
def swarm() -> Iterator[Swarm]:
    """Lend a swarm; afterwards its dockerd has ended, and nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="sc-swarm-") as directory:
        rival = Swarm(Path(directory))
        (rival.home / "settings.json").write_text("{}")
        script = _START.format(address=ADDRESS, home=rival.home)
        with (rival.home / "log").open("w") as log:
            dockerd = subprocess.Popen(["unshare", "--net", "sh", "-c", script], stdout=log, stderr=log)
        try:
            eventually(lambda: (rival.home / "socket").exists(), READY_S, "the dockerd of the swarm")
            _prepare(rival)
            yield rival
            rival.docker("swarm", "leave", "--force")
        finally:
            dockerd.terminate()
            dockerd.wait(END_S)


def _prepare(rival: Swarm) -> None:
    """The dockerd has our base image, and is a swarm with a network for its tasks."""
    image = rival.home / "image.tar"
    docker("save", "-o", str(image), BASE_IMAGE)
    rival.docker("load", "-i", str(image))
    rival.docker("swarm", "init", "--advertise-addr", ADDRESS)
    rival.docker("network", "create", "-d", "overlay", "bench")
