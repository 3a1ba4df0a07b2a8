"""What the manager shows of the cloud itself: the `Status` document.

What holds for fields, times and sizes is what manager.api.views says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["leader", "standby"]


@dataclass(frozen=True, slots=True)
class ProcessView:
    """role: the manager that answers is `standby` too until it leads."""

    pid: int
    started_at: str
    role: Role


@dataclass(frozen=True, slots=True)
class MemberView:
    name: str
    endpoint: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class EtcdView:
    healthy: bool
    members: list[MemberView]


@dataclass(frozen=True, slots=True)
class ProxyView:
    url: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class DockerView:
    """version: "" while Docker does not answer."""

    healthy: bool
    version: str
    live_restore: bool


@dataclass(frozen=True, slots=True)
class NetworkView:
    """intact: the bridge and the rules are as they were made, as far as was seen."""

    intact: bool
    bridge: str
    subnet: str
    gateway: str


@dataclass(frozen=True, slots=True)
class HostView:
    """This machine, and what of it everything on it uses; None before that was measured."""

    cores: int
    memory_bytes: int
    used_cores: float | None = None
    used_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class StatusView:
    """Is everything well: a part each of what a cloud consists of.

    frozen: the apps for which nothing is done by itself; "all" among them means every app.
    """

    cloud: str
    manager: ProcessView
    standbys: list[ProcessView]
    etcd: EtcdView
    proxy: ProxyView
    docker: DockerView
    network: NetworkView
    host: HostView
    converged: bool
    apps: int
    workers: int
    notes: list[str]
    frozen: list[str]
