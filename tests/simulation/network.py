"""The network of one cloud in memory: a bridge, links into namespaces, and who may use which address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from manager.engine.containers import Container
from manager.state.model import WorkerKey
from netsetup.errors import NamespaceGone, NetworkError
from netsetup.network import NetworkPicture
from netsetup.port import Port
from tests.simulation.faults import Faults


@dataclass(frozen=True, slots=True)
class Link:
    """A veth: it dies with the namespace that its far end is in."""

    address: IPv4Address
    netns: str


class FakeHosts:
    """The workers' files of names, in memory."""

    def __init__(self, faults: Faults) -> None:
        self.texts: dict[WorkerKey, str] = {}
        self._faults = faults

    def path(self, key: WorkerKey) -> Path:
        return Path("/hosts") / key.label

    def read(self) -> dict[WorkerKey, str]:
        return dict(self.texts)

    def write(self, key: WorkerKey, text: str) -> None:
        with self._faults.effect(f"write the names of {key.label}", NetworkError):
            self.texts[key] = text

    def remove(self, key: WorkerKey) -> None:
        with self._faults.effect(f"remove the names of {key.label}", NetworkError):
            self.texts.pop(key, None)


class FakeNetwork:
    """What netsetup.network.Network does, to values.

    namespaces: the container that runs in each namespace there is, another mapping after every change.
    open_requests: of a container's id.
    """

    def __init__(
        self,
        faults: Faults,
        namespaces: Callable[[], Mapping[str, Container]],
        open_requests: Callable[[str], int],
    ) -> None:
        self.bridge = False
        self.bound: dict[str, Port] = {}
        self.nameless: set[str] = set()  # namespaces whose name somebody removed by hand
        self._faults = faults
        self._namespaces = namespaces
        self._open_requests = open_requests
        self._links: Mapping[str, Link] = {}
        self._swept: object = None
        self._seen: object = None

    @property
    def links(self) -> Mapping[str, Link]:
        """Return the links there are, another mapping after every change.

        A namespace that is gone took its link with it.
        """
        there = self._namespaces()
        if there is not self._swept:
            self._swept = there
            self._links = {name: link for name, link in self._links.items() if link.netns in there}
        return self._links

    def at(self, address: IPv4Address) -> str:
        """Return the namespace that whoever connects to the address gets into, "" for none."""
        return next((link.netns for link in self.links.values() if link.address == address), "")

    def ensure(self, ports: Iterable[Port] = ()) -> list[str]:
        if self.bridge:
            return []
        with self._faults.effect("mend the network", NetworkError):
            self.bridge = True
        return ["bridge made"]

    def look(self) -> NetworkPicture:
        self._faults.look()
        picture = NetworkPicture(self.bridge, self.bridge, dict.fromkeys(self.links, True), dict(self.bound))
        self._faults.look()
        return picture

    def stirred(self) -> bool:
        now = (self.bridge, self.links, dict(self.bound))
        before, self._seen = self._seen, now
        return now != before

    def bind(self, ports: Iterable[Port]) -> None:
        new = {port.name: port for port in ports}
        if any(self.bound.get(name) != port for name, port in new.items()):
            with self._faults.effect(f"bind {', '.join(new)}", NetworkError):
                self.bound |= new

    def unbind(self, names: Iterable[str]) -> None:
        there = [name for name in names if name in self.bound]
        if there:
            with self._faults.effect(f"unbind {', '.join(there)}", NetworkError):
                for name in there:
                    del self.bound[name]

    def attach(self, port: Port, netns: str) -> None:
        if self.links.get(port.name) == Link(port.address, netns):
            return
        with self._faults.effect(f"attach {port.name}", NetworkError):
            if netns not in self._namespaces():
                raise NamespaceGone(f"no network namespace at {netns}: no such file or directory")
            if not self.bridge:
                raise NetworkError(f"cannot attach {port.name}: no such device")
            self._links = {**self._links, port.name: Link(port.address, netns)}

    def detach(self, name: str, address: IPv4Address | None) -> None:
        if name in self.links:
            with self._faults.effect(f"detach {name}", NetworkError):
                self.cut(name)

    def forget_neighbour(self, address: IPv4Address) -> None:
        """The fake's connections to a dead address fail at once anyhow."""

    def in_flight(self, netns: str, tcp_port: int) -> int:
        container = self._namespaces().get(netns)
        if container is None or netns in self.nameless:
            raise NetworkError(f"cannot enter {netns}: no such file or directory")
        return self._open_requests(container.id)

    def awaited(self) -> Mapping[tuple[IPv4Address, int], int]:
        return {}

    def cut(self, name: str) -> None:
        """The link is gone, as when somebody deleted it by hand."""
        self._links = {each: link for each, link in self._links.items() if each != name}

    def lose_bridge(self) -> None:
        """Somebody deleted the bridge by hand; the links are left in the void."""
        self.bridge = False
        self._links = {}
