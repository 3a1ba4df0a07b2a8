"""Histograms of latencies, and what they tell."""

from __future__ import annotations

import pytest

from balancer.samples import Latencies, Policy

HUNDRED = Latencies((0.1, 0.2, 0.4), (50.0, 80.0, 90.0), 100.0)


@pytest.mark.parametrize(
    ("limit_s", "share"), [(0.1, 0.5), (0.15, 0.35), (0.2, 0.2), (0.3, 0.15), (0.4, 0.1), (9.0, 0.1)]
)
def test_the_share_of_slow_requests_is_read_between_the_edges(limit_s: float, share: float) -> None:
    assert HUNDRED.share_over(limit_s) == pytest.approx(share)


@pytest.mark.parametrize(
    ("share", "time_s"), [(0.25, 0.05), (0.5, 0.1), (0.8, 0.2), (0.85, 0.3), (0.99, 0.4)]
)
def test_a_quantile_is_read_between_the_edges(share: float, time_s: float) -> None:
    assert HUNDRED.quantile_s(share) == pytest.approx(time_s)


def test_without_requests_nothing_was_slow_and_no_quantile_is_known() -> None:
    empty = Latencies((0.1,), (0.0,), 0.0)

    assert empty.share_over(0.05) == 0.0
    assert empty.quantile_s(0.5) is None


@pytest.mark.parametrize("slo_share", [0.0, 1.0, -1.0])
def test_an_objective_that_nothing_can_meet_is_refused(slo_share: float) -> None:
    with pytest.raises(ValueError, match="no objective"):
        Policy(max=3, slo_share=slo_share)
