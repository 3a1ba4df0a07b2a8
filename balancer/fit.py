"""R1: what a request costs in CPU, so what one worker can carry.  R2: how latency grows with use.

Both are weighted least squares kept as sums, so their size does not grow with the samples; old samples
fade with a half-life. A sample far from the line counts less (Huber, "Robust estimation of a location
parameter", 1964), and a row of samples on one side of the line says that the line has moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

HALF_LIFE_S = 240.0
HUBER = 2.0  # standard deviations beyond which a sample counts less
DRIFT_RUN, DRIFT_SIZE = 6, 2.0
IDLE_CORES, IDLE_SPREAD = 0.02, 0.05  # prior of what an idle worker burns
CPU_NOISE = 0.05  # relative error of a CPU reading
WORK_SPREAD = 1.5  # 1 + squared coefficient of variation of a request's work
MIN_SAMPLES, GOOD_ERROR, WEAK_ERROR = 3, 0.05, 0.25


@dataclass(frozen=True, slots=True)
class CpuSample:
    """Cores used by `workers` workers while they completed rate_rps over span_s."""

    at_s: float
    workers: int
    rate_rps: float
    cores: float
    span_s: float


@dataclass(frozen=True, slots=True)
class CpuFit:
    """Weighted sums of U = a n + b X, and the last samples with their standardised residuals.

    u: cores, n: workers, x: requests/s; `spread` is the mean squared residual, near 1 while the noise
    is as assumed.
    """

    at_s: float = 0.0
    count: float = 0.0
    weight: float = 0.0
    u: float = 0.0
    nn: float = 0.0
    nx: float = 0.0
    xx: float = 0.0
    nu: float = 0.0
    xu: float = 0.0
    uu: float = 0.0
    spread: float = 1.0
    recent: tuple[CpuSample, ...] = ()
    residuals: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CpuLine:
    """U = idle_cores n + cores_per_rps X; error is the relative standard error of cores_per_rps."""

    idle_cores: float
    cores_per_rps: float
    error: float
    r2: float
    windows: int

    def rate_at(self, worker_cores: float) -> float:
        """Return the requests/s at which one worker uses all its cores."""
        return max(worker_cores - self.idle_cores, 0.1 * worker_cores) / self.cores_per_rps


def learn_cpu(fit: CpuFit, sample: CpuSample) -> CpuFit:
    """Return the fit with one more sample; after a drift, only the samples since then."""
    line = cpu_line(fit)
    residual = 0.0 if line is None else _residual(line, sample, fit.spread)
    residuals = (*fit.residuals, residual)[-DRIFT_RUN:]
    recent = (*fit.recent, sample)[-DRIFT_RUN:]
    if _drifted(residuals):
        return _relearn(recent)
    weight = min(1.0, HUBER / abs(residual)) if residual else 1.0
    spread = fit.spread
    if line is not None and fit.count >= MIN_SAMPLES:
        raw = min(residual * residual, 9.0) * fit.spread
        spread = max(0.5, fit.spread + 0.05 * (raw - fit.spread))
    grown = _add(fit, sample, weight)
    return replace(grown, spread=spread, recent=recent, residuals=residuals)


def cpu_line(fit: CpuFit) -> CpuLine | None:
    """Return the fitted line, or None while nothing was served.

    A ridge on the idle cost only: one count of workers cannot tell it from the cost of requests.
    """
    ridge = 1.0 / IDLE_SPREAD**2
    nn, nu = fit.nn + ridge, fit.nu + ridge * IDLE_CORES
    determinant = nn * fit.xx - fit.nx * fit.nx
    if fit.xx <= 0 or determinant <= 1e-12 * nn * fit.xx:
        return None
    idle = (nu * fit.xx - fit.nx * fit.xu) / determinant
    cost = (nn * fit.xu - fit.nx * nu) / determinant
    if idle < 0:
        idle, cost = 0.0, fit.xu / fit.xx
    if cost <= 0:
        return None
    error = math.sqrt(max(fit.spread, 1.0) * nn / determinant) / cost
    return CpuLine(idle, cost, error, _explained(fit, idle, cost), int(fit.count))


def _variance(sample: CpuSample, cores_per_rps: float) -> float:
    """Return the variance of a CPU reading: of the meter, and of the work that happened to arrive."""
    meter = (CPU_NOISE * sample.cores) ** 2 / max(sample.workers, 1) + 1e-4
    return meter + sample.rate_rps * WORK_SPREAD * cores_per_rps**2 / sample.span_s


def _residual(line: CpuLine, sample: CpuSample, spread: float) -> float:
    expected = line.idle_cores * sample.workers + line.cores_per_rps * sample.rate_rps
    return (sample.cores - expected) / math.sqrt(spread * _variance(sample, line.cores_per_rps))


def _drifted(residuals: tuple[float, ...]) -> bool:
    if len(residuals) < DRIFT_RUN:
        return False
    one_sided = all(r > 0 for r in residuals) or all(r < 0 for r in residuals)
    return one_sided and abs(sum(residuals)) > DRIFT_SIZE * len(residuals)


def _relearn(samples: tuple[CpuSample, ...]) -> CpuFit:
    fit = CpuFit(recent=samples)
    for sample in samples:
        fit = _add(fit, sample, 1.0)
    return fit


def _add(fit: CpuFit, sample: CpuSample, weight: float) -> CpuFit:
    fade = 0.5 ** (max(sample.at_s - fit.at_s, 0.0) / HALF_LIFE_S) if fit.count else 0.0
    cost = sample.cores / sample.rate_rps if sample.rate_rps > 0 else 0.0
    w = weight / _variance(sample, cost)
    n, x, u = float(sample.workers), sample.rate_rps, sample.cores
    return replace(
        fit,
        at_s=sample.at_s,
        count=fit.count + 1,
        weight=fit.weight * fade + w,
        u=fit.u * fade + w * u,
        nn=fit.nn * fade + w * n * n,
        nx=fit.nx * fade + w * n * x,
        xx=fit.xx * fade + w * x * x,
        nu=fit.nu * fade + w * n * u,
        xu=fit.xu * fade + w * x * u,
        uu=fit.uu * fade + w * u * u,
    )


def _explained(fit: CpuFit, a: float, b: float) -> float:
    """Return R2, the share of the variance of the cores that the line explains, 0 to 1."""
    total = fit.uu - fit.u * fit.u / fit.weight
    left = (
        fit.uu
        - 2 * (a * fit.nu + b * fit.xu)
        + a * a * fit.nn
        + 2 * a * b * fit.nx
        + b * b * fit.xx
    )
    return min(1.0, max(0.0, 1.0 - left / total)) if total > 0 else 0.0


# ------- R2
BINS = 20
OVERDISPERSION = 3.0
N_EFFECT, SPREADS = 1.1, (1.0, 0.3, 0.7)
NEWTON = 5


@dataclass(frozen=True, slots=True)
class SlowFit:
    """Of each tenth of use: requests, slow ones, request-weighted use and 1/n; fading."""

    at_s: float = 0.0
    bins: tuple[tuple[float, float, float, float], ...] = ((0.0,) * 4,) * BINS


@dataclass(frozen=True, slots=True)
class SlowCurve:
    """ln(share) = level + steep (use - 1) + split (1/n - 1)"""

    level: float
    steep: float
    split: float


def learn_slow(fit, at_s, workers, use, done, slow):
    fade = 0.5 ** (max(at_s - fit.at_s, 0.0) / LATENCY_HALF_LIFE_S)
    k = min(BINS - 1, int(use * BINS))
    bins = [tuple(v * fade for v in b) for b in fit.bins]
    b = bins[k]
    bins[k] = (b[0] + done, b[1] + slow, b[2] + done * use, b[3] + done / workers)
    return SlowFit(at_s, tuple(bins))


def slow_curve(fit, cores_per_rps, worker_cores, slo_s):
    work_s = cores_per_rps / min(worker_cores, 1.0)
    k = slo_s / work_s
    theta0 = np.array([0.0, k, N_EFFECT])
    prec = np.diag([1 / SPREADS[0] ** 2, 1 / (SPREADS[1] * k) ** 2, 1 / SPREADS[2] ** 2])
    b = np.array([x for x in fit.bins if x[0] > 0]).reshape(-1, 4)
    if not len(b):
        return SlowCurve(*theta0)
    m = b[:, 0]
    z = np.column_stack([np.ones(len(b)), b[:, 2] / m - 1, b[:, 3] / m - 1])
    theta = theta0.copy()
    for _ in range(NEWTON):
        mu = m * np.exp(np.minimum(z @ theta, 0.0))
        grad = z.T @ ((b[:, 1] - mu) / OVERDISPERSION) - prec @ (theta - theta0)
        hess = (z.T * (mu / OVERDISPERSION)) @ z + prec
        step = np.linalg.solve(hess, grad)
        theta = theta + step * min(1.0, 2.0 / max(np.abs(z @ step).max(), 1e-9))
    return SlowCurve(float(theta[0]), float(max(theta[1], 0.0)), float(max(theta[2], 0.0)))


LATENCY_HALF_LIFE_S = 240.0
MAX_USE = 0.97
