"""One `up` or `down` of a cloud at a time; the second waits, and says so.

The lock's file lies beside the cloud's own directory, which `down` removes, and is gone when nobody has the
turn. So whoever got a lock looks whether the file is still the one that others will find.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from manager.api.cite import cited
from manager.api.places import Places

SUFFIX = ".turn"


def turn_file(places: Places) -> Path:
    return places.run.with_name(f"{places.cloud}{SUFFIX}")


def taken_turns(parent: Path) -> set[str]:
    """Return the clouds of which an `up` or a `down` is at work; parent: where their own directories are."""
    return {file.name.removesuffix(SUFFIX) for file in parent.glob(f"*{SUFFIX}") if is_taken(file)}


@contextmanager
def our_turn(places: Places, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the turn, after whoever has it."""
    file, lock = turn_file(places), None
    try:
        lock = _try_lock(file)
        if lock is None:
            say(f"another up or down of the cloud {cited(places.cloud)} is at work: waiting for it")
        while lock is None:
            lock = _lock(file, fcntl.LOCK_EX)
        yield
    finally:
        _release(file, lock)


@contextmanager
def turn_if_free(places: Places) -> Iterator[bool]:
    """Hold the turn and yield True, or yield False when somebody has it."""
    file = turn_file(places)
    lock = _try_lock(file)
    try:
        yield lock is not None
    finally:
        _release(file, lock)


def is_taken(file: Path) -> bool:
    """Return whether somebody has the turn whose file this is.

    Who wants it in the very moment of this look waits, or takes it for taken.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False  # who had it was killed


def _try_lock(file: Path) -> int | None:
    """Return a descriptor that has the lock, None when somebody else has it."""
    try:
        while (lock := _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)) is None:
            pass  # who had the turn has just given it back
    except BlockingIOError:
        return None
    return lock


def _lock(file: Path, how: int) -> int | None:
    """Return a descriptor that has the lock, None when the file was removed meanwhile: try again.

    Raises BlockingIOError with LOCK_NB when somebody has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        if os.stat(file).st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except FileNotFoundError:
        pass  # as a removed one: another had the turn, and has given it back
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _release(file: Path, lock: int | None) -> None:
    if lock is not None:
        file.unlink(missing_ok=True)
        os.close(lock)
