"""The kernel's netlink sockets, one for each use: nothing is shared between threads, nothing stays open.

pyroute2's classes encode the messages. Its own sockets build an event loop for each thread (0.3 ms, and
a warning when another thread closes them) and decode every attribute (0.3 ms a link), which is too slow
for what happens several times a second: answers are cut here, and readers take the attributes they need.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import Self

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, nlmsg

from netsetup.errors import KernelRefused

HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_TYPE_MASK = 0x3FFF  # the two highest bits of an attribute's type say how its value is encoded
_RECEIVE_BYTES = 1 << 17


class Netlink:
    """A socket of the network namespace of the thread that makes it; one request at a time."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def change(self, message: nlmsg, kind: int, flags: int, purpose: str) -> None:
        """The kernel has done what the message asks.

        purpose: "make link x", for the error.  Raises KernelRefused.
        """
        self._send(message, kind, flags | NLM_F_ACK)
        list(self._answers(purpose))

    def get(self, message: nlmsg, kind: int, purpose: str) -> bytes | None:
        """Return the one answer, None when the kernel knows no such thing.  Raises KernelRefused."""
        self._send(message, kind, 0)
        try:
            return next(self._answers(purpose))
        except KernelRefused as refusal:
            if refusal.code in (errno.ENODEV, errno.ENOENT):
                return None
            raise

    def dump(self, message: nlmsg, kind: int, purpose: str) -> list[bytes]:
        """Return all there are, each with its header.  Raises KernelRefused.

        What changes meanwhile may be missing, as in any picture of a moving thing: look again.
        """
        self._send(message, kind, NLM_F_DUMP)
        return list(self._answers(purpose))

    def _send(self, message: nlmsg, kind: int, flags: int) -> None:
        message["header"] = {"type": kind, "flags": flags | NLM_F_REQUEST, "sequence_number": 1}
        message.encode()
        self._socket.send(message.data)

    def _answers(self, purpose: str) -> Iterator[bytes]:
        """Yield each message up to the end of a dump or the acknowledgement."""
        while True:
            for kind, answer in _messages(self._socket.recv(_RECEIVE_BYTES)):
                if kind == NLMSG_DONE:
                    return
                if kind != NLMSG_ERROR:
                    yield answer
                    continue
                code = -_ERROR.unpack_from(answer, HEADER.size)[0]
                if code:
                    raise KernelRefused(purpose, code)
                return


def _messages(received: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(received):
        length, kind, *_ = HEADER.unpack_from(received, offset)
        yield kind, received[offset : offset + length]
        offset += _aligned(length)


def attributes(message: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute, in the kernel's order, from `offset` (bytes) on."""
    while offset + ATTRIBUTE.size <= len(message):
        length, kind = ATTRIBUTE.unpack_from(message, offset)
        yield kind & _TYPE_MASK, message[offset + ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def attribute(message: bytes, offset: int, wanted: int) -> bytes | None:
    """Return the first attribute of that type, reading no further: for long lists."""
    while offset + ATTRIBUTE.size <= len(message):
        length, kind = ATTRIBUTE.unpack_from(message, offset)
        if kind == wanted:
            return message[offset + ATTRIBUTE.size : offset + length]
        offset += _aligned(length)
    return None


def _aligned(length: int) -> int:
    return (length + 3) & ~3
