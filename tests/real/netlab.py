"""A bench for netsetup: network namespaces without processes, and what a worker or an attacker does in one.

A socket stays in the namespace of the thread that made it, so sockets are made inside and used anywhere.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from ipaddress import IPv4Address
from typing import Self, TypeVar

from netsetup.links import add_default_route
from netsetup.namespace import entered
from netsetup.netlink import Netlink

_CLONE_NEWNET = 0x40000000
_PATIENCE_S = 0.4  # how long a packet that is let through may take
_ARP_TYPE, _IPV4_TYPE = 0x0806, 0x0800

Result = TypeVar("Result")


def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> bool:
    """Return whether the condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


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
        self.wire(_IPV4_TYPE).send(frame)

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


def receives(server: socket.socket, payload: bytes) -> bool:
    """Return whether the payload arrives in time."""
    try:
        return server.recv(65535) == payload
    except TimeoutError:
        return False


def udp_frame(
    to_mac: str, from_mac: str, source: IPv4Address, target: IPv4Address, port: int, payload: bytes
) -> bytes:
    """Return an Ethernet frame with a UDP packet, every address as claimed."""
    udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload  # checksum 0: none
    addresses = source.packed + target.packed
    unsummed = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    summed = unsummed[:10] + struct.pack("!H", _checksum(unsummed)) + unsummed[12:]
    return _ethernet(to_mac, from_mac, _IPV4_TYPE) + summed + udp


def arp_frame(from_mac: str, sender_mac: str, sender: IPv4Address, target: IPv4Address) -> bytes:
    """Return a broadcast ARP request in which the sender claims a MAC and an address."""
    claim = _mac(sender_mac) + sender.packed + bytes(6) + target.packed
    return (
        _ethernet("ff:ff:ff:ff:ff:ff", from_mac, _ARP_TYPE)
        + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
        + claim
    )


def link_local_frame(from_mac: str) -> bytes:
    """Return a frame to the group address of LLDP, which a bridge takes in before any filter."""
    return _ethernet("01:80:c2:00:00:0e", from_mac, 0x88CC) + bytes(46)


def _ethernet(to_mac: str, from_mac: str, ethernet_type: int) -> bytes:
    return _mac(to_mac) + _mac(from_mac) + struct.pack("!H", ethernet_type)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
