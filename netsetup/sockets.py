"""How many requests wait for their answers, as the kernel sees it from the sockets of either end."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from pyroute2.netlink import NETLINK_SOCK_DIAG
from pyroute2.netlink.diag import (
    SOCK_DIAG_BY_FAMILY,
    SS_CLOSE_WAIT,
    SS_CLOSING,
    SS_ESTABLISHED,
    SS_FIN_WAIT1,
    SS_LAST_ACK,
    SS_SYN_SENT,
    inet_diag_req,
)

from netsetup.netlink import HEADER, Netlink, attributes

_LIVE_STATES = (SS_ESTABLISHED, SS_CLOSE_WAIT, SS_FIN_WAIT1, SS_LAST_ACK, SS_CLOSING)
_WAITING_STATES = (SS_SYN_SENT, SS_ESTABLISHED)
_INET_DIAG_INFO = 2
# inet_diag_msg: family, state, the other end's port and address, bytes unread, bytes not acknowledged
_MESSAGE = struct.Struct("!BB4xH16x16s16x")
_QUEUES = struct.Struct("=II8x")
# tcp_info: ms since data was sent and since it was received, data segments in and out
_TCP_INFO = struct.Struct("=44xI4xI96xII")


@dataclass(frozen=True, slots=True)
class Connection:
    """One end of a connection; ages in ms, with the kernel's tick (1 to 10 ms) as their grain.

    established: neither end has closed it.
    """

    remote: IPv4Address
    remote_port: int
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
    def owes(self) -> bool:
        """A request waits for its answer, or an answer is not all delivered, as the server's end tells.

        On a fresh connection both ages count from its start, so the first request is told by segments.
        """
        unanswered = self.received_age_ms < self.sent_age_ms
        first = self.segments_in > 0 and self.segments_out == 0
        return unanswered or first or self.unread_bytes > 0 or self.unacknowledged_bytes > 0

    @property
    def waits(self) -> bool:
        """A request waits for its answer, or for being let in, as the client's end tells."""
        unanswered = self.sent_age_ms < self.received_age_ms
        first = self.segments_out > 0 and self.segments_in == 0
        return unanswered or first or not self.established or self.unacknowledged_bytes > 0


def connections_of(port: int) -> list[Connection]:
    """Return the live connections of the server on the port in the namespace of the calling thread."""
    return _dump((socket.AF_INET, socket.AF_INET6), _LIVE_STATES, port)


def connections_to(network: IPv4Network) -> list[Connection]:
    """Return the connections that clients in the namespace of the calling thread have to addresses there."""
    return [one for one in _dump((socket.AF_INET,), _WAITING_STATES) if one.remote in network]


def _dump(families: Iterable[int], states: Iterable[int], port: int = 0) -> list[Connection]:
    """Return the connections in these states, of the local port or of all.

    The kernel goes through all of its table each time: up to a millisecond, however few there are.
    """
    with Netlink(NETLINK_SOCK_DIAG) as netlink:
        answers = [
            answer
            for family in families
            for answer in netlink.dump(_request(family, states, port), SOCK_DIAG_BY_FAMILY, "list sockets")
        ]
    return [_decode(answer) for answer in answers]


def _request(family: int, states: Iterable[int], port: int) -> inet_diag_req:
    message = inet_diag_req()
    message["sdiag_family"], message["sdiag_protocol"] = family, socket.IPPROTO_TCP
    message["idiag_states"] = sum(1 << state for state in states)
    message["idiag_ext"] = 1 << (_INET_DIAG_INFO - 1)
    message["idiag_sport"] = port
    return message


def _decode(answer: bytes) -> Connection:
    family, state, remote_port, remote = _MESSAGE.unpack_from(answer, HEADER.size)
    after = HEADER.size + _MESSAGE.size
    unread, unacknowledged = _QUEUES.unpack_from(answer, after)
    information = dict(attributes(answer, after + _QUEUES.size))[_INET_DIAG_INFO]
    return Connection(
        IPv4Address(remote[:4] if family == socket.AF_INET else remote[12:]),
        remote_port,
        state == SS_ESTABLISHED,
        unread,
        unacknowledged,
        *_TCP_INFO.unpack_from(information),
    )
