"""A bench for netsetup: network namespaces without processes, and what a worker or an attacker does in one.

A socket stays in the namespace of the thread that made it, so sockets are made inside and used anywhere.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from typing import Self, TypeVar

from netsetup.addresses import bridge_name, gateway_of, mac_of, port_name
from netsetup.links import add_default_route, addresses
from netsetup.namespace import entered
from netsetup.netlink import Netlink
from netsetup.network import Network
from netsetup.port import Port
from tests.real.netsetup.frames import IPV4_TYPE

HTTP = 8000
PRIVATE = 23799
WEB, API = 1, 2  # groups

_CLONE_NEWNET = 0x40000000
_PATIENCE_S = 0.4  # how long a packet that is let through may take

CloudMaker = Callable[[], "Cloud"]
Result = TypeVar("Result")


class Room:
    """A network namespace, held by a descriptor: it ends, with its links, when it is closed."""

    def __init__(self) -> None:
        self._held = ExitStack()
        with ThreadPoolExecutor(max_workers=1) as thread:
            self._descriptor = thread.submit(_new_namespace).result()
        self._held.callback(os.close, self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._held.close()

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self._descriptor}"

    def run(self, work: Callable[[], Result]) -> Result:
        with entered(self.path) as namespace:
            return namespace.run(work)

    def listen(self, port: int) -> socket.socket:
        """Return a TCP server of all addresses; its kernel alone answers who connects."""
        return self._held.enter_context(self.run(lambda: socket.create_server(("", port))))

    def udp(self, port: int) -> socket.socket:
        def opened() -> socket.socket:
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("", port))
            server.settimeout(_PATIENCE_S)
            return server

        return self._held.enter_context(self.run(opened))

    def connect(self, address: IPv4Address | str, port: int) -> socket.socket:
        """Raises OSError when nobody answers in time."""
        family = socket.AF_INET6 if ":" in str(address) else socket.AF_INET
        connection = self._held.enter_context(self.run(lambda: socket.socket(family)))
        connection.settimeout(_PATIENCE_S)
        connection.connect((str(address), port))
        return connection

    def can_connect(self, address: IPv4Address | str, port: int) -> bool:
        try:
            self.connect(address, port)
        except OSError:
            return False
        return True

    def wire(self, ethernet_type: int) -> socket.socket:
        """Return a raw socket on eth0, as a worker with CAP_NET_RAW has it."""

        def opened() -> socket.socket:
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethernet_type))
            raw.bind(("eth0", ethernet_type))
            raw.settimeout(_PATIENCE_S)
            return raw

        return self._held.enter_context(self.run(opened))

    def send(self, frame: bytes) -> None:
        """The frame has left eth0 as it is, whatever it claims."""
        self.wire(IPV4_TYPE).send(frame)

    def index_of(self, name: str) -> int:
        return self.run(lambda: socket.if_nametoindex(name))

    def route_all_through(self, gateway: IPv4Address) -> None:
        """Everything goes to the gateway: what a worker that wants out tries first."""

        def route() -> None:
            with Netlink() as inside:
                add_default_route(inside, socket.if_nametoindex("eth0"), gateway)

        self.run(route)


def _new_namespace() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


@dataclass(frozen=True)
class Worker:
    """A namespace at its port."""

    room: Room
    port: Port

    @property
    def address(self) -> IPv4Address:
        return self.port.address

    @property
    def mac(self) -> str:
        return mac_of(self.port.address)


def _subnet_of(tag: str) -> IPv4Network:
    """Return the subnet of the lab's cloud with this tag, one that no real cloud is given.

    What is free now may be chosen by a cloud that comes up beside, or be remembered by one that is down.
    """
    first = IPv4Address("100.64.0.0") + (int(tag, 16) % 4096) * 1024
    return IPv4Network((first, 22))


class Cloud:
    """A cloud's network and the workers on it."""

    def __init__(self, name: str, tag: str) -> None:
        self.name = name
        self.tag = tag
        self.bridge = bridge_name(tag)
        self.subnet = _subnet_of(tag)
        self.gateway = gateway_of(self.subnet)
        self.network = Network(name, tag, self.subnet, [PRIVATE])
        self._numbers = count(1)
        self._rooms = ExitStack()

    def worker(
        self, group: int = WEB, *, reaches: frozenset[int] = frozenset(), egress: bool = False
    ) -> Worker:
        """Return a new worker, bound and attached, with a TCP server."""
        number = next(self._numbers)
        name = port_name(self.tag, f"worker.{number}")
        port = Port(name, self.subnet[number + 1], group, reaches, egress)
        room = self._rooms.enter_context(Room())
        self.network.bind([port])
        self.network.attach(port, room.path)
        room.listen(HTTP)
        return Worker(room, port)

    def close(self) -> None:
        self.network.remove()
        self.network.close()
        self._rooms.close()


def host_connects(address: IPv4Address, port: int = HTTP) -> bool:
    """Return whether a connection comes about, though what is sent first may be lost.

    On a busy machine a link that is up may carry nothing yet; the kernel tries again after 1 and 3 s.
    """
    try:
        socket.create_connection((str(address), port), timeout=4).close()
    except OSError:
        return False
    return True


def links_of(tag: str) -> list[str]:
    """Return the links of this machine that have the mark of a cloud, found without asking the product."""
    return [link for link in os.listdir("/sys/class/net") if link.startswith(f"sc{tag}")]


def host_addresses() -> list[IPv4Address]:
    """Return the host's addresses but loopback's and those of clouds and labs, docker0's among them.

    Clouds and labs come and go beside a test, and what is sent to an address that is gone leaves the machine.
    """
    lasting = {index for index, name in socket.if_nameindex() if not name.startswith(("sc", "nt"))}
    with Netlink() as netlink:
        held = [address.ip for index, address in addresses(netlink) if index in lasting]
    return [address for address in held if not address.is_loopback]


def receives(server: socket.socket, payload: bytes) -> bool:
    """Return whether the payload arrives in time."""
    try:
        return server.recv(65535) == payload
    except TimeoutError:
        return False
