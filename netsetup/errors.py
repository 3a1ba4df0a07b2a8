"""What can go wrong in the network of a cloud.

    NetworkError          the network is not as asked; look again, or tell a person
    |- KernelRefused      one request was answered with an error number, kept in `code`
    `- NamespaceGone      whoever had the namespace has ended, or somebody else has its pid

A message is lower case, names the thing and has no full stop.
"""

from __future__ import annotations

import os


class NetworkError(Exception):
    """`message` names the thing; `hint` is the next command, ready to paste, or empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NamespaceGone(NetworkError):
    """There is no network namespace at the path, or not a worker's."""


class KernelRefused(NetworkError):
    """The kernel answered a netlink request with the error number `code` (an errno)."""

    def __init__(self, purpose: str, code: int) -> None:
        super().__init__(f"cannot {purpose}: {os.strerror(code).lower()}")
        self.code = code
