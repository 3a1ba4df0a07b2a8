"""In which containers the kernel ended something for want of memory.

Docker hears of that by another way than of the container's end. Where the end comes first, it calls the
container one that was killed, for good: so it was with 5 of 40 on a quiet machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_LOG = Path("/dev/kmsg")
_RECORD_BYTES = 8192  # the longest that the kernel writes


def reached_memory_limit(container_id: str, log: Path = _LOG) -> bool:
    """Return whether the kernel logged so; it may not be read, or not go back far enough."""
    group = container_id.encode()
    return any(b"oom_memcg=" in record and group in record for record in _records(log))


def _records(log: Path) -> Iterator[bytes]:
    """Yield what is in the kernel's log by now; a read gives a record."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        while record := _next(descriptor):
            yield record
    finally:
        os.close(descriptor)


def _next(descriptor: int) -> bytes:
    """Return the next record, b"" where there is none."""
    while True:
        try:
            return os.read(descriptor, _RECORD_BYTES)
        except BrokenPipeError:
            continue  # it was overwritten meanwhile: the oldest that is left comes next
        except OSError:
            return b""  # nothing more by now; or, as in some containers, no log at all but a terminal
