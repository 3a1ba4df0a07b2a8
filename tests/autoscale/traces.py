"""Loads made by code: requests/s for each second, seeded where there is chance in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LENGTH_S = 600


def steady() -> Floats:
    return np.full(LENGTH_S, 80.0)


def steps() -> Floats:
    """Return four levels, each reached from one second to the next."""
    return np.repeat([20.0, 150.0, 70.0, 110.0], LENGTH_S // 4)


def ramp() -> Floats:
    """Return a slow rise to a peak, and a faster fall."""
    return np.concatenate([np.linspace(15.0, 180.0, 400), np.linspace(180.0, 15.0, LENGTH_S - 400)])


def waves() -> Floats:
    rates: Floats = 90.0 + 65.0 * np.sin(2.0 * np.pi * np.arange(LENGTH_S) / 200.0)
    return rates


def wandering(seed: int = 11) -> Floats:
    """Return a mean-reverting random walk in the logarithm, with a memory of a minute."""
    rng = np.random.default_rng(seed)
    keep, log_rate = np.exp(-1.0 / 60.0), np.zeros(LENGTH_S)
    for second in range(1, LENGTH_S):
        push = 0.35 * np.sqrt(1.0 - keep**2) * rng.standard_normal()
        log_rate[second] = keep * log_rate[second - 1] + push
    rates: Floats = 90.0 * np.exp(log_rate)
    return rates


def bursts(seed: int = 12) -> Floats:
    """Return a low level with bursts of ten to thirty seconds at chance times."""
    rng = np.random.default_rng(seed)
    rates = np.full(LENGTH_S, 25.0)
    for start in rng.integers(40, LENGTH_S - 40, size=6):
        rates[start : start + int(rng.integers(10, 30))] = rng.uniform(90.0, 170.0)
    return rates


ALL = {
    "steady": steady,
    "steps": steps,
    "ramp": ramp,
    "waves": waves,
    "wandering": wandering,
    "bursts": bursts,
}
