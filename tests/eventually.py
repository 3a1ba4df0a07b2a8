"""Waiting for a condition, with a limit: what tests do instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.02

T = TypeVar("T")


def eventually(condition: Callable[[], T], within_s: float, what: str = "the condition") -> T:
    """Return what the condition returns as soon as that counts as true.

    Raises AssertionError with its last value when it does not within `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    while not (seen := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {within_s} s: {seen!r}"
        time.sleep(POLL_S)
    return seen
