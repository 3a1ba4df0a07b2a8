"""Work inside another network namespace.

A thread that has entered a namespace cannot be trusted elsewhere again, so each visit has a thread of its
own, which ends with it: a pool's thread would be poisoned for good.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from netsetup.errors import NamespaceGone, NetworkError

_CLONE_NEWNET = 0x40000000
_OWN = "/proc/self/ns/net"

Result = TypeVar("Result")


class Namespace:
    """A namespace that is open and has a thread in it; `descriptor` is the namespace's."""

    def __init__(self, descriptor: int, thread: ThreadPoolExecutor) -> None:
        self.descriptor = descriptor
        self._thread = thread

    def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns inside; raises what it raises."""
        return self._thread.submit(work).result()


@contextmanager
def entered(path: str) -> Iterator[Namespace]:
    """Yield the namespace at the path, such as /proc/123/ns/net.

    Raises NamespaceGone when there is none, and for this host's own: a pid may be used again, by anything.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NamespaceGone(f"no network namespace at {path}: {error.strerror}") from error
    try:
        if os.path.samestat(os.fstat(descriptor), os.stat(_OWN)):
            raise NamespaceGone(f"the network namespace at {path} is this host's own")
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="namespace") as thread:
            namespace = Namespace(descriptor, thread)
            namespace.run(lambda: _enter(descriptor, path))
            yield namespace
    finally:
        os.close(descriptor)


def _enter(descriptor: int, path: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        reason = os.strerror(ctypes.get_errno()).lower()
        raise NetworkError(f"cannot enter the network namespace {path}: {reason}")
