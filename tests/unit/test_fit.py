"""R1 and R2: what requests cost, what a worker carries, and how many requests are slow."""

from __future__ import annotations

import numpy as np
import pytest

from balancer.fit import CpuFit, CpuSample, cautious_line, cpu_line, learn_cpu
from balancer.latency import SlowFit, SlowSample, learn_slow, slow_curve

WORK_S, IDLE = 0.02, 0.03


def sample(
    at_s: float, workers: int, rate_rps: float, work_s: float = WORK_S, noise: float = 1.0
) -> CpuSample:
    return CpuSample(at_s, workers, rate_rps, (IDLE * workers + work_s * rate_rps) * noise, 2.0)


def fitted(samples: list[CpuSample]) -> CpuFit:
    fit = CpuFit()
    for each in samples:
        fit = learn_cpu(fit, each)
    return fit


def varied(seed: int = 1, count: int = 60, work_s: float = WORK_S) -> list[CpuSample]:
    rng = np.random.default_rng(seed)
    return [
        sample(
            2.0 * k, int(rng.integers(1, 6)), float(rng.uniform(20, 200)), work_s, float(rng.normal(1, 0.05))
        )
        for k in range(count)
    ]


def test_both_costs_are_found_under_a_varied_load() -> None:
    line = cpu_line(fitted(varied()))

    assert line is not None
    assert line.cores_per_rps == pytest.approx(WORK_S, rel=0.05)
    assert line.idle_cores == pytest.approx(IDLE, abs=0.05)
    assert line.r2 > 0.95


def test_the_rate_of_a_worker_is_known_within_its_error() -> None:
    line = cpu_line(fitted(varied()))

    assert line is not None
    truth = (1.0 - IDLE) / WORK_S
    assert abs(line.rate_at(1.0) / truth - 1.0) <= 3.0 * line.error_at(1.0)


def test_nothing_is_known_without_a_sample() -> None:
    assert cpu_line(CpuFit()) is None


def test_a_constant_load_explains_no_variance_and_is_still_a_good_line() -> None:
    line = cpu_line(fitted([sample(2.0 * k, 3, 100.0) for k in range(40)]))

    assert line is not None
    assert line.rate_at(1.0) == pytest.approx((1.0 - IDLE) / WORK_S, rel=0.05)
    assert line.r2 < 0.5


def test_one_wild_sample_moves_little() -> None:
    calm = fitted(varied())
    line, moved = cpu_line(calm), cpu_line(learn_cpu(calm, sample(122.0, 3, 100.0, noise=5.0)))

    assert line is not None
    assert moved is not None
    assert moved.cores_per_rps == pytest.approx(line.cores_per_rps, rel=0.05)


def test_a_moved_line_is_learned_anew_from_six_samples() -> None:
    fit = fitted(varied())
    for k in range(6):
        fit = learn_cpu(fit, sample(122.0 + 2.0 * k, 3, 100.0, work_s=1.5 * WORK_S))

    line = cpu_line(fit)
    assert fit.windows == 6
    assert line is not None
    assert line.cores_per_rps == pytest.approx(1.5 * WORK_S, rel=0.05)


def test_noise_is_no_drift() -> None:
    for seed in range(20):
        assert fitted(varied(seed, count=200)).windows == 200


def test_silence_does_not_wear_the_fit_out() -> None:
    fit = fitted(varied())

    later = learn_cpu(fit, sample(1e6, 3, 100.0))

    assert later.weight > 0.8 * fit.weight


def test_the_cautious_line_never_promises_more_than_a_worker_was_seen_to_need() -> None:
    fit = fitted([sample(2.0 * k, 3, 2.0) for k in range(10)])

    assert cautious_line(fit).rate_at(1.0) <= (1.0 - IDLE) / WORK_S


def test_without_counts_the_share_of_slow_requests_is_that_of_one_queue() -> None:
    curve = slow_curve(SlowFit(), work_s=0.025, slo_s=0.25)

    share = curve.share(np.array([1.0]), np.array([0.8]))

    assert share[0] == pytest.approx(np.exp(-(1.0 - 0.8) * 0.25 / 0.025))


def test_counts_bend_the_curve_to_what_was_seen() -> None:
    fit = SlowFit()
    for k in range(100):
        rho = 0.3 + 0.006 * k
        fit = learn_slow(fit, SlowSample(2.0 * k, 4, rho, 300.0, 300.0 * float(np.exp(-8.0 + 7.0 * rho))))

    curve = slow_curve(fit, work_s=0.025, slo_s=0.25)

    assert np.log(curve.share(np.array([4.0]), np.array([0.7]))[0]) == pytest.approx(-3.1, abs=0.3)


def test_a_higher_utilization_never_makes_for_fewer_slow_requests() -> None:
    fit = SlowFit()
    for k in range(100):
        fit = learn_slow(fit, SlowSample(2.0 * k, 4, 0.2 if k % 2 else 0.8, 300.0, 60.0 if k % 2 else 0.0))

    shares = slow_curve(fit, work_s=0.025, slo_s=0.25).share(np.full(10, 4.0), np.linspace(0.1, 1.0, 10))

    assert np.all(np.diff(shares) >= 0.0)


def test_the_utilization_for_a_share_is_where_the_curve_has_it() -> None:
    curve = slow_curve(SlowFit(), work_s=0.025, slo_s=0.25)

    rho = curve.utilization_for(0.05, 3)

    assert curve.share(np.array([3.0]), np.array([rho]))[0] == pytest.approx(0.05)


def test_an_app_that_is_always_slow_has_no_safe_utilization() -> None:
    curve = slow_curve(SlowFit(), work_s=1.0, slo_s=0.25)

    assert curve.utilization_for(0.05, 1) < 0.0
