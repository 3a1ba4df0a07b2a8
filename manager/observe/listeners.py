"""What a network namespace looks like through /proc/PID/net, without entering it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import NamedTuple

from manager.procfs import text_of

_LISTENING = "0A"
Address = IPv4Address | IPv6Address
Listeners = Mapping[int, Collection[Address]]
LONGEST_S = 60.0


def listeners(pid: int) -> dict[int, set[Address]]:
    """Return the addresses listened on, by tcp port; empty when the process is gone."""
    found: dict[int, set[Address]] = {}
    for address, port, _ in listening(pid):
        found.setdefault(port, set()).add(address_of(address))
    return found


def listening(pid: int) -> Iterator[tuple[str, int, str]]:
    """Yield the address, as the kernel writes it, the tcp port and the inode of each socket that listens."""
    for table in ("tcp", "tcp6"):
        for line in text_of(pid, f"net/{table}").splitlines()[1:]:
            columns = line.split()
            if columns[3] == _LISTENING:
                address, _, port = columns[1].rpartition(":")
                yield address, int(port, 16), columns[9]


class Heard(NamedTuple):
    """The lowest port on which a process listens, None for none; times are monotonic seconds."""

    port: int | None
    since: float
    again_at: float


@dataclass(slots=True)
class Ports:
    """The tcp port that each process listens on: most begin early, so they are looked at ever less often.

    A look takes milliseconds, as the kernel goes through the connections of all namespaces.
    """

    clock: Callable[[], float] = time.monotonic
    look: Callable[[int], Collection[int]] = listeners
    _heard: Mapping[int, Heard] = field(default_factory=dict)

    def of(self, pids: Collection[int]) -> Mapping[int, int]:
        """Return the lowest port of each process that listens; those that are not asked for are forgotten."""
        self._heard = {pid: self._listen(pid) for pid in pids}
        return {pid: heard.port for pid, heard in self._heard.items() if heard.port is not None}

    def _listen(self, pid: int) -> Heard:
        now, last = self.clock(), self._heard.get(pid)
        if last is not None and now < last.again_at:
            return last
        since = last.since if last is not None else now
        return Heard(min(self.look(pid), default=None), since, now + min(now - since, LONGEST_S))


def address_of(text: str) -> Address:
    """Return the address that the kernel writes as hex words in the byte order of the host."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)


def has_address(pid: int, address: IPv4Address) -> bool:
    """Return whether the namespace of the process has the address as its own."""
    lines = text_of(pid, "net/fib_trie").splitlines()
    return any(line.strip() == f"|-- {address}" and "host LOCAL" in after for line, after in pairwise(lines))
