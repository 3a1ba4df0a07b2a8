"""How many requests are being served inside a namespace, as the kernel sees it from its sockets."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from pyroute2.netlink import NETLINK_SOCK_DIAG
from pyroute2.netlink.diag import (
    SOCK_DIAG_BY_FAMILY,
    SS_CLOSE_WAIT,
    SS_CLOSING,
    SS_ESTABLISHED,
    SS_FIN_WAIT1,
    SS_LAST_ACK,
    inet_diag_req,
)

from netsetup.netlink import HEADER, Netlink, attributes

_LIVE_STATES = (SS_ESTABLISHED, SS_CLOSE_WAIT, SS_FIN_WAIT1, SS_LAST_ACK, SS_CLOSING)
_INET_DIAG_INFO = 2
# inet_diag_msg: family, state, the other end's address, bytes unread, bytes not acknowledged
_MESSAGE = struct.Struct("=BB22x16s16xII8x")
# tcp_info: ms since data was sent and since it was received, data segments in and out
_TCP_INFO = struct.Struct("=44xI4xI96xII")


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of a server; ages in ms, with the kernel's tick (1 to 10 ms) as their grain.

    established: neither end has closed it.
    """

    remote: IPv4Address
    established: bool
    unread_bytes: int
    unacknowledged_bytes: int
    sent_age_ms: int
    received_age_ms: int
    segments_in: int
    segments_out: int

    def is_held_by(self, address: IPv4Address) -> bool:
        """Return whether whoever has the address keeps the connection open."""
        return self.established and self.remote == address

    @property
    def busy(self) -> bool:
        """A request waits for its answer, or an answer is not all delivered.

        On a fresh connection both ages count from its start, so the first request is told by segments.
        """
        unanswered = self.received_age_ms < self.sent_age_ms
        first = self.segments_in > 0 and self.segments_out == 0
        return unanswered or first or self.unread_bytes > 0 or self.unacknowledged_bytes > 0


def connections(port: int) -> list[Connection]:
    """Return the live connections to the port in the namespace of the calling thread."""
    with Netlink(NETLINK_SOCK_DIAG) as netlink:
        answers = [
            answer
            for family in (socket.AF_INET, socket.AF_INET6)
            for answer in netlink.dump(_request(family, port), SOCK_DIAG_BY_FAMILY, "list sockets")
        ]
    return [_decode(answer) for answer in answers]


def _request(family: int, port: int) -> inet_diag_req:
    message = inet_diag_req()
    message["sdiag_family"], message["sdiag_protocol"] = family, socket.IPPROTO_TCP
    message["idiag_states"] = sum(1 << state for state in _LIVE_STATES)
    message["idiag_ext"] = 1 << (_INET_DIAG_INFO - 1)
    message["idiag_sport"] = port
    return message


def _decode(answer: bytes) -> Connection:
    family, state, remote, unread, unacknowledged = _MESSAGE.unpack_from(answer, HEADER.size)
    address = IPv4Address(remote[:4] if family == socket.AF_INET else remote[12:])
    information = dict(attributes(answer, HEADER.size + _MESSAGE.size))[_INET_DIAG_INFO]
    sent, received, segments_in, segments_out = _TCP_INFO.unpack_from(information)
    established = state == SS_ESTABLISHED
    return Connection(address, established, unread, unacknowledged, sent, received, segments_in, segments_out)
