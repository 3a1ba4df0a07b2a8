"""What people would use instead: Docker itself, with workers on a bridge of its own, and docker-compose."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from manager.api.values import BASE_IMAGE
from tests.real.cloud import SERVER, eventually

AT_A_TIME = 8
PORT = 8000
ANSWER_S = 60.0
# Debian's docker-compose takes JSON for YAML, as any reader of YAML does
_COMPOSED = {
    "version": "3.7",
    "services": {
        "bench": {
            "image": BASE_IMAGE,
            "init": True,
            "command": ["/app/server.py", str(PORT)],
            "volumes": [f"{SERVER}:/app/server.py:ro"],
        }
    },
}


class Rival(Protocol):
    """Somebody who can run the same server so many times."""

    def run(self, count: int) -> None:
        """So many servers run, and each has answered a request."""

    def remove(self) -> None:
        """None of the containers is left."""


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
        docker(
            "run",
            "-d",
            "--init",
            "--name",
            name,
            "--network",
            self.network,
            *mounted,
            BASE_IMAGE,
            "/app/server.py",
        )
        _await_answer(name)

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


@dataclass(frozen=True, slots=True)
class Compose:
    """docker-compose, with a project of its own."""

    project: str
    file: Path

    def run(self, count: int) -> None:
        """So many servers run, and each has answered a request."""
        self._compose("up", "-d", "--scale", f"bench={count}")
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            label = f"label=com.docker.compose.project={self.project}"
            list(pool.map(_await_answer, docker("ps", "-q", "--filter", label).split()))

    def remove(self) -> None:
        """None of the containers is left, nor their network."""
        self._compose("down", "-t", "1")

    def _compose(self, *words: str) -> None:
        command = ["docker-compose", "-p", self.project, "-f", str(self.file), *words]
        subprocess.run(command, capture_output=True, check=True)


@contextmanager
def compose() -> Iterator[Compose]:
    """Lend a project of docker-compose; it is gone afterwards.  Needs Debian's package of that name."""
    with tempfile.TemporaryDirectory() as directory:
        rival = Compose(f"sc-bench-{secrets.token_hex(3)}", Path(directory, "docker-compose.yml"))
        rival.file.write_text(json.dumps(_COMPOSED))
        try:
            yield rival
        finally:
            rival.remove()


def _await_answer(container: str) -> None:
    """Return when the server in a container on one network of Docker's has answered."""
    networks = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container))
    (network,) = networks.values()
    eventually(lambda: answers(network["IPAddress"], PORT), within_s=ANSWER_S)


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
