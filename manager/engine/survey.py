"""What Docker has of every cloud on this machine, whoever started it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from manager.engine import payload
from manager.engine.connection import Connection
from manager.engine.inspections import listed


def containers_by_cloud(socket: Path) -> Mapping[str, list[str]]:
    """Return the names of the containers that carry a cloud's label, by cloud. Raises EngineError."""
    with (
        closing(Connection(f"unix://{socket}", timeout_s=20.0, idle_clients=1)) as connection,
        connection.borrow("list containers") as client,
    ):
        rows = listed(client, payload.CLOUD)
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.labels[payload.CLOUD], []).append(row.name)
    return found
