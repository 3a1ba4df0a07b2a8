"""The processes and containers of a cloud, found without asking its manager."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import docker
import docker.errors

from manager.host.keeper import MANAGERS, keeper_pid_file, manager_pid_file, running_pid
from tests.real.cloud import Cloud, docker_by_hand

AWAY = (docker.errors.DockerException, OSError)  # what asking Docker raises when it is away
# Then its client drops the socket unclosed with which it could not connect.
UNCLOSED = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"


def leader(cloud: Cloud) -> list[int]:
    """Return the pid of the manager that holds the lock, as a list; [] when it does not run."""
    pid = running_pid(cloud.places.run / "lock")
    return [pid] if pid is not None else []


def managers(cloud: Cloud) -> list[int]:
    files = (manager_pid_file(cloud.places, number) for number in range(1, MANAGERS + 1))
    return [pid for pid in map(running_pid, files) if pid is not None]


def standbys(cloud: Cloud) -> list[int]:
    return [pid for pid in managers(cloud) if pid not in leader(cloud)]


def keeper(cloud: Cloud) -> list[int]:
    pid = running_pid(keeper_pid_file(cloud.places))
    return [pid] if pid is not None else []


def proxy(cloud: Cloud) -> list[int]:
    return pids_of(cloud, [cloud.part("proxy")])


def etcd_members(cloud: Cloud) -> list[int]:
    return pids_of(cloud, [cloud.part("etcd", n + 1) for n in range(len(cloud.settings.etcd_ports))])


def worker_names(cloud: Cloud, app: str) -> list[str]:
    """Return the names of an app's running containers; none while Docker does not tell."""
    labels = [f"simplecloud.cloud={cloud.name}", f"simplecloud.app={app}"]
    with suppress(*AWAY), docker_by_hand(cloud.docker) as client:
        return sorted(item["Names"][0].lstrip("/") for item in client.containers(filters={"label": labels}))
    return []


def pids_of(cloud: Cloud, names: Sequence[str]) -> list[int]:
    """Return the first process of each of these containers that runs; none while Docker does not tell."""
    with suppress(*AWAY), docker_by_hand(cloud.docker) as client:
        return [pid for name in names if (pid := _pid(client, name))]
    return []


def _pid(client: docker.APIClient, name: str) -> int:
    try:
        return int(client.inspect_container(name)["State"]["Pid"])
    except docker.errors.NotFound:
        return 0


def program_of(cloud: Cloud, name: str) -> list[int]:
    """Return the processes in a container but its init, which passes a signal on and does not stop."""
    first = pids_of(cloud, [name])
    return [child for pid in first for child in _children(pid)] or first


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def etcd_call(cloud: Cloud, path: str, **body: object) -> Any:
    """Return what the first of etcd's members that answers says to a call of its JSON gateway."""
    for port, _ in cloud.settings.etcd_ports:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
                connection.request("POST", path, json.dumps(body))
                return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException):  # it is away, or ended before the end of its answer
            continue
    return {}
