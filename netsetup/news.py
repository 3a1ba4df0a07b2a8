"""What the kernel tells of links and addresses by itself: that there was something, and no more."""

from __future__ import annotations

import socket

from pyroute2.netlink.rtnl import RTMGRP_IPV4_IFADDR, RTMGRP_LINK

_RECEIVE_BYTES = 1 << 16


class LinkNews:
    """Hears of each change of a link, or of its IPv4 address, in the namespace of the thread that makes it.

    prefix: how the names of the links begin that are meant; a machine of containers is never quiet.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._socket.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR))

    def any(self) -> bool:
        """Return whether something changed since the call before, or since this was made."""
        heard = False
        while True:
            try:
                heard |= self._prefix in self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return heard
            except OSError:  # there was more than the kernel keeps
                heard = True

    def close(self) -> None:
        self._socket.close()
