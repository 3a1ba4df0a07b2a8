"""Real etcd members on loopback ports, in a directory of their own, that a test may kill and freeze."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from manager.host.ports import is_free
from tests.eventually import eventually
from tests.stopping import stop

PORTS = range(24_000, 32_000)
_numbers = count(1009 * os.getpid())  # processes that begin one after the other are far apart
PATIENT_S = 20.0  # for a store whose etcd is sure to answer, however busy the machine is


def free_ports(wanted: int) -> list[int]:
    """Return ports of loopback that nobody listens on, all different; one that ends can have its own again.

    They are below those that the kernel gives to any socket meanwhile, and above those that clouds choose.
    """
    ports = (PORTS[number % len(PORTS)] for number in _numbers)
    return [*islice((port for port in ports if is_free("127.0.0.1", port)), wanted)]


class EtcdServers:
    """A cluster of `count` members, numbered from 0."""

    def __init__(self, count: int, directory: Path, *options: str) -> None:
        ports = free_ports(3 * count)
        self._scheme = "https" if "--cert-file" in options else "http"
        self._directory = directory
        self._options = options
        self._peers = [f"http://127.0.0.1:{port}" for port in ports[count : 2 * count]]
        self._metrics = [f"http://127.0.0.1:{port}" for port in ports[2 * count :]]
        self.endpoints = [f"127.0.0.1:{port}" for port in ports[:count]]
        self._processes = [self._start(index) for index in range(count)]

    def kill(self, index: int) -> None:
        self._processes[index].kill()
        self._processes[index].wait()

    def restart(self, index: int) -> None:
        self._processes[index] = self._start(index)

    def wipe(self, index: int) -> None:
        """The member has lost its data, as one that was killed and is restored from an empty backup."""
        shutil.rmtree(self._directory / f"member{index}")

    def freeze(self, index: int) -> None:
        stop(self._processes[index].pid)

    def thaw(self, index: int) -> None:
        self._processes[index].send_signal(signal.SIGCONT)

    def leader(self) -> int:
        """Return the number of the member that leads; raises AssertionError when none does within 10 s."""
        return eventually(self._leaders, within_s=10, what="that a member of etcd leads")[0]

    def are_well(self) -> bool:
        """Return whether each member answers, and knows of a leader."""
        return all(self._is_well(url) for url in self._metrics)

    def compact(self, revision: int) -> None:
        self._post(0, "/v3/kv/compaction", {"revision": revision, "physical": True})

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _is_well(self, metrics: str) -> bool:
        try:
            with urllib.request.urlopen(f"{metrics}/health", timeout=5) as answer:
                return bool(json.load(answer)["health"] == "true")
        except OSError:
            return False

    def _leaders(self) -> list[int]:
        return [index for index in range(len(self.endpoints)) if self._leads(index)]

    def _leads(self, index: int) -> bool:
        try:
            status = self._post(index, "/v3/maintenance/status", {})
        except OSError:
            return False
        return bool(status.get("leader") == status["header"]["member_id"])

    def _post(self, index: int, path: str, body: dict[str, object]) -> Any:
        url = f"http://{self.endpoints[index]}{path}"
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=5) as answer:
            return json.load(answer)

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        client, peer = f"{self._scheme}://{self.endpoints[index]}", self._peers[index]
        members = ",".join(f"m{number}={url}" for number, url in enumerate(self._peers))
        command = ["etcd", "--name", f"m{index}", "--data-dir", str(self._directory / f"member{index}")]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--listen-metrics-urls", self._metrics[index]]  # asks nobody for a certificate
        command += ["--initial-cluster", members, "--logger", "zap", *self._options]
        with (self._directory / f"member{index}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)


@contextmanager
def etcd_servers(count: int, directory: Path, *options: str) -> Iterator[EtcdServers]:
    """Run `count` members, all of which answer, and end them."""
    servers = EtcdServers(count, directory, *options)
    try:
        eventually(servers.are_well, within_s=20, what=f"an answer of each member of etcd in {directory}")
        yield servers
    finally:
        servers.stop()
