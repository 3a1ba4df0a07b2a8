"""The settings of a cloud, also where their file is lost; None before the first `up`, and only then.

What is there of a cloud must not meet settings that were chosen anew: etcd's members would be made again with
other ports and the old data, and the workers cut off. So the cloud's parts carry its settings, as a label.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.host.docker_host import docker_socket
from manager.host.dockerd import dockerd_answers
from manager.host.members import has_log
from manager.host.parts import SETTINGS_LABEL
from manager.host.remains import left_behind
from manager.host.settings import FILE, Settings, load, save, settings_in
from manager.host.telling import say

log = logging.getLogger(__name__)


def recall(places: Places) -> Settings | None:
    """Return the remembered settings, None before the first `up`; a file that was lost is there again.

    None, too, while Docker, which may know of more, does not answer. Raises SetupFailed where there is
    something of the cloud and nothing tells its settings.
    """
    known = load(places)
    if known is None and dockerd_answers(docker_socket(places)):
        known = carried(places)
        if known is not None:
            say(write_again(places, known))
        elif remains := remains_of(places):
            raise SetupFailed(complaint(places, remains), hint=way_out(places))
    return known


def carried(places: Places) -> Settings | None:
    """Return the settings that the cloud's parts carry, None where none does or they differ.

    Raises EngineError.
    """
    with closing(DockerEngine(places.cloud, docker_socket(places))) as engine:
        return agreed(part.labels for part in engine.parts.list())


def agreed(labels_of_parts: Iterable[Mapping[str, str]]) -> Settings | None:
    found = set(_readable(labels_of_parts))
    return found.pop() if len(found) == 1 else None


def _readable(labels_of_parts: Iterable[Mapping[str, str]]) -> Iterator[Settings]:
    for labels in labels_of_parts:
        try:
            yield settings_in(labels[SETTINGS_LABEL])
        except (ValueError, TypeError, KeyError):
            continue  # made by hand, or by a simplecloud that wrote none


def write_again(places: Places, settings: Settings) -> str:
    """The file with the settings is there; returns what was done."""
    save(places, settings)
    return f"{places.state / FILE} was gone: written again, as the cloud's parts have it"


def keep_file(places: Places, settings: Settings) -> None:
    """The file with the settings of a cloud that runs is there, as its state is."""
    if places.state.is_dir() and not (places.state / FILE).exists():
        log.warning("%s is gone: writing it again", places.state / FILE)
        save(places, settings)


def remains_of(places: Places) -> str:
    """Return in words what there is of a cloud that has no settings, "" when it is nothing."""
    has_data = any(map(has_log, places.state.glob("etcd[0-9]*")))
    return ", ".join(filter(None, (left_behind(places).words(), "etcd's data" if has_data else "")))


def complaint(places: Places, remains: str) -> str:
    return f"{places.state / FILE} is gone, and what was made with it is there: {remains}"


def way_out(places: Places) -> str:
    forget = "simplecloud down --purge forgets all of it, with all state"
    return f"ls {places.state}    (put {FILE} back; {forget})"
