"""The settings of a cloud, also where their file is lost; None before the first `up`, and only then.

What is there of a cloud must not meet settings that were chosen anew: etcd's members would be made again with
other ports and the old data, and the workers cut off.
"""

from __future__ import annotations

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.host.carried import carried, write_again
from manager.host.docker_host import docker_socket
from manager.host.dockerd import dockerd_answers
from manager.host.down import left_behind
from manager.host.members import has_log
from manager.host.settings import FILE, Settings, load
from manager.host.telling import say


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


def remains_of(places: Places) -> str:
    """Return in words what there is of a cloud that has no settings, "" when it is nothing."""
    has_data = any(map(has_log, places.state.glob("etcd[0-9]*")))
    return ", ".join(filter(None, (left_behind(places).words(), "etcd's data" if has_data else "")))


def complaint(places: Places, remains: str) -> str:
    return f"{places.state / FILE} is gone, and what was made with it is there: {remains}"


def way_out(places: Places) -> str:
    forget = "simplecloud down --purge forgets all of it, with all state"
    return f"ls {places.state}    (put {FILE} back; {forget})"
