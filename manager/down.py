"""`down`: everything of a cloud on this machine is removed, by its mark, and that is proved.

The state stays (etcd's data, copied files, the settings) unless it is purged; the next `up` brings the
same apps back.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from manager import dockerd, keeper
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.keeper import keeper_pid_file, manager_pid_file, running_pid
from manager.settings import load
from netsetup.network import Network

SIGTERM_S = 5.0
WORKERS_GRACE_S = 5.0
ANY_SUBNET = IPv4Network("10.200.0.0/22")  # removing goes by mark: the subnet does not matter


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What still carries the cloud's mark on this machine."""

    containers: int
    links: int
    rules: int
    mounts: int

    @property
    def nothing(self) -> bool:
        return not (self.containers or self.links or self.rules or self.mounts)

    def sentence(self) -> str:
        """Return the proof that `down` ends with."""
        counts = f"{self.containers} containers, {self.links} links, {self.rules} rules, {self.mounts} mounts"
        return f"left behind: {'nothing' if self.nothing else 'something'} ({counts})"


def take_down(places: Places, *, purge: bool) -> LeftBehind:
    """Remove the cloud from this machine, and return what is left of it; raises EngineError."""
    end_processes(places)
    if dockerd.dockerd_answers():
        _remove_containers(places)
    network = _network(places)
    network.remove()
    network.close()
    shutil.rmtree(places.run, ignore_errors=True)
    left = left_behind(places)
    if purge and left.nothing:
        for directory in (places.state, places.log):
            shutil.rmtree(directory, ignore_errors=True)
    return left


def end_processes(places: Places) -> None:
    """End the keeper first, so that nobody starts managers again, then the managers; workers go on."""
    files = [keeper_pid_file(places)]
    files += [manager_pid_file(places, number) for number in range(1, keeper.MANAGERS + 1)]
    _end(files[:1])
    _end(files[1:])


def _end(files: list[Path]) -> None:
    """SIGTERM to the processes that the files name, SIGKILL to those that run on, and wait for all."""
    with contextlib.ExitStack() as stack:
        running = []
        for pid in filter(None, (running_pid(file) for file in files)):
            with contextlib.suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                stack.callback(os.close, process)
                signal.pidfd_send_signal(process, signal.SIGTERM)
                running.append(process)
        for process in running:
            if not select.select([process], [], [], SIGTERM_S)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [], SIGTERM_S)


def _remove_containers(places: Places) -> None:
    """Workers end before the proxy, and etcd last; then each is removed."""
    engine = DockerEngine(places.cloud)
    workers = [container.name for container in engine.workers()]
    engine.stop(workers, WORKERS_GRACE_S)
    for name in workers:
        engine.remove(name)
    for part in sorted(engine.parts.list(), key=lambda part: part.part == "etcd"):
        engine.parts.remove(part.name)
    for name in engine.owned():
        engine.remove(name)


def _network(places: Places) -> Network:
    settings = load(places)
    subnet, ports = (settings.network, settings.private_ports) if settings else (ANY_SUBNET, ())
    return Network(places.cloud, places.tag, subnet, ports)


def left_behind(places: Places) -> LeftBehind:
    """Count what carries the cloud's mark, as it is now."""
    network = _network(places)
    leftovers = network.leftovers()
    network.close()
    containers = len(DockerEngine(places.cloud).owned()) if dockerd.dockerd_answers() else 0
    return LeftBehind(containers, leftovers.links, leftovers.rules, sum(1 for _ in _mounts(places)))


def _mounts(places: Places) -> Iterator[str]:
    """Yield the mount points inside the cloud's own directories."""
    own = (f"{places.run}/", f"{places.state}/")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[4].startswith(own):
            yield line.split()[4]
