"""Ports of this host: which are free, and who has one that is not."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from manager.observe.listeners import listening
from manager.procfs import text_of


def is_free(address: str, port: int) -> bool:
    """Return whether the port can be listened on at this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def is_ours(address: str) -> bool:
    """Return whether the address is one of this host, at which a program can listen."""
    return is_free(address, 0)  # any port


def first_free(address: str, starts: Iterable[int], length: int = 1) -> int | None:
    """Return the first of the starts from which so many ports in a row are free, or None."""
    return next(
        (start for start in starts if all(is_free(address, p) for p in range(start, start + length))), None
    )


def owner_of(port: int) -> str:
    """Return the process that listens on the port in words, such as `nginx (process 812)`."""
    pid = listeners_on([port]).get(port)
    if pid is None:
        return "another process"
    return f"{text_of(pid, 'comm').strip() or 'a program that has ended meanwhile'} (process {pid})"


def listeners_on(wanted: Collection[int]) -> dict[int, int]:
    """Return the pid of a process that listens on each port, as far as that may be seen."""
    ports = {inode: port for _, port, inode in listening(os.getpid()) if port in wanted}
    if not ports:
        return {}
    return {
        ports[inode]: int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        for inode in _sockets(process)
        if inode in ports
    }


def _sockets(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            link = os.readlink(descriptor)
            if link.startswith("socket:["):
                yield link[8:-1]
    except OSError:
        return  # it ended, or is not ours to look into
