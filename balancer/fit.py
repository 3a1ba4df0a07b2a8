"""R1: what requests cost in CPU, and so what one worker can carry.

Weighted least squares kept as sums, so its size does not grow with the samples; old ones fade (smoothing.py).
A sample far from the line counts less (Huber, "Robust estimation of a location parameter", 1964), and a row
of samples far out on one side says that the line has moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from balancer.smoothing import decay, smoothed_dispersion

HUBER = 2.0  # standard deviations beyond which a sample counts less; with none, bursts cost more
# So many samples in a row, on average so many standard deviations to one side: by chance once in a million
# ticks; sooner forgets for noise, later serves with the old line for longer.
DRIFT_RUN, DRIFT_SIZE = 6, 2.0
IDLE_CORES, IDLE_SD = 0.02, 0.05  # cores that an idle worker burns, before it was seen, and their sd
METER_NOISE = 0.05  # relative error of one worker's CPU reading
METER_FLOOR_CORES = 0.01  # and its error however little it reads
WORK_MOMENT = 1.5  # E[work^2] / E[work]^2 = 1 + cv^2 of a request, assumed; `dispersion` learns of more


@dataclass(frozen=True, slots=True)
class CpuSample:
    """Cores used by `workers` settled workers together while they served rate_rps for span_s."""

    at_s: float
    workers: int
    rate_rps: float
    cores: float
    span_s: float


@dataclass(frozen=True, slots=True)
class CpuFit:
    """Weighted sums over the samples (u cores, n workers, x requests/s), and the newest few of them.

    dispersion: mean squared residual in assumed variances, 1 while the noise is as assumed.
    residuals: the newest, in standard deviations.
    """

    at_s: float = 0.0
    windows: int = 0
    weight: float = 0.0
    u: float = 0.0
    nn: float = 0.0
    nx: float = 0.0
    xx: float = 0.0
    nu: float = 0.0
    xu: float = 0.0
    uu: float = 0.0
    dispersion: float = 1.0
    recent: tuple[CpuSample, ...] = ()
    residuals: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CpuLine:
    """cores = idle_cores * workers + cores_per_rps * rate, with the covariance of the two coefficients.

    r2: share of the variance that the line explains, near 0 under a constant load however good the line.
    """

    idle_cores: float
    cores_per_rps: float
    idle_variance: float
    cost_variance: float
    covariance: float
    r2: float

    def rate_at(self, worker_cores: float) -> float:
        """Return the requests/s at which one worker uses all of worker_cores."""
        return self._for_requests(worker_cores) / self.cores_per_rps

    def error_at(self, worker_cores: float) -> float:
        """Return the relative standard error of rate_at, by the delta method."""
        free, cost = self._for_requests(worker_cores), self.cores_per_rps
        own = self.idle_variance / free**2 + self.cost_variance / cost**2
        return math.sqrt(max(0.0, own + 2.0 * self.covariance / (free * cost)))

    def _for_requests(self, worker_cores: float) -> float:
        return max(worker_cores - self.idle_cores, 0.1 * worker_cores)


def learn_cpu(fit: CpuFit, sample: CpuSample) -> CpuFit:
    """Return the fit with one more sample; after a drift, what the samples since then say."""
    line = cpu_line(fit)
    residual = _residual(line, sample, fit.dispersion) if line else 0.0
    residuals = (*fit.residuals, residual)[-DRIFT_RUN:]
    recent = (*fit.recent, sample)[-DRIFT_RUN:]
    if _drifted(residuals):
        return _fit_of(recent)
    seen = fit.dispersion * residual * residual
    dispersion = smoothed_dispersion(fit.dispersion, seen) if line else fit.dispersion
    weight = min(1.0, HUBER / abs(residual)) if residual else 1.0
    return replace(_add(fit, sample, weight), dispersion=dispersion, recent=recent, residuals=residuals)


def cpu_line(fit: CpuFit) -> CpuLine | None:
    """Return the fitted line, the cautious one where a cost would be below zero, None without a sample.

    The ridge is on the idle cost: while the number of workers stays, only it tells the two costs apart.
    """
    ridge = 1.0 / IDLE_SD**2
    nn, nu = fit.nn + ridge, fit.nu + ridge * IDLE_CORES
    determinant = nn * fit.xx - fit.nx * fit.nx
    if determinant <= 1e-9 * nn * fit.xx:
        return None
    idle_cores = (nu * fit.xx - fit.nx * fit.xu) / determinant
    cores_per_rps = (nn * fit.xu - fit.nx * nu) / determinant
    if idle_cores < 0 or cores_per_rps <= 0:
        return cautious_line(fit)
    scale = fit.dispersion / determinant
    r2 = _explained(fit, idle_cores, cores_per_rps)
    return CpuLine(idle_cores, cores_per_rps, scale * fit.xx, scale * nn, -scale * fit.nx, r2)


def cautious_line(fit: CpuFit) -> CpuLine:
    """Return the line that takes an idle worker to cost nothing, so a worker to carry no more than it can.

    For apps that use little CPU: what they use when idle may be most of it, and R1 cannot tell. Needs a
    sample with requests.
    """
    cost = fit.xu / fit.xx
    return CpuLine(0.0, cost, 0.0, fit.dispersion / fit.xx, 0.0, _explained(fit, 0.0, cost))


def _variance(sample: CpuSample, cores_per_rps: float) -> float:
    """Return the variance of a sample's cores: of the meter, and of the work that happened to arrive.

    The work of a Poisson number of requests: rate * E[work^2] / span (Campbell's theorem).
    """
    meter = (METER_NOISE * sample.cores) ** 2 / max(sample.workers, 1) + METER_FLOOR_CORES**2
    return meter + sample.rate_rps * WORK_MOMENT * cores_per_rps**2 / sample.span_s


def _residual(line: CpuLine, sample: CpuSample, dispersion: float) -> float:
    expected = line.idle_cores * sample.workers + line.cores_per_rps * sample.rate_rps
    return (sample.cores - expected) / math.sqrt(dispersion * _variance(sample, line.cores_per_rps))


def _drifted(residuals: tuple[float, ...]) -> bool:
    one_sided = all(r > 0 for r in residuals) or all(r < 0 for r in residuals)
    full = len(residuals) == DRIFT_RUN
    return full and one_sided and abs(sum(residuals)) > DRIFT_SIZE * DRIFT_RUN


def _fit_of(samples: tuple[CpuSample, ...]) -> CpuFit:
    fit = CpuFit()
    for sample in samples:
        fit = _add(fit, sample)
    return replace(fit, recent=samples)


def _add(fit: CpuFit, sample: CpuSample, weight: float = 1.0) -> CpuFit:
    """Return the fit with the sample added at `weight` over its variance, and the older ones faded."""
    fade = decay(fit.at_s, sample.at_s)
    w = weight / _variance(sample, sample.cores / sample.rate_rps)
    n, x, u = float(sample.workers), sample.rate_rps, sample.cores
    return replace(
        fit,
        at_s=sample.at_s,
        windows=fit.windows + 1,
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
    """Return R2 of cores = a n + b x, from 0 to 1."""
    total = fit.uu - fit.u * fit.u / fit.weight
    left = fit.uu - 2 * (a * fit.nu + b * fit.xu) + a * a * fit.nn + 2 * a * b * fit.nx + b * b * fit.xx
    return min(1.0, max(0.0, 1.0 - left / total)) if total > 0 else 0.0
