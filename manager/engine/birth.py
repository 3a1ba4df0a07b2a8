"""The network namespace of a container that Docker is about to start, before its command runs.

Docker tells of a container when its command runs already, and knows no hook of ours. But long before, a
tenth of a second on a quiet machine, the process that becomes the command has namespaces of its own and is in
the container's control group, while runc still prepares its files. Where the groups are elsewhere, as under a
daemon with a `cgroup-parent`, nothing is found, and whoever asks has to do with what there is afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from manager.procfs import stat_of

# by Docker's driver (systemd, cgroupfs), for control groups v2 and v1
_GROUPS = tuple(
    f"/sys/fs/cgroup/{hierarchy}{group}/cgroup.procs"
    for hierarchy in ("", "pids/")
    for group in ("system.slice/docker-{}.scope", "docker/{}")
)
_LOOK_S = 0.003


@contextmanager
def wired(container: str, wire: Callable[[str], None]) -> Iterator[None]:
    """`wire` is called once with the path of the namespace of a container that is started in the block.

    It is called in a thread that ends with the block, at the latest at its end: a machine that has no time
    for the thread may have had it for the command.  container: its whole id.
    """
    over = Event()
    thread = Thread(target=_wire, args=(container, wire, over), name="birth", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wire(container: str, wire: Callable[[str], None], over: Event) -> None:
    last = False
    while not (_was_born(container, wire) or last):
        last = over.wait(_LOOK_S)


def _was_born(container: str, wire: Callable[[str], None]) -> bool:
    """Call `wire` and return True when the container has a namespace of its own."""
    for pid in _processes(container):
        with suppress(OSError), _open_namespace(pid) as path:
            if path and pid in _processes(container):  # else it is of another process of that number
                wire(path)
                return True
    return False


def _processes(container: str) -> list[int]:
    """Return the pids in the container's control group."""
    for group in _GROUPS:
        with suppress(OSError):
            return [int(pid) for pid in Path(group.format(container)).read_text().split()]
    return []


@contextmanager
def _open_namespace(pid: int) -> Iterator[str]:
    """Yield a path to the network namespace of a process that outlives it, "" while that is its parent's.

    Raises OSError when the process is gone.
    """
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        inherited = os.stat(f"/proc/{stat_of(pid).parent}/ns/net")
        own = not os.path.samestat(os.fstat(descriptor), inherited)
        yield f"/proc/self/fd/{descriptor}" if own else ""
    finally:
        os.close(descriptor)
