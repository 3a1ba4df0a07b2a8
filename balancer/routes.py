"""A route is what an application shows to the world; here it becomes the proxy's keys.

The proxy (Traefik) reads its dynamic configuration from a tree of keys in etcd. The layout was chosen by
trials, and every part of it answers a fault that was seen:

- an app has one service that spreads over its workers, and each worker a service of its own: the proxy
  counts requests per service, so each worker gets counters and a histogram;
- an app keeps its routers while it has no worker, over an empty load balancer (503). Without them its
  hosts would fall through to the path routes of other apps;
- priorities are explicit: a host beats every path, a longer path a shorter one;
- a worker has an active check where its revision has a health path (tcp: always); a weighted service needs
  its own `healthcheck` key to take notice. Passive checks would punish an app's own 5xx answers. The check
  follows no redirect: a worker could have the proxy, root on this host, ask for what it cannot reach itself.
  It is patient: the manager's own check is the strict one, and takes no slow worker out while most are slow.
  The proxy would, and answer 503 for all of an app that is only busy;
- names have "_" between their parts, which no app name has: `web` slot 1 never meets an app `web-1`.

What all apps share is in cloud_keys.py. One key that the proxy cannot decode freezes ALL its configuration.
So keys come only from `render`, and `change` deletes whatever else lies under the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from balancer.cloud_keys import CLOUD_KEYS, SENTINEL_HOST

CHECK_INTERVAL_MS = 500
CHECK_AGAIN_MS = 100  # once one has failed: a full listen queue, which does that, is a matter of a moment
CHECK_TIMEOUT_MS = 5000
HEALTH_AGENT = "simplecloud-health/1"  # by which an app knows who asks
HOST_PRIORITY = 1000
PATH_PRIORITY = 10  # plus the length of the path, at most 200: always below a host
RESERVED_HOSTS = frozenset({"localhost", "127.0.0.1", SENTINEL_HOST})

_APP = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HEALTH_PATH = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_SERVER = re.compile(r"w_([^_]*)_\d+_\d+")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}:\d{1,5}")
_ENTRY_POINT = re.compile(r"[a-z][a-z0-9]*")


@dataclass(frozen=True, slots=True)
class Server:
    """One worker as the proxy knows it: name `w_APP_SLOT_REVISION`, address `IPV4:PORT`.

    health_path: what its revision is asked for, if anything.
    """

    name: str
    address: str
    health_path: str | None = None

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"{self.address!r} is not an address and port")
        if self.health_path is not None and (fault := check_health_path(self.health_path)):
            raise ValueError(fault)


@dataclass(frozen=True, slots=True)
class Route:
    """Where an app is reached and by which workers.

    hosts and paths are for http; a path is a prefix that is stripped. entry_point is "http" or, for tcp,
    the reserved port's, such as "tcp9000". Raises ValueError when a part is not fit for the proxy.
    """

    app: str
    kind: Literal["http", "tcp"]
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    entry_point: str
    servers: tuple[Server, ...]

    def __post_init__(self) -> None:
        about_servers = (_check_server(self.app, server.name) for server in self.servers)
        faults = (_check(self.app, self.entry_point, self.hosts, self.paths), *about_servers)
        if fault := next(filter(None, faults), None):
            raise ValueError(fault)


@dataclass(frozen=True, slots=True)
class Change:
    """What turns one set of keys into another, in an order that is safe even when it is cut in pieces.

    Workers come before the services that name them, those before the routers; deletes go the other way,
    and list indexes from the last, so that no list ever has a hole.
    """

    puts: Mapping[str, str]
    deletes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes)


def default_hosts(app: str) -> tuple[str, ...]:
    return (f"{app}.localhost",)


def default_paths(app: str) -> tuple[str, ...]:
    return (f"/{app}",)


def check_host(host: str) -> str | None:
    """Return why `host` cannot be a route's host, or None when it can."""
    if host in RESERVED_HOSTS:
        return f"the host {host} is kept for the cloud itself"
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return f'"{host}" is not a host name: lower-case letters, digits, dashes and dots'
    return None


def check_path(path: str) -> str | None:
    """Return why `path` cannot be a route's prefix, or None when it can."""
    if path == "/":
        return None
    if len(path) > 200 or not _PATH.fullmatch(path):
        return f'"{path}" is not a path: /NAME or /NAME/NAME of letters, digits, dot, dash, underscore, tilde'
    if {".", ".."} & set(path.split("/")):
        return f'the path "{path}" has a . or .. in it'
    return None


def check_health_path(path: str) -> str | None:
    """Return why `path` cannot be asked of a worker, or None when it can."""
    if len(path) > 1000 or not _HEALTH_PATH.fullmatch(path):
        return f'"{path}" is not a path to ask: it starts with /, and what a URL may not have is written %XX'
    return None


def server_name(app: str, slot: int, revision: int) -> str:
    return f"w_{app}_{slot}_{revision}"


def is_server(name: str) -> bool:
    """Tell whether this is the name of a worker's service, and not of what an app has as a whole."""
    return name.startswith("w_")


def owner(name: str) -> str | None:
    """Return the app that a router, service or middleware of this name belongs to, or None."""
    kind, _, rest = name.partition("_")
    app = rest.partition("_")[0]
    return app if kind in {"app", "path", "strip", "w"} and _APP.fullmatch(app) else None


def app_of(key: str) -> str | None:
    """Return the app that a key of the proxy's tree belongs to; None for what all share or nobody has."""
    parts = key.split("/")
    return owner(parts[2]) if len(parts) > 3 else None


def render(routes: Iterable[Route]) -> dict[str, str]:
    """Return all keys of the proxy's tree, relative to its root, the sentinel included.

    Raises ValueError when an app comes twice.
    """
    keys = dict(CLOUD_KEYS)
    seen: set[str] = set()
    for route in routes:
        if route.app in seen:
            raise ValueError(f"the app {route.app!r} has two routes")
        seen.add(route.app)
        keys |= _rendered(route)
    return keys


@lru_cache(1024)  # they are rendered in every pass, and most are what they were
def _rendered(route: Route) -> Mapping[str, str]:
    keys = _routers(route) | _spread(route)
    for server in route.servers:
        keys |= _worker(route, server)
    return keys


def change(have: Mapping[str, str], want: Mapping[str, str]) -> Change:
    """Return what must be written so that `want`, and nothing else, lies under the root."""
    puts = {key: value for key, value in want.items() if have.get(key) != value}
    return Change(
        puts={key: puts[key] for key in sorted(puts, key=_rank)},
        deletes=tuple(sorted(have.keys() - want.keys(), key=_rank, reverse=True)),
    )


def stray(have: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of a form that `render` never writes: each may freeze the proxy, so tell a person."""
    forms = {_form(key) for key in render(_EVERY_FORM)}
    return tuple(sorted(key for key in have if _form(key) not in forms))


@lru_cache(1024)  # routes are made in every pass, and most are what they were
def _check(app: str, entry_point: str, hosts: tuple[str, ...], paths: tuple[str, ...]) -> str | None:
    """Return the first fault of what a route has beside its workers, or None when it has none."""
    faults = [
        None if _APP.fullmatch(app) else f"{app!r} is not an app's name",
        None if _ENTRY_POINT.fullmatch(entry_point) else f"no entry point {entry_point!r}",
        *(check_host(host) for host in hosts),
        *(check_path(path) for path in paths),
    ]
    return next(filter(None, faults), None)


def _check_server(app: str, name: str) -> str | None:
    found = _SERVER.fullmatch(name)
    return None if found and found[1] == app else f"{name!r} is not a worker of {app}"


def _routers(route: Route) -> dict[str, str]:
    if route.kind == "tcp":
        return _router(f"tcp/routers/app_{route.app}", route, "HostSNI(`*`)")
    keys: dict[str, str] = {}
    if route.hosts:
        rule = " || ".join(f"Host(`{host}`)" for host in route.hosts)
        keys |= _http_router(f"app_{route.app}", route, rule, HOST_PRIORITY)
    for index, path in enumerate(route.paths):
        keys |= _path_router(route, index, path)
    return keys


def _path_router(route: Route, index: int, path: str) -> dict[str, str]:
    name = f"path_{route.app}_{index}"
    priority = PATH_PRIORITY + len(path)
    if path == "/":
        return _http_router(name, route, "PathPrefix(`/`)", priority)
    strip = f"strip_{route.app}_{index}"
    # not PathPrefix(`/web`) alone: it would also catch /web2
    keys = _http_router(name, route, f"Path(`{path}`) || PathPrefix(`{path}/`)", priority)
    keys[f"http/routers/{name}/middlewares/2"] = strip
    keys[f"http/middlewares/{strip}/stripprefix/prefixes/0"] = path
    return keys


def _http_router(name: str, route: Route, rule: str, priority: int) -> dict[str, str]:
    root = f"http/routers/{name}"
    return {
        **_router(root, route, rule),
        f"{root}/priority": str(priority),
        f"{root}/middlewares/0": "repeat",
        f"{root}/middlewares/1": "deliver",
    }


def _router(root: str, route: Route, rule: str) -> dict[str, str]:
    return {
        f"{root}/rule": rule,
        f"{root}/entrypoints/0": route.entry_point,
        f"{root}/service": f"app_{route.app}",
    }


def _spread(route: Route) -> dict[str, str]:
    """Return the app's own service: over its workers, or empty, which answers 503."""
    root = f"{route.kind}/services/app_{route.app}"
    if not route.servers:
        return {f"{root}/loadbalancer/serverstransport": "workers"}
    names = sorted(server.name for server in route.servers)
    keys = {f"{root}/weighted/services/{index}/name": name for index, name in enumerate(names)}
    if _checked(route):
        keys[f"{root}/weighted/healthcheck"] = ""
    return keys


def _worker(route: Route, server: Server) -> dict[str, str]:
    root = f"{route.kind}/services/{server.name}/loadbalancer"
    keys = {f"{root}/serverstransport": "workers"}
    if route.kind == "http":
        keys[f"{root}/servers/0/url"] = f"http://{server.address}"
    else:
        keys[f"{root}/servers/0/address"] = server.address
    if _checked(route):
        keys[f"{root}/healthcheck/interval"] = f"{CHECK_INTERVAL_MS}ms"
        keys[f"{root}/healthcheck/unhealthyinterval"] = f"{CHECK_AGAIN_MS}ms"
        keys[f"{root}/healthcheck/timeout"] = f"{CHECK_TIMEOUT_MS}ms"
        if route.kind == "http" and server.health_path is not None:
            keys[f"{root}/healthcheck/path"] = server.health_path
            keys[f"{root}/healthcheck/followredirects"] = "false"
            keys[f"{root}/healthcheck/headers/user-agent"] = HEALTH_AGENT
    return keys


def _checked(route: Route) -> bool:
    """Tell whether the proxy checks the workers itself: else a dead one is told by retry alone.

    All of them or none: it refuses a weighted service of which one is not checked, as in an update may be.
    """
    return route.kind == "tcp" or all(server.health_path is not None for server in route.servers)


def _rank(key: str) -> tuple[int, int, str]:
    """Order keys so that whatever is named is there before what names it, and lists grow at the end."""
    order = 2 if "/routers/" in key else 1 if "/services/app_" in key else 0
    index = re.search(r"/weighted/services/(\d+)/", key)
    return order, int(index[1]) if index else -1, key


def _form(key: str) -> str:
    """Return the key with the app's name and the list indexes taken out."""
    parts = key.split("/")
    if app_of(key):
        parts[2] = parts[2].partition("_")[0]
    return "/".join("#" if part.isdecimal() else part for part in parts)


# routes that between them have every form of key
_EVERY_FORM = (
    Route("a", "http", ("a.localhost",), ("/a",), "http", (Server("w_a_1_1", "127.0.0.1:80", "/"),)),
    Route("b", "http", (), (), "http", ()),
    Route("c", "tcp", (), (), "tcp9000", (Server("w_c_1_1", "127.0.0.1:80"),)),
    Route("d", "tcp", (), (), "tcp9000", ()),
)
