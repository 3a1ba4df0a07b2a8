"""How much more numbers stray than was assumed of them, as a ratio of variances."""

from __future__ import annotations

RATE = 0.05  # of each new number
CLIP = 9.0  # an outlier counts as three standard deviations, however far out it is


def smoothed(spread: float, seen: float, least: float) -> float:
    """Return the spread after one more number, whose squared distance is `seen` assumed variances."""
    return max(least, spread + RATE * (min(seen, CLIP * spread) - spread))
