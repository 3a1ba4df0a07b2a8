"""Exponential smoothing: how what was learned loses its weight, and how far numbers stray."""

from __future__ import annotations

HALF_LIFE_S = 240.0  # of a sample's weight: minutes of samples see through noise; longer learns late
LONGEST_STEP_S = 30.0  # silence does not make a model older: nothing was learned against it
RATE = 0.05  # of each new number, so about the last twenty count
CLIP = 9.0  # an outlier counts as three standard deviations, however far out it is: a jump is no noise


def decay(before_s: float, now_s: float) -> float:
    """Return the share of its weight that what was learned until before_s keeps at now_s, from 0 to 1."""
    age_s = min(max(now_s - before_s, 0.0), LONGEST_STEP_S)
    share: float = 0.5 ** (age_s / HALF_LIFE_S)
    return share


def smoothed_dispersion(dispersion: float, seen: float) -> float:
    """Return the dispersion, variance over assumed variance, after one more number.

    seen: its squared distance from what was expected, in assumed variances. The result is never below 1: a
    quiet hour would make any change look large.
    """
    return max(1.0, dispersion + RATE * (min(seen, CLIP * dispersion) - dispersion))
