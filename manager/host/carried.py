"""The settings of a cloud as its parts carry them, as a label: read there where their file is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from manager.api.places import Places
from manager.engine.docker_engine import DockerEngine
from manager.host.docker_host import docker_socket
from manager.host.parts import SETTINGS_LABEL
from manager.host.settings import FILE, Settings, save, settings_in

log = logging.getLogger(__name__)


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
