"""The network namespace of a container that Docker is about to start, before its command runs.

Docker tells of a container when its command runs already, and knows no hook of ours. But long before, a
tenth of a second on a quiet machine, the process that becomes the command has namespaces of its own and is in
the container's control group, while runc still prepares its files. Where the groups are elsewhere, as under a
daemon with a `cgroup-parent`, nothing is found, and whoever asks has to do with what there is afterwards.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from threading import Event

from manager.procfs import stat_of

# by Docker's driver (systemd, cgroupfs), for control groups v2 and v1
_GROUPS = tuple(
    f"/sys/fs/cgroup/{hierarchy}{group}/cgroup.procs"
    for hierarchy in ("", "pids/")
    for group in ("system.slice/docker-{}.scope", "docker/{}")
)
_LOOK_S, _LOOKS = 0.003, 200  # after these it is rather a machine on which nothing is found
_RARELY_S = 0.05

log = logging.getLogger(__name__)


@contextmanager
def wired(container: str, wire: Callable[[str], None]) -> Iterator[None]:
    """`wire` is called once with the path of the namespace of a container that is started in the block.

    It is called in a thread that ends with the block, which on a busy machine may be when the command runs
    already. What it raises is logged.  container: its whole id.
    """
    over = Event()
    with ThreadPoolExecutor(1, thread_name_prefix="birth") as thread:
        wiring = thread.submit(_wire, container, wire, over)
        try:
            yield
        finally:
            over.set()
    if error := wiring.exception():
        log.warning("%s is not wired before it runs: %s", container[:12], error)


def _wire(container: str, wire: Callable[[str], None], over: Event) -> None:
    pauses, is_over, namespace = chain(repeat(_LOOK_S, _LOOKS), repeat(_RARELY_S)), False, None
    while namespace is None and not is_over:
        is_over = over.wait(next(pauses))
        namespace = _namespace_of(container)
    if namespace is not None:
        try:
            wire(f"/proc/self/fd/{namespace}")
        finally:
            os.close(namespace)


def _namespace_of(container: str) -> int | None:
    """Return a descriptor of the container's network namespace, None while it has none."""
    for pid in _processes(container):
        with suppress(OSError):  # it is gone
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            if _is_its_own(pid, namespace) and pid in _processes(container):  # else another has that pid now
                return namespace
            os.close(namespace)
    return None


def _processes(container: str) -> list[int]:
    """Return the pids in the container's control group."""
    for group in _GROUPS:
        with suppress(OSError):
            return [int(pid) for pid in Path(group.format(container)).read_text().split()]
    return []


def _is_its_own(pid: int, namespace: int) -> bool:
    """Return whether the process has left the namespace of its parent for this one."""
    try:
        inherited = os.stat(f"/proc/{stat_of(pid).parent}/ns/net")
    except OSError:
        return False
    return not os.path.samestat(os.fstat(namespace), inherited)
