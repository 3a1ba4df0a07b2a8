"""What people would use instead: Docker itself, with workers on a bridge of its own."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from manager.parts import BASE_IMAGE
from tests.real.cloud import SERVER, eventually

AT_A_TIME = 8
PORT = 8000


@dataclass(frozen=True, slots=True)
class DockerBridge:
    """Containers that `docker run` starts on one network; their names begin with the network's."""

    network: str

    def run(self, count: int) -> None:
        """So many servers run, and each has answered a request."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(self._one, range(count)))

    def _one(self, number: int) -> None:
        name = f"{self.network}-{number}"
        mounted = ["-v", f"{SERVER}:/app/server.py:ro"]
        docker("run", "-d", "--name", name, "--network", self.network, *mounted, BASE_IMAGE, "/app/server.py")
        networks = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", name))
        address = networks[self.network]["IPAddress"]
        eventually(lambda: answers(address, PORT), within_s=60)

    def remove(self) -> None:
        """None of the containers is left."""
        names = docker("ps", "-aq", "--filter", f"network={self.network}").split()
        if names:
            docker("rm", "-f", *names)


@contextmanager
def docker_bridge() -> Iterator[DockerBridge]:
    """Lend a network of Docker's that nobody else has; it is gone afterwards, with all on it."""
    rival = DockerBridge(f"sc-bench-{secrets.token_hex(3)}")
    docker("network", "create", rival.network)
    try:
        yield rival
    finally:
        rival.remove()
        docker("network", "rm", rival.network)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def answers(address: str, port: int, host: str = "") -> str:
    """Return who answers a GET there with 200, "" when nobody does."""
    connection = http.client.HTTPConnection(address, port, timeout=2)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", "/", headers={"Host": host} if host else {})
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("X-Worker", "") if answer.status == 200 else ""
    return ""
