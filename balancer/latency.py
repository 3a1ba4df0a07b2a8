"""R2: the share of slow requests as a function of the utilization of the workers.

    ln share = level + steep (rho - 1) + split (1/n - 1)        rho = arrival rate / (n workers * rate of one)

A straight line in the logarithm fits what queues do between idle and full: for one M/M/1 server it is
exact, with level 0 and steep = objective / work (P(T > t) = exp(-(1 - rho) t / work)), which is where
the fit starts. `split` says how much several workers do better than one of the same utilization rho. The fit
is a Poisson regression (McCullagh and Nelder, "Generalized Linear Models", 1989) over counts by utilization.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balancer.smoothing import decay

Floats = npt.NDArray[np.float64]

BINS = 20  # of utilization, each a twentieth of a worker's capacity
OVERDISPERSION = 3.0  # slow requests come together: three tell as much as one alone
SPLIT_PRIOR = 1.1  # of split, before any count: of twelve workers a third as many requests are slow as of one
PRIOR_SDS = (1.0, 0.3, 0.7)  # standard deviations of level, of steep relative to itself, of split
# Newton's method: at most so many steps, none longer than that, until one is as short (in ln share).
STEPS, LONGEST_MOVE, CLOSE = 8, 2.0, 0.01


@dataclass(frozen=True, slots=True)
class SlowSample:
    """Of `requests` requests, `slow` took longer than the objective, at a utilization of n workers."""

    at_s: float
    workers: int
    utilization: float
    requests: float
    slow: float


@dataclass(frozen=True, slots=True)
class UtilizationBin:
    """Sums over the samples of a range of utilization; that and split (1/n) are weighted by requests."""

    requests: float = 0.0
    slow: float = 0.0
    utilization: float = 0.0
    split: float = 0.0


@dataclass(frozen=True, slots=True)
class SlowFit:
    """Counts by utilization, from idle to full in equal bins; they fade (smoothing.py)."""

    at_s: float = 0.0
    bins: tuple[UtilizationBin, ...] = (UtilizationBin(),) * BINS


@dataclass(frozen=True, slots=True)
class SlowCurve:
    """The fitted coefficients; a higher utilization never makes for less slow requests."""

    level: float
    steep: float
    split: float

    def share(self, workers: Floats, utilization: Floats) -> Floats:
        """Return the share of slow requests, at most 1."""
        log_share = self.level + self.steep * (utilization - 1.0) + self.split * (1.0 / workers - 1.0)
        shares: Floats = np.exp(np.minimum(log_share, 0.0))
        return shares

    def utilization_for(self, share: float, workers: int) -> float:
        """Return the utilization at which that share is slow; below 0 when even idle workers are slower."""
        return 1.0 + (float(np.log(share)) - self.level - self.split * (1.0 / workers - 1.0)) / self.steep


def learn_slow(fit: SlowFit, sample: SlowSample) -> SlowFit:
    """Return the counts with one more sample, of a span whose queue was at rest."""
    fade = decay(fit.at_s, sample.at_s)
    bins = [
        UtilizationBin(b.requests * fade, b.slow * fade, b.utilization * fade, b.split * fade)
        for b in fit.bins
    ]
    place = min(int(sample.utilization * BINS), BINS - 1)
    b = bins[place]
    bins[place] = UtilizationBin(
        b.requests + sample.requests,
        b.slow + sample.slow,
        b.utilization + sample.requests * sample.utilization,
        b.split + sample.requests / sample.workers,
    )
    return SlowFit(sample.at_s, tuple(bins))


def slow_curve(fit: SlowFit, work_s: float, slo_s: float) -> SlowCurve:
    """Return the curve: what the counts say, drawn to M/M/1 where they say little.

    work_s: seconds that one request keeps a worker busy.  Maximum a posteriori by Newton's method.
    """
    steep = slo_s / work_s
    prior = np.array([0.0, steep, SPLIT_PRIOR])
    precision = np.diag([1.0 / s**2 for s in (PRIOR_SDS[0], PRIOR_SDS[1] * steep, PRIOR_SDS[2])])
    filled = np.array([(b.requests, b.slow, b.utilization, b.split) for b in fit.bins if b.requests > 0])
    theta = prior if filled.size == 0 else _newton(filled, prior, precision)
    return SlowCurve(float(theta[0]), max(float(theta[1]), 0.1 * steep), max(float(theta[2]), 0.0))


def _newton(filled: Floats, prior: Floats, precision: Floats) -> Floats:
    requests, slow = filled[:, 0], filled[:, 1]
    z = np.column_stack([np.ones(len(filled)), filled[:, 2] / requests - 1, filled[:, 3] / requests - 1])
    theta = prior
    for _ in range(STEPS):
        expected = requests * np.exp(np.minimum(z @ theta, 0.0))
        gradient = z.T @ (slow - expected) / OVERDISPERSION - precision @ (theta - prior)
        curvature = (z.T * expected) @ z / OVERDISPERSION + precision
        move = np.linalg.solve(curvature, gradient)
        length = float(np.abs(z @ move).max())
        theta = theta + move * min(1.0, LONGEST_MOVE / max(length, LONGEST_MOVE))
        if length < CLOSE:
            break
    return theta
