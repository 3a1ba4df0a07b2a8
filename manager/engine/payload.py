"""An order in the words of Docker's API (the fields of `POST /containers/create`).

The limits are spelled as Docker gives them back on inspection, so what was asked and what was kept are
compared field by field.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

from manager.engine.orders import FileMount, PartOrder, WorkerOrder

CLOUD = "simplecloud.cloud"
APP = "simplecloud.app"
SLOT = "simplecloud.slot"
REVISION = "simplecloud.revision"
PART = "simplecloud.part"
ORDER = "simplecloud.order"
RECIPE = "simplecloud.recipe"
PROBE = "probe"
_RESOLVERS = "/etc/resolv.conf"

# A core dump holds what the process knew, secrets too, and would fill the disk of this machine.
_NO_CORE_DUMPS = [{"Name": "core", "Soft": 0, "Hard": 0}]
_LOGS = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
_LIMITS_IN_WORDS = {"Memory": "memory", "NanoCpus": "cpu", "PidsLimit": "process"}


def worker_payload(cloud: str, order: WorkerOrder) -> dict[str, object]:
    """Return the body that makes a worker: hardened, limited, joined to no network yet."""
    labels = {**order.labels, CLOUD: cloud, APP: order.app, ORDER: order.digest}
    labels |= {SLOT: str(order.slot), REVISION: str(order.revision)}
    return {
        "Image": order.image,
        "Cmd": list(order.command),
        "Entrypoint": None if order.entrypoint is None else list(order.entrypoint),
        "Hostname": order.hostname,
        "Env": _environment(order.environment),
        "User": order.user or "",
        "WorkingDir": order.directory or "",
        "Labels": labels,
        "StopTimeout": math.ceil(order.stop_grace_s),
        # Docker starts its own 100 MB program once more for each container that it gives a sandbox, nearly
        # half of what a start costs; we make the links ourselves. The sandbox brings the host's resolvers.
        "NetworkDisabled": not order.egress,
        "HostConfig": {
            **limits_of(order),
            **_hardening(order.cap_add, read_only=order.read_only),
            "NetworkMode": "none",
            # An init ends the worker at SIGTERM also when the program, as process 1, would ignore it.
            "Init": True,
            # The manager owns restarts: a container that Docker restarts gets a namespace without our veth.
            "RestartPolicy": {"Name": "no"},
            "Mounts": _mounts(order.files if order.egress else _without_resolvers(order.files)),
        },
    }


def part_payload(cloud: str, order: PartOrder) -> dict[str, object]:
    """Return the body that makes a part: on the host's network, kept running by Docker itself."""
    return {
        "Image": order.image,
        "Cmd": list(order.command),
        "Env": _environment(order.environment),
        "Labels": {**order.labels, CLOUD: cloud, PART: order.part, ORDER: order.digest},
        "HostConfig": {
            **_hardening(order.cap_add, read_only=True),
            "NetworkMode": "host",
            "RestartPolicy": {"Name": "always"},
            "Mounts": _mounts(order.mounts),
        },
    }


def probe_payload(cloud: str, image: str) -> dict[str, object]:
    """Return the body of a container that is never started: it opens the files of an image to us."""
    return {
        "Image": image,
        "Cmd": [PROBE],
        "Labels": {CLOUD: cloud, PART: PROBE},
        "HostConfig": {"NetworkMode": "none"},
    }


def limits_of(order: WorkerOrder) -> dict[str, int]:
    """Return the limits of a worker; 0 stands for none.  Memory and swap together: no swap beside it."""
    memory_bytes = order.memory_bytes or 0
    return {
        "Memory": memory_bytes,
        "MemorySwap": memory_bytes,
        "NanoCpus": round((order.cpus or 0) * 1e9),
        "PidsLimit": order.pids,
    }


def limits_not_kept(order: WorkerOrder, kept: Mapping[str, int]) -> list[str]:
    """Return the limits, in words, that were asked for and that Docker did not record.

    Swap is not among them: where the kernel does not count it, memory itself is limited all the same.
    """
    asked = limits_of(order)
    return [word for field, word in _LIMITS_IN_WORDS.items() if asked[field] != kept[field]]


def _hardening(cap_add: tuple[str, ...], *, read_only: bool) -> dict[str, object]:
    return {
        "CapDrop": ["ALL"],
        "CapAdd": list(cap_add),
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": read_only,
        "Ulimits": _NO_CORE_DUMPS,
        "LogConfig": _LOGS,
    }


def _environment(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def _without_resolvers(files: tuple[FileMount, ...]) -> tuple[FileMount, ...]:
    """Return the files with an empty resolv.conf, so that none waits in vain for an image's."""
    if any(file.container_path == _RESOLVERS for file in files):
        return files
    return (*files, FileMount(os.devnull, _RESOLVERS))


def _mounts(mounts: tuple[FileMount, ...]) -> list[dict[str, object]]:
    # Mounts and not Binds: a source that is missing is refused, where Binds makes a directory of it.
    return [
        {
            "Type": "bind",
            "Source": mount.host_path,
            "Target": mount.container_path,
            "ReadOnly": not mount.writable,
        }
        for mount in mounts
    ]
