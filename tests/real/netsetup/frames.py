"""Ethernet frames with every address as claimed, for those who lie."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address

ALL_TYPES = 3  # what a socket asks for that wants every frame
ARP_TYPE, IPV4_TYPE = 0x0806, 0x0800
IPV6_TYPE, VLAN_TYPE, DOUBLE_VLAN_TYPE, PPPOE_TYPE, EXPERIMENTAL_TYPE = 0x86DD, 0x8100, 0x88A8, 0x8864, 0x88B5


def udp_frame(
    to_mac: str, from_mac: str, source: IPv4Address, target: IPv4Address, port: int, payload: bytes
) -> bytes:
    """Return an Ethernet frame with a UDP packet, every address as claimed."""
    udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload  # checksum 0: none
    addresses = source.packed + target.packed
    unsummed = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    summed = unsummed[:10] + struct.pack("!H", _checksum(unsummed)) + unsummed[12:]
    return _ethernet(to_mac, from_mac, IPV4_TYPE) + summed + udp


def arp_frame(from_mac: str, sender_mac: str, sender: IPv4Address, target: IPv4Address) -> bytes:
    """Return a broadcast ARP request in which the sender claims a MAC and an address."""
    claim = _mac(sender_mac) + sender.packed + bytes(6) + target.packed
    return (
        _ethernet("ff:ff:ff:ff:ff:ff", from_mac, ARP_TYPE) + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + claim
    )


def link_local_frame(from_mac: str) -> bytes:
    """Return a frame to the group address of LLDP, which a bridge takes in before any filter."""
    return _ethernet("01:80:c2:00:00:0e", from_mac, 0x88CC) + bytes(46)


def bare_frame(to_mac: str, from_mac: str, ethernet_type: int) -> bytes:
    """Return a frame of any type, with nothing in it."""
    return _ethernet(to_mac, from_mac, ethernet_type) + bytes(46)


def _ethernet(to_mac: str, from_mac: str, ethernet_type: int) -> bytes:
    return _mac(to_mac) + _mac(from_mac) + struct.pack("!H", ethernet_type)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
