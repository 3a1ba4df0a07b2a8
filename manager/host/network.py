"""The network of a cloud as its settings have it, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Network

from manager.api.errors import NetworkFailed
from manager.api.places import Places
from manager.host.settings import Settings
from netsetup.errors import NetworkError
from netsetup.network import Network

ANY_SUBNET = IPv4Network("10.200.0.0/22")  # looking and removing go by mark: the subnet does not matter


@contextmanager
def network_of(places: Places, settings: Settings | None) -> Iterator[Network]:
    """Lend the cloud's network for the length of a `with`; its errors come out as ours."""
    subnet, ports = (settings.network, settings.private_ports) if settings else (ANY_SUBNET, ())
    with translated(), closing(Network(places.cloud, places.tag, subnet, ports)) as network:
        yield network


@contextmanager
def translated(hint: str = "simplecloud doctor") -> Iterator[None]:
    """Errors of netsetup come out as ours; hint: for those that have none."""
    try:
        yield
    except NetworkError as error:
        raise NetworkFailed(error.message, hint=error.hint or hint) from error
