"""How many workers should stand by as spares, started and paused, for what comes before new ones are ready.

Two steps, as in any plan for what is not known yet (Birge and Louveaux, "Introduction to Stochastic
Programming", 1.1): a spare is paid for now, at the little that memory is worth; once the demand is there,
the number of workers within reach that costs least is taken into service.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from balancer.choose import Outlook
from balancer.memory import Memory, Wish
from balancer.surprises import HALF_LIFE_S

STANDBY = 0.02  # of a worker: a spare takes memory and no CPU
KEEP_S = HALF_LIFE_S  # spares are for surprises: kept until what asked for them counts half


def within_reach(ahead: Outlook, final: int, most: int) -> int:
    """Return how many workers, spares among them, there should be of an app that gets `final` now."""
    workers = np.arange(final, max(final, most) + 1, dtype=float)
    rows = slice(final - 1, final - 1 + len(workers))
    at_best = np.minimum.accumulate(workers[:, None] + ahead.slow[rows] + ahead.unmet[rows], axis=0)
    total = at_best @ ahead.odds + STANDBY * (workers - final)
    return int(workers[np.argmin(total)])


def kept_spares(
    memory: Memory, asked: int | None, room: int | None, final: int, most: int, now_s: float
) -> tuple[int, Memory]:
    """Return how many spares to keep beside `final` workers, and the memory with what was asked.

    asked: workers within reach, None where no model says how many; the most that was asked of late is kept.
    room: spares that the host's memory has room for; None: none are to be chosen.
    """
    last = memory.reach
    if last is not None and now_s - last.at_s >= KEEP_S:
        last = None
    if asked is not None and (last is None or asked >= last.workers):
        last = Wish(now_s, asked)
    wanted = 0 if last is None else min(last.workers, most) - final
    return max(0, min(wanted, room or 0)), replace(memory, reach=last)
