"""The ports of a compose file's services: short and long syntax, and what they speak. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manager.api.cite import cited
from manager.api.errors import UsageError

# Known to speak something else than http, so that the health check is one that they can pass.
_TCP_PORTS = frozenset(
    {21, 22, 25, 53, 110, 143, 389, 1883, 3306, 4222, 5432, 5672, 6379, 9092, 11211, 27017}
)


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container. published: on the host, "" when none is.  told: as it was written."""

    target: int
    published: str
    protocol: str
    speaks: str
    told: str


def of_service(name: str, value: object) -> list[Port]:
    """Return the ports that a service publishes, without ranges; raises UsageError."""
    return [_port(name, item) for item in _listed(name, value) if not _is_range(item)]


def of_app(published: Sequence[Port]) -> Port | None:
    """Return the port that is the app's: the first by tcp."""
    return next((port for port in published if port.protocol == "tcp"), None)


def ranges_of(name: str, value: object) -> list[str]:
    """Return the ranges of ports that a service publishes, as they were written."""
    return [str(item) for item in _listed(name, value) if _is_range(item)]


def _listed(name: str, value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UsageError(f"{name}.ports: this is no list", hint='ports: ["8080:80"]')
    return value


def _is_range(value: object) -> bool:
    target, *_ = _parts(value)
    return re.fullmatch("[0-9]+-[0-9]+", target) is not None


def _parts(value: object) -> tuple[str, str, str, str]:
    """Return target, published, protocol and what is spoken, as words."""
    if isinstance(value, dict):
        target, published = str(value.get("target")), str(value.get("published") or "")
        return target, published, str(value.get("protocol") or ""), str(value.get("app_protocol") or "")
    places, _, protocol = str(value).partition("/")
    published, _, target = places.rpartition(":")
    return target, published, protocol, ""


def _port(name: str, value: object) -> Port:
    target, published, protocol, speaks = _parts(value)
    if not re.fullmatch("[0-9]{1,5}", target) or not 0 < int(target) < 65536:
        raise UsageError(f"{name}.ports: {cited(value)} is not one port", hint='ports: ["8080:80"]')
    spoken = _spoken(speaks, int(target))
    return Port(int(target), published.rpartition(":")[2], protocol or "tcp", spoken, str(value))


def _spoken(said: str, target: int) -> str:
    if said:
        return "http" if said.startswith("http") else "tcp"
    return "tcp" if target in _TCP_PORTS else "http"


def require_apart(services: Mapping[str, object]) -> None:
    """Raise UsageError when two services publish the same port of the host."""
    owners: dict[tuple[str, str], str] = {}
    for name, value in services.items():
        for port in of_service(name, value):
            owner = owners.setdefault((port.published, port.protocol), name)
            if port.published and owner != name:
                raise UsageError(
                    f"{owner} and {name} publish the same port {port.published}",
                    hint=f"give {name}.ports another one",
                )
