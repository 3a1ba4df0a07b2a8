"""`down`: everything of a cloud on this machine is removed, by its mark, and that is proved.

The state stays (etcd's data, copied files, the settings) unless it is purged; the next `up` brings the
same apps back.
"""

from __future__ import annotations

import shutil
from contextlib import closing, suppress

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.host import dockerd, parts, systemd
from manager.host.docker_host import docker_socket
from manager.host.network import network_of
from manager.host.processes import end_processes
from manager.host.recall import carried
from manager.host.remains import LeftBehind, left_behind
from manager.host.settings import Settings, load, save
from manager.secrets import secrets_of

WORKERS_GRACE_S = 5.0


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
    with network_of(places, settings) as network:
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
    with suppress(SetupFailed):
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


def _remove_containers(places: Places) -> None:
    """Workers end before the proxy, and etcd last; then each is removed."""
    engine = DockerEngine(places.cloud, docker_socket(places))
    workers = [container.name for container in engine.workers()]
    engine.stop(workers, WORKERS_GRACE_S)
    for name in workers:
        engine.remove(name)
    for part in sorted(engine.parts.list(), key=lambda part: part.part == "etcd"):
        engine.parts.remove(part.name)
    for name in engine.owned():
        engine.remove(name)
