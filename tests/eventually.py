"""Waiting for a condition, with a limit: what tests do instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

POLL_S, LONGEST_POLL_S = 0.01, 0.1
PATIENCE = 1 / 20  # who has waited long already looks again after this share of it: looks cost the machine
BUSY = 3  # a machine that has much else to do takes so many times as long

T = TypeVar("T")


def eventually(
    condition: Callable[[], T], within_s: float = 10.0, what: str = "the condition", *, busy: float = BUSY
) -> T:
    """Return what the condition returns as soon as that counts as true.

    within_s: on a machine that has time for us; one that is busy is given `busy` times as much.
    Raises AssertionError with its last value when it does not come true by then.
    """
    limit_s = busy * within_s
    began_at = time.monotonic()
    while not (seen := condition()):
        waited_s = time.monotonic() - began_at
        assert waited_s < limit_s, f"{what} did not come true within {limit_s} s: {seen!r}"
        time.sleep(min(max(POLL_S, PATIENCE * waited_s), LONGEST_POLL_S))
    return seen
