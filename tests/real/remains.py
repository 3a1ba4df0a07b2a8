"""What a cloud has that is nobody's: found on the machine and in its store, without asking a manager."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from balancer.routes import app_of
from manager.state.model import AppSpec, WorkerKey, WorkerRecord, container_name
from manager.state.records import APPS, PROXY, WORKERS, decode
from manager.store import Entry
from tests.real.cloud import Cloud, docker_by_hand, listed


def orphans(cloud: Cloud) -> list[str]:
    """Return containers, links, rules, names, routes and records without an owner, in words."""
    with cloud.store() as store:
        entries = store.read(APPS, WORKERS, PROXY).entries
    apps = {decode(AppSpec, entry.value).name for entry in _under(APPS, entries)}
    keys = {decode(WorkerRecord, entry.value).key for entry in _under(WORKERS, entries)}
    routes = {app_of(key.removeprefix(PROXY)) for key in entries if key.startswith(PROXY)}
    return [
        *(
            f"container {name}"
            for name in containers(cloud) - {container_name(cloud.name, key) for key in keys}
        ),
        *(f"link {name}" for name in links(cloud) - ports(cloud, keys)),
        *(f"rules of {name}" for name in bound(cloud) - ports(cloud, keys)),
        *(f"names of {name}" for name in named(cloud) - {"{}_{}_{}".format(*key) for key in keys}),
        *(f"record of {key.label}" for key in keys if key.app not in apps),
        *(f"routes of {app}" for app in routes - apps - {None}),
    ]


def _under(prefix: str, entries: Mapping[str, Entry]) -> Iterator[Entry]:
    return (entry for key, entry in entries.items() if key.startswith(prefix))


def containers(cloud: Cloud) -> set[str]:
    """Return the names of the containers of all workers, in every state."""
    labels = [f"simplecloud.cloud={cloud.name}", "simplecloud.app"]
    with docker_by_hand(cloud.docker) as client:
        return {
            item["Names"][0].lstrip("/") for item in client.containers(all=True, filters={"label": labels})
        }


def ports(cloud: Cloud, keys: set[WorkerKey]) -> set[str]:
    return {key.port_name(cloud.places.tag) for key in keys}


def links(cloud: Cloud) -> set[str]:
    return {name for name in os.listdir("/sys/class/net") if name.startswith(f"sc{cloud.places.tag}w")}


def bound(cloud: Cloud) -> set[str]:
    """Return the ports that the packet filter has something about."""
    tag = cloud.places.tag
    text = "\n".join(listed("nft", "list", "table", "bridge", f"sc_{tag}"))
    return set(re.findall(rf'"(sc{tag}w[0-9a-f]{{8}})"', text))


def named(cloud: Cloud) -> set[str]:
    """Return the workers that have a file of names."""
    directory = cloud.places.state / "hosts"
    return {file.name for file in directory.iterdir()} if directory.exists() else set()
