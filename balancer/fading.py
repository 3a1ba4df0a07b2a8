"""How what was learned of a worker loses its weight, so that what a worker has become is learned."""

from __future__ import annotations

HALF_LIFE_S = 240.0  # of a sample's weight: minutes of samples see through noise; longer learns late
LONGEST_STEP_S = 30.0  # silence does not make a model older: nothing was learned against it


def kept(before_s: float, now_s: float) -> float:
    """Return the share of its weight that what was learned until before_s keeps at now_s, from 0 to 1."""
    age_s = min(max(now_s - before_s, 0.0), LONGEST_STEP_S)
    share: float = 0.5 ** (age_s / HALF_LIFE_S)
    return share
