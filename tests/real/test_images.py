"""The three images that set-up built by their recipes, as the Docker of this machine runs them."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import docker
import pytest
from docker.errors import ImageNotFound

from manager.engine.payload import RECIPE
from manager.host.images import ensure_images
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Docker:
    """What the recipes ask of Docker, and a way to run what they made."""

    client: Any

    def has(self, reference: str, recipe: str) -> bool:
        try:
            labels = self.client.inspect_image(reference)["Config"]["Labels"] or {}
        except ImageNotFound:
            return False
        return bool(labels.get(RECIPE) == recipe)

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        raise AssertionError(f"{reference} was to be built again")

    def run(self, image: str, *command: str) -> str:
        """Return what a container without a network says on both its outputs, when it has ended well."""
        made = self.client.create_container(
            f"simplecloud/{image}",
            list(command),
            host_config=self.client.create_host_config(network_mode="none"),
        )
        try:
            self.client.start(made)
            code = self.client.wait(made)["StatusCode"]
            output = str(self.client.logs(made).decode())
        finally:
            self.client.remove_container(made, force=True, v=True)
        assert code == 0, output
        return output


@pytest.fixture(scope="module")
def engine() -> Iterator[Docker]:
    with closing(docker.APIClient()) as client:
        yield Docker(client)


def test_what_set_up_built_is_not_built_again(engine: Docker) -> None:
    said: list[str] = []

    ensure_images(engine, said.append)

    assert said == []


def test_etcd_runs_alone_in_its_image(engine: Docker) -> None:
    assert "etcd Version: 3." in engine.run("etcd", "--version")


def test_the_proxy_runs_alone_in_its_image(engine: Docker) -> None:
    assert "Version:" in engine.run("proxy", "version")


SERVE = """
cd /tmp; echo here > page
python3 -m http.server 8000 2> /dev/null &
until nc -z 127.0.0.1 8000; do :; done
"""
HTTP = f"""{SERVE}
python3 -c 'import urllib.request as r; print(r.urlopen("http://127.0.0.1:8000/page").read())'
"""
FETCH = f"""{SERVE}
timeout 20 busybox wget -q -O - http://localhost:8000/page
"""
ECHO = """
busybox nc -ll -p 9000 -e cat &
until nc -z 127.0.0.1 9000; do :; done
for word in one two; do echo $word | nc -N 127.0.0.1 9000; done
"""


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (HTTP, "b'here\\n'\n"),
        (FETCH, "here\n"),
        (ECHO, "one\ntwo\n"),
        ("echo $PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"),
        (
            "ls /var/lib/apt/lists/*Packages* /var/cache/apt/archives/*.deb 2> /dev/null || echo none",
            "none\n",
        ),
        ("cat /etc/apt/apt.conf.d/99mmdebstrap 2> /dev/null || echo none", "none\n"),
    ],
    ids=[
        "an http server",
        "a client with a time limit",
        "an echo server",
        "a path",
        "no package lists",
        "no settings of the host's apt",
    ],
)
def test_the_base_has_what_the_demos_run(engine: Docker, script: str, expected: str) -> None:
    assert engine.run("base", "sh", "-c", script) == expected


def test_an_interrupted_build_of_the_base_leaves_nothing() -> None:
    """mmdebstrap does not pass a signal on to its children, so this sees to it."""
    builder = (
        "from manager.host.base_image import base_recipe; base_recipe('x').write(open('/dev/null', 'wb'))"
    )
    before = scratch()
    process = subprocess.Popen(
        [sys.executable, "-c", builder],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "."},
    )
    eventually(lambda: bool(bootstraps_of(process.pid) and scratch() - before), 30, "a build under way")
    (bootstrap,), made = bootstraps_of(process.pid), scratch() - before

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)

    assert process.returncode != 0
    assert not Path(f"/proc/{bootstrap}").exists()
    roots = [Path(directory).parent for directory in made]  # somebody else's may be among them
    eventually(lambda: not any(root.exists() for root in roots), 30, "that nothing is left of the builds")


def bootstraps_of(pid: int) -> list[int]:
    """Return the children of the process that are mmdebstrap."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"mmdebstrap" in command_of(child)]


def command_of(pid: str) -> bytes:
    """Return the words of a process, none when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def scratch() -> set[str]:
    """Return the root file systems under construction on this machine."""
    return set(glob.glob("/var/tmp/simplecloud-*/mmdebstrap.*"))
