"""Containers as they are listed and inspected, and what is known of those that have not changed since.

Docker's listing takes a millisecond; an inspection takes one for each container.  The listing does not show
whether a container was restarted in between, and its text ("Up 5 seconds") changes by itself.  The process
does show it: while the same process lives, everything else that an inspection tells of it stays true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import docker
from docker.errors import NotFound

from manager.engine.containers import Container
from manager.engine.decode import Listed, listed_of
from manager.procfs import stat_of


def listed(client: docker.APIClient, *labels: str) -> list[Listed]:
    """Return the containers that carry all these labels (NAME or NAME=VALUE), in every state."""
    return [listed_of(row) for row in client.containers(all=True, filters={"label": list(labels)})]


def inspected(client: docker.APIClient, name: str) -> Mapping[str, Any] | None:
    """Return Docker's answer about a container, None when there is none."""
    with suppress(NotFound):
        answer: Mapping[str, Any] = client.inspect_container(name)
        return answer
    return None


class Inspections:
    """The last inspection of each container, by id, with its mark then."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Container, str]] = {}

    def unchanged(self, listed: Listed) -> Container | None:
        """Return what was seen of this container, None when it must be inspected again."""
        container, before = self._seen.get(listed.id, (None, ""))
        if container is None or (container.state, container.name) != (listed.state, listed.name):
            return None
        mark = _mark(container.pid, listed)
        return container if mark and mark == before else None

    def learn(self, rows: Iterable[tuple[Listed, Container]]) -> None:
        """Exactly these are known now; replaced as a whole, so any thread may look meanwhile."""
        self._seen = {listed.id: (found, _mark(found.pid, listed)) for listed, found in rows}


def _mark(pid: int, listed: Listed) -> str:
    """Return what changes when the container has run anew, "" when its process is gone.

    When its process began, in the kernel's ticks since boot, or Docker's text when none runs.
    """
    if not pid:
        return listed.status
    try:
        return str(stat_of(pid).started_ticks)
    except OSError:
        return ""
