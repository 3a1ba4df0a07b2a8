"""The proxy and its clients: routes are taken up some time after they are written, requests take time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from balancer.routes import owner, server_name
from manager.engine.containers import Container

_MEMBER = re.compile(r"(?:http|tcp)/services/app_([^/]+)/weighted/services/\d+/name")
_ADDRESS = re.compile(r"(?:http|tcp)/services/([^/]+)/loadbalancer/servers/0/(?:url|address)")


def servers_of(routes: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return name and address of every worker that each app's route leads to; {} for one without any."""
    addresses, members = {}, []
    apps: dict[str, dict[str, str]] = {}
    for key, value in routes.items():
        if found := _ADDRESS.fullmatch(key):
            addresses[found[1]] = value.removeprefix("http://")
        elif found := _MEMBER.fullmatch(key):
            members.append((found[1], value))
        elif "/routers/" in key and key.endswith("/service") and (app := owner(value)):
            apps.setdefault(app, {})
    for app, name in members:
        apps.setdefault(app, {})[name] = addresses[name]  # KeyError: the proxy would refuse the service
    return apps


TAKE_UP_S = 0.025  # from a change to its use; the real proxy takes 0.02 to 0.3 s


@dataclass(slots=True)
class FakeProxy:
    """What the manager reads of the proxy's API, and what the proxy does with requests.

    taken: the servers in use, by app. up: the process is there. mute: it serves, and its API times out.
    unheard_at: when somebody asked last and heard nothing.
    """

    read_servers: Callable[[], Mapping[str, dict[str, str]] | None]
    clock: Callable[[], float]
    taken: dict[str, dict[str, str]] = field(default_factory=dict)
    up: bool = True
    mute: bool = False
    due_at: float | None = None
    unheard_at: float = 0.0

    def changed(self) -> None:
        """The store tells that the routes are new."""
        if self.due_at is None:
            self.due_at = self.clock() + TAKE_UP_S

    def take_up(self) -> None:
        """The routes that are in the store now are in use."""
        servers = self.read_servers() if self.up else None
        self.due_at = None if servers is not None else self.clock() + 0.5
        if servers is not None:
            self.taken = dict(servers)

    def die(self) -> None:
        self.up, self.taken = False, {}

    def come_back(self) -> None:
        """The process is there again; it knows no route yet."""
        self.up, self.due_at = True, self.clock() + 0.1

    def live(self) -> Mapping[str, frozenset[str]] | None:
        if not self.up or self.mute:
            self.unheard_at = self.clock()
            return None
        return {app: frozenset(servers) for app, servers in self.taken.items()}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a worker is serving."""

    app: str
    container: str
    ends_at: float


class Court(Protocol):
    """Judges what became of requests."""

    def reached(self, address: str) -> Container | None:
        """Return the container that accepts a connection at the address."""

    def is_silent(self, container: str) -> bool: ...

    def misled(self, app: str, container: Container) -> None: ...

    def served(self, app: str) -> None: ...

    def refused(self, app: str) -> None: ...


@dataclass(slots=True)
class Traffic:
    """The clients of all apps."""

    proxy: FakeProxy
    court: Court
    open: list[Request] = field(default_factory=list)
    _count: int = 0

    def send(self, app: str, now: float, takes_s: float) -> None:
        """A request goes to a worker, and to the next one when nobody accepts the connection."""
        servers = sorted(self.proxy.taken.get(app, {}).items())
        self._count += 1
        for turn in range(len(servers)):
            name, address = servers[(self._count + turn) % len(servers)]
            container = self.court.reached(address)
            if container is None:
                continue
            if server_name(*container.key) != name:
                self.court.misled(app, container)
            if not self.court.is_silent(container.id):
                self.open.append(Request(app, container.id, now + takes_s))
                self.court.served(app)
            return
        if self.proxy.up:
            self.court.refused(app)

    def finish(self, now: float) -> None:
        self.open = [request for request in self.open if request.ends_at > now]

    def count(self, container: str) -> int:
        return sum(request.container == container for request in self.open)

    def lose(self, container: str) -> None:
        """The container is gone, and with it what it was serving."""
        self.open = [request for request in self.open if request.container != container]
