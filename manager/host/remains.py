"""What there is of a cloud on this machine, by its mark, whether it is up or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from manager.api.documents import counted
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.host import dockerd
from manager.host.docker_host import docker_socket
from manager.host.network import network_of


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


def left_behind(places: Places) -> LeftBehind:
    """Count what carries the cloud's mark, as it is now."""
    with network_of(places, None) as network:
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


def is_there(places: Places) -> bool:
    """Return whether workers of the cloud may be running: where Docker does not say, its links tell."""
    if dockerd.dockerd_answers(docker_socket(places)):
        return bool(_engine(places).owned())
    with network_of(places, None) as network:
        return network.leftovers().links > 0


def _engine(places: Places) -> DockerEngine:
    return DockerEngine(places.cloud, docker_socket(places))
