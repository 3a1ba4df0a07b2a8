"""The cloud's own containers: etcd's members and the proxy, which Docker itself keeps running."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import docker
from docker.errors import NotFound

from manager.engine import decode, payload
from manager.engine.connection import Connection
from manager.engine.containers import Part, State
from manager.engine.contract import NameTaken
from manager.engine.images import DockerImages
from manager.engine.inspections import inspected, listed
from manager.engine.orders import PartOrder


class DockerParts:
    """The parts of one cloud; safe to use from any thread, each part in one. See Parts for what holds."""

    def __init__(self, cloud: str, connection: Connection, images: DockerImages) -> None:
        self._cloud = cloud
        self._connection = connection
        self._images = images

    def list(self) -> list[Part]:
        with self._connection.borrow("list the parts of the cloud") as client:
            answers = [inspected(client, row.id) for row in self._listed(client)]
        return sorted((decode.part_of(answer) for answer in answers if answer), key=lambda part: part.name)

    def states(self) -> dict[str, State]:
        with self._connection.borrow("list the parts of the cloud") as client:
            return {row.name: row.state for row in self._listed(client)}

    def start(self, order: PartOrder, *, replace: bool = False) -> None:
        with self._connection.borrow(f"start {order.name}") as client:
            self._call_back(client, order)
            part = self._found(client, order.name)
            if part and replace and part.order != order.digest:
                client.remove_container(order.name, force=True, v=True)
                part = None
            if part is None:
                body = payload.part_payload(self._cloud, order)
                part = self._images.make(
                    client, order.name, order.image, body, lambda: self._found(client, order.name)
                )
            _set_going(client, order.name, part)

    def restart(self, name: str) -> None:
        with self._connection.borrow(f"restart {name}") as client:
            client.restart(name, timeout=0)

    def remove(self, name: str, *, grace_s: float = 10) -> None:
        with self._connection.borrow(f"remove {name}") as client, suppress(NotFound):
            client.stop(name, timeout=math.ceil(grace_s))
            client.remove_container(name, force=True, v=True)

    def _listed(self, client: docker.APIClient) -> Sequence[decode.Listed]:
        rows = listed(client, f"{payload.CLOUD}={self._cloud}", payload.PART)
        return [row for row in rows if row.labels[payload.PART] != payload.PROBE]

    def _call_back(self, client: docker.APIClient, order: PartOrder) -> None:
        """No container of this order has another name: two of a part would fight for ports and files."""
        rows = self._listed(client)
        taken = any(row.name == order.name for row in rows)
        for row in rows:
            if row.name == order.name or row.labels.get(payload.ORDER) != order.digest:
                continue
            if taken:
                client.remove_container(row.id, force=True, v=True)
            else:
                client.rename(row.id, order.name)
                taken = True

    def _found(self, client: docker.APIClient, name: str) -> Part | None:
        answer = inspected(client, name)
        if answer is None:
            return None
        if answer["Config"]["Labels"].get(payload.CLOUD) != self._cloud:
            raise NameTaken(name)
        return decode.part_of(answer)


def _set_going(client: docker.APIClient, name: str, part: Part | None) -> None:
    """Start what was found; while Docker waits before a restart, its `start` silently does nothing."""
    match part.state if part else "created":
        case "restarting":
            client.restart(name, timeout=0)
        case "paused":
            client.unpause(name)
        case _:
            client.start(name)
