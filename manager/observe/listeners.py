"""What a network namespace looks like through /proc/PID/net, without entering it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from pathlib import Path

_LISTENING = "0A"
Address = IPv4Address | IPv6Address
Listeners = Mapping[int, Collection[Address]]


def listeners(pid: int) -> dict[int, set[Address]]:
    """Return the addresses listened on, by tcp port; empty when the process is gone."""
    found: dict[int, set[Address]] = {}
    for table in ("tcp", "tcp6"):
        for line in _read(pid, table).splitlines()[1:]:
            columns = line.split()
            if columns[3] == _LISTENING:
                address, _, port = columns[1].rpartition(":")
                found.setdefault(int(port, 16), set()).add(address_of(address))
    return found


def address_of(text: str) -> Address:
    """Return the address that the kernel writes as hex words in the byte order of the host."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)


def has_address(pid: int, address: IPv4Address) -> bool:
    """Return whether the namespace of the process has the address as its own."""
    lines = _read(pid, "fib_trie").splitlines()
    return any(line.strip() == f"|-- {address}" and "host LOCAL" in after for line, after in pairwise(lines))


def _read(pid: int, table: str) -> str:
    try:
        return Path(f"/proc/{pid}/net/{table}").read_text()
    except OSError:
        return ""
