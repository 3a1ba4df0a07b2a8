"""How much more numbers stray than was assumed of them, as a ratio of variances."""

from __future__ import annotations

RATE = 0.05  # of each new number, so about the last twenty count
CLIP = 9.0  # an outlier counts as three standard deviations, however far out it is: a jump is no noise


def smoothed(spread: float, seen: float) -> float:
    """Return the spread after one more number, whose squared distance is `seen` assumed variances.

    Never below 1: a quiet hour would make any change look large.
    """
    return max(1.0, spread + RATE * (min(seen, CLIP * spread) - spread))
