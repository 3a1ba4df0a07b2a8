"""`down`: everything of a cloud on this machine is removed, by its mark, and that is proved.

The state stays (etcd's data, copied files, the settings) unless it is purged; the next `up` brings the
same apps back.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from manager.api.documents import counted
from manager.api.errors import NetworkFailed, SetupFailed
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.host import dockerd, parts, systemd
from manager.host.carried import carried
from manager.host.docker_host import docker_socket
from manager.host.processes import Role, end, processes_of
from manager.host.settings import Settings, load, save
from manager.secrets import secrets_of
from netsetup.errors import NetworkError
from netsetup.network import Network

WORKERS_GRACE_S = 5.0
ANY_SUBNET = IPv4Network("10.200.0.0/22")  # removing goes by mark: the subnet does not matter


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What still carries the cloud's mark on this machine; containers None: Docker does not say."""

    containers: int | None
    links: int
    rules: int
    mounts: int = 0

    @property
    def nothing(self) -> bool:
        return self.containers == 0 and not (self.links or self.rules or self.mounts)

    def words(self) -> str:
        """Return how many of each kind there are, of mounts aside; "" for none."""
        counts = {"container": self.containers or 0, "link": self.links, "rule": self.rules}
        return ", ".join(counted(count, what) for what, count in counts.items() if count)

    def sentence(self) -> str:
        """Return the proof that `down` ends with."""
        return f"left behind: {'nothing' if self.nothing else 'something'} ({self.counts()})"

    def counts(self) -> str:
        """Return how many of each kind there are, also where there is none."""
        containers = "? containers" if self.containers is None else counted(self.containers, "container")
        others = {"link": self.links, "rule": self.rules, "mount": self.mounts}
        return ", ".join([containers, *(counted(count, what) for what, count in others.items())])


def take_down(places: Places, *, purge: bool) -> LeftBehind:
    """Remove the cloud from this machine, and return what is left of it.

    Whatever is missing, the rest goes. Raises EngineError, NetworkFailed, SetupFailed; with `purge` also
    StoreUnavailable, for the keys in an etcd of the operator's own.
    """
    settings = _settings(places)
    systemd.disable(places)
    end_processes(places, "keeper", "manager")
    if dockerd.dockerd_answers(docker_socket(places)):
        _remove_containers(places)
    with translated(), closing(network_of(places, settings)) as network:
        network.remove()
    secrets_of(places).unmount()
    shutil.rmtree(places.run, ignore_errors=True)
    left = left_behind(places)
    if purge and left.nothing:
        _forget(places, settings)
    return left


def _settings(places: Places) -> Settings | None:
    """Return the remembered settings; unreadable ones are no reason to leave things behind.

    Where their file is lost, it is written again: the parts that carry them go now.
    """
    with contextlib.suppress(SetupFailed):
        known = load(places)
        if known is None and dockerd.dockerd_answers(docker_socket(places)) and (known := carried(places)):
            save(places, known)
        return known
    return None


def _forget(places: Places, settings: Settings | None) -> None:
    """The cloud's state is gone, and its keys in an etcd that is not embedded."""
    if settings is not None and settings.own_etcd:
        with closing(parts.store_of(places, settings)) as store:
            store.delete_prefix("")
    for directory in (places.state, places.log):
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Errors of netsetup come out as ours."""
    try:
        yield
    except NetworkError as error:
        raise NetworkFailed(error.message, hint=error.hint or "simplecloud doctor") from error


def end_processes(places: Places, *roles: Role) -> None:
    """End the cloud's processes of these roles, one role after the other; workers go on.

    Keepers first, so that nobody starts managers again. A manager that just saw its keeper end may be
    starting another: what runs after the first round is ended in a second.
    """
    for _ in range(2):
        for role in roles:
            end(processes_of(places, role))


def _remove_containers(places: Places) -> None:
    """Workers end before the proxy, and etcd last; then each is removed."""
    engine = _engine(places)
    workers = [container.name for container in engine.workers()]
    engine.stop(workers, WORKERS_GRACE_S)
    for name in workers:
        engine.remove(name)
    for part in sorted(engine.parts.list(), key=lambda part: part.part == "etcd"):
        engine.parts.remove(part.name)
    for name in engine.owned():
        engine.remove(name)


def is_there(places: Places) -> bool:
    """Return whether workers of the cloud may be running: where Docker does not say, its links tell."""
    if dockerd.dockerd_answers(docker_socket(places)):
        return bool(_engine(places).owned())
    with translated(), closing(network_of(places, None)) as network:
        return network.leftovers().links > 0


def _engine(places: Places) -> DockerEngine:
    return DockerEngine(places.cloud, docker_socket(places))


def network_of(places: Places, settings: Settings | None) -> Network:
    """Return the cloud's network; its owner closes it."""
    subnet, ports = (settings.network, settings.private_ports) if settings else (ANY_SUBNET, ())
    return Network(places.cloud, places.tag, subnet, ports)


def left_behind(places: Places) -> LeftBehind:
    """Count what carries the cloud's mark, as it is now."""
    with translated(), closing(network_of(places, None)) as network:
        leftovers = network.leftovers()
    return LeftBehind(_count_containers(places), leftovers.links, leftovers.rules, _count_mounts(places))


def _count_containers(places: Places) -> int | None:
    match dockerd.state(docker_socket(places)):
        case "answers":
            return len(_engine(places).owned())
        case "absent":
            return 0
        case _:
            return None


def _count_mounts(places: Places) -> int:
    """Count the mount points inside the cloud's own directories."""
    own = (f"{places.run}/", f"{places.state}/")
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return sum(mount.split()[4].startswith(own) for mount in mounts)
