"""The proxy as it is now, read from its API and its metrics page.

What etcd holds is what we asked for; only this says what the proxy has taken. A worker may be stopped
when it is gone from here, and not before.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from balancer.routes import owner
from manager.observe.ask import status_of

ANSWER_S = 0.5  # each pass of the manager may wait for so long
EVERY_PART = 100_000  # more than one machine has; the API gives 100 when it is not asked for more
_SERVICES = ("http/services", "tcp/services")
_EVERYTHING = ("http/routers", "http/services", "http/middlewares", "tcp/routers", "tcp/services")


@dataclass(frozen=True, slots=True)
class _Part:
    """A router, service or middleware in the proxy; children are the services a weighted one names."""

    name: str
    enabled: bool
    errors: tuple[str, ...]
    children: tuple[str, ...]


class ProxyApi:
    """The API of one proxy on a loopback port; may be asked from several threads.

    Nothing here raises: None means that the proxy did not answer within ANSWER_S.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[HTTPConnection] = deque()

    def live(self) -> Mapping[str, frozenset[str]] | None:
        """Return the worker services that each app's route leads to now; empty for an app without any."""
        parts = self._parts(_SERVICES)
        return None if parts is None else _workers_by_app(parts)

    def faults(self) -> Mapping[str, str] | None:
        """Return the apps of whose parts the proxy refuses some, each with its reasons.

        What belongs to no app is under "".
        """
        parts = self._parts(_EVERYTHING)
        return None if parts is None else _reasons_by_app(parts)

    def metrics(self) -> str | None:
        """Return the page of Prometheus metrics."""
        page = self._get("/metrics")
        return None if page is None else page.decode(errors="replace")

    def healthy(self) -> bool:
        """Return whether it answers, for which it has two seconds: this tells people that it is away."""
        return status_of("127.0.0.1", self._port, "127.0.0.1", "/ping") == HTTPStatus.OK

    def close(self) -> None:
        while connection := self._kept():
            connection.close()

    def _parts(self, kinds: Iterable[str]) -> list[_Part] | None:
        """Return the parts of all these kinds, None when one of the lists is not to be had."""
        found: list[_Part] = []
        for kind in kinds:
            body = self._get(f"/api/{kind}?per_page={EVERY_PART}")
            parts = None if body is None else _decode(body)
            if parts is None:
                return None
            found += parts
        return found

    def _get(self, path: str) -> bytes | None:
        while True:
            kept = self._kept()
            connection = kept or HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
            try:
                return self._ask(connection, path)
            except TimeoutError:
                connection.close()
                return None
            except (OSError, HTTPException):
                connection.close()
                # a kept connection may have been closed by the proxy meanwhile: only a new one is a verdict
                if kept is None:
                    return None

    def _kept(self) -> HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _ask(self, connection: HTTPConnection, path: str) -> bytes | None:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        self._idle.append(connection)
        return body if response.status == 200 else None


def _decode(body: bytes) -> list[_Part] | None:
    """Return the parts that the API lists, or None when it is no list of parts."""
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    return [
        _Part(
            name=str(item.get("name", "")).partition("@")[0],
            enabled=item.get("status") == "enabled",
            errors=tuple(str(error) for error in _listed(item.get("error"))),
            children=_children(item.get("weighted")),
        )
        for item in items
    ]


def _children(weighted: object) -> tuple[str, ...]:
    services = _listed(weighted.get("services")) if isinstance(weighted, dict) else []
    return tuple(str(service.get("name")) for service in services if isinstance(service, dict))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _workers_by_app(parts: list[_Part]) -> dict[str, frozenset[str]]:
    enabled = {part.name for part in parts if part.enabled}
    return {
        app: frozenset(child for child in part.children if child in enabled)
        for part in parts
        if part.enabled and part.name.startswith("app_") and (app := owner(part.name))
    }


def _reasons_by_app(parts: Iterable[_Part]) -> dict[str, str]:
    reasons: dict[str, list[str]] = {}
    for part in parts:
        if part.errors or not part.enabled:
            reasons.setdefault(owner(part.name) or "", []).extend(part.errors or (f"{part.name} is off",))
    return {app: "; ".join(dict.fromkeys(found)) for app, found in reasons.items()}
