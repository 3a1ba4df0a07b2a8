"""One `up` or `down` of a cloud at a time; the second waits, and says so."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from manager.api.places import Places


def turn_file(places: Places) -> Path:
    """The file whose lock is the turn; beside the cloud's own directory, which `down` removes."""
    return places.run.with_name(f"{places.cloud}.turn")


@contextmanager
def our_turn(places: Places, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the turn, after whoever has it."""
    with _opened(places) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another up or down of the cloud {places.cloud!r} is at work: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def turn_if_free(places: Places) -> Iterator[bool]:
    """Hold the turn and yield True, or yield False when somebody has it."""
    with _opened(places) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _opened(places: Places) -> TextIO:
    file = turn_file(places)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("w")
