"""What the kernel tells of links, addresses and rules by itself: that there was something, and no more."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from pyroute2.netlink import NETLINK_NETFILTER, NETLINK_ROUTE
from pyroute2.netlink.rtnl import RTMGRP_IPV4_IFADDR, RTMGRP_LINK

_RULES = 1 << 6  # NFNLGRP_NFTABLES, the seventh group
_RECEIVE_BYTES = 1 << 16


class News:
    """Hears of what changes in the network namespace of the thread that makes it."""

    def __init__(self, names: Iterable[str]) -> None:
        """names: messages without any of these are ignored, for a machine of containers is never quiet."""
        self._names = [name.encode() for name in names]
        self._sockets = [
            _listening(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR),
            _listening(NETLINK_NETFILTER, _RULES),
        ]

    def any(self) -> bool:
        """Return whether a link, an address or a rule changed since the call before."""
        heard = [self._drain(each) for each in self._sockets]  # all of them, whatever the first one says
        return any(heard)

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def _drain(self, source: socket.socket) -> bool:
        heard = False
        while True:
            try:
                message = source.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return heard
            except OSError:  # there was more than the kernel keeps
                heard = True
            else:
                heard |= any(name in message for name in self._names)


def _listening(protocol: int, groups: int) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    made = socket.socket(socket.AF_NETLINK, kind, protocol)
    made.bind((0, groups))
    return made
