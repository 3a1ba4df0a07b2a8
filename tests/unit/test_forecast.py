"""R3: the line through the demand, jumps, and surprises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from balancer.forecast import Forecast, History, Rate, forecast, learn_demand, with_pending
from balancer.surprises import (
    ENDED,
    HALF_LIFE_S,
    HALF_SEEN,
    SURPRISES,
    UNSEEN_S,
    USUAL,
    Surprise,
    chances,
    due_ratio,
    going_on,
)

SPAN_S, AHEAD_S = 2.0, 5.0


def after(
    rates: Iterable[float], history: History | None = None, start_s: float = 1000.0
) -> tuple[History, Forecast]:
    """Return the history and the forecast after the rates, one a span, each of whose forecasts is kept."""
    history, made, now_s = history or History(), None, start_s
    for rps in rates:
        now_s += SPAN_S
        history = learn_demand(history, Rate(now_s, rps), SPAN_S)
        made = forecast(history, now_s, AHEAD_S, SPAN_S)
        history = with_pending(history, made, now_s, AHEAD_S, SPAN_S)
    assert made is not None
    return history, made


def counts(rate_rps: float, spans: int, seed: int = 1) -> list[float]:
    return [float(c) / SPAN_S for c in np.random.default_rng(seed).poisson(rate_rps * SPAN_S, spans)]


def test_a_steady_demand_is_expected_to_stay() -> None:
    _, made = after(counts(100.0, 60))

    assert made.level_rps == pytest.approx(100.0, abs=6.0)
    assert abs(made.slope_rps_per_s) < 0.3


def test_the_band_of_a_steady_demand_is_that_of_chance() -> None:
    _, made = after(counts(100.0, 60))

    assert made.sd_rps < 10.0
    assert made.jump_odds.sum() < 0.02


def test_a_rise_is_expected_to_go_on() -> None:
    _, made = after([50.0 + 2.0 * k for k in range(40)])

    assert made.ahead_rps == pytest.approx(made.level_rps + AHEAD_S * 1.0, abs=1.5)


def test_a_fall_is_never_what_workers_are_counted_for() -> None:
    _, made = after([150.0 - 2.0 * k for k in range(40)])

    assert made.ahead_rps < made.level_rps
    assert made.steady_rps @ made.steady_odds == pytest.approx(made.level_rps, rel=0.05)


def test_noise_is_seen_through_by_a_long_line_and_a_wave_followed_by_a_short_one() -> None:
    noise = 100.0 + 30.0 * np.random.default_rng(5).standard_normal(120)
    wave = 110.0 + 90.0 * np.sin(2.0 * np.pi * np.arange(120) / 60.0)

    noisy, waving = after(noise)[0].squared_errors, after(wave)[0].squared_errors

    assert noisy.index(min(noisy)) > waving.index(min(waving))


def test_the_line_that_missed_least_is_the_forecast() -> None:
    history, _ = after(100.0 + 30.0 * np.random.default_rng(5).standard_normal(120))

    _, made = after([100.0], replace(history, squared_errors=(9.0, 9.0, 9.0, 1.0)), start_s=1240.0)

    assert made.ahead_rps == pytest.approx(made.by_line[3], rel=0.01)


def test_a_jump_is_believed_at_once() -> None:
    _, made = after([*counts(20.0, 40), 180.0])

    assert made.level_rps == pytest.approx(180.0)


def test_a_jump_leaves_no_phantom_slope() -> None:
    history, _ = after([20.0] * 40)

    for spans in (1, 3, 5, 10, 30):
        _, made = after([180.0] * spans, history, start_s=1080.0)
        assert abs(made.slope_rps_per_s) < 0.1
        assert made.ahead_rps == pytest.approx(180.0, rel=0.02)


def test_a_steep_rise_is_no_jump() -> None:
    history, _ = after([50.0 + 6.0 * k for k in range(25)])

    assert len(history.rates) == 25


def test_a_jump_is_remembered_as_a_surprise() -> None:
    history, made = after([*counts(20.0, 40), *counts(180.0, 10), *counts(20.0, 20)])

    assert history.surprises
    assert made.jump_rps.max() == pytest.approx(180.0, rel=0.2)


def test_a_surprise_never_leads_above_what_was_seen() -> None:
    history, _ = after([*counts(20.0, 40), *counts(180.0, 10)])

    _, made = after(counts(120.0, 20), history, start_s=1100.0)

    assert all(rps <= 200.0 for rps in made.jump_rps)


def test_the_second_half_of_a_rise_is_no_reason_to_await_its_first() -> None:
    began = [Surprise(1000.0, 20.0, 60.0)]
    went_on = [Surprise(1002.0, 60.0, 120.0), Surprise(1004.0, 120.0, 180.0)]
    quiet, _ = after([20.0] * 40)

    _, one = after([20.0], replace(quiet, surprises=tuple(began)), start_s=1080.0)
    _, all_three = after([20.0], replace(quiet, surprises=(*began, *went_on)), start_s=1080.0)

    assert all_three.jump_odds.sum() < 1.15 * one.jump_odds.sum()


def test_a_surprise_from_less_than_now_tells_as_much_as_one_from_here() -> None:
    quiet, _ = after([60.0] * 40)

    odds = [
        after([60.0], replace(quiet, surprises=(Surprise(1000.0, began, 150.0),)), start_s=1080.0)[1]
        for began in (20.0, 60.0)
    ]

    assert odds[0].jump_odds.sum() == pytest.approx(odds[1].jump_odds.sum())


def test_a_surprise_is_as_likely_as_its_one_span_among_those_watched_and_a_minute() -> None:
    _, odds = chances([Surprise(1000.0, 20.0, 150.0)], 1000.0, 20.0, 1000.0, SPAN_S)

    assert odds.tolist() == pytest.approx([SPAN_S / UNSEEN_S])


def test_the_time_watched_fades_as_the_surprises_in_it_do() -> None:
    now_s = 1000.0 + HALF_LIFE_S

    _, odds = chances([Surprise(1000.0, 20.0, 150.0)], 1000.0, 20.0, now_s, SPAN_S)

    spans = sum(0.5 ** (k * SPAN_S / HALF_LIFE_S) for k in range(int(HALF_LIFE_S / SPAN_S)))
    assert odds.tolist() == pytest.approx([0.5 / (spans + UNSEEN_S / SPAN_S)], rel=0.01)


def test_a_surprise_from_twice_the_demand_tells_a_quarter_of_one_from_here() -> None:
    began = [Surprise(1000.0, rps, 150.0) for rps in (40.0, 80.0)]

    here, above = (chances([one], 900.0, 40.0, 1010.0, SPAN_S)[1] for one in began)

    assert above.tolist() == pytest.approx((here / 4.0).tolist())


def test_how_much_likelier_a_surprise_is_follows_from_how_many_ended_as_long_a_quiet() -> None:
    at_s, rises = np.linspace(1000.0, 1500.0, 6), np.full(6, 130.0)

    due, early = (due_ratio(at_s, rises, 1500.0 + quiet_s, SPAN_S) for quiet_s in (100.0, 50.0))

    # Past 100 / 1.2 - 2 s of quiet each of the five gaps spent 18.7 s, as did that of now; 5 came in 600 s.
    assert due.tolist() == pytest.approx([(5 + USUAL) / (5 / 600 * 6 * 18.667 + USUAL)] * 6, rel=0.001)
    # None ended one of 39.7 to 62 s, in which each gap spent 22.3 s, and the quiet of now 10.3 s.
    assert early.tolist() == pytest.approx([USUAL / (5 / 550 * (5 * 22.333 + 10.333) + USUAL)] * 6, rel=0.001)


def test_a_surprise_that_came_once_is_as_likely_after_any_quiet() -> None:
    assert due_ratio(np.array([1000.0]), np.array([130.0]), 1050.0, SPAN_S).tolist() == [1.0]


def every(period_s: float, times: int) -> tuple[Surprise, ...]:
    return tuple(Surprise(1000.0 + period_s * k, 20.0, 150.0) for k in range(times))


def odds_after(quiet_s: float, surprises: tuple[Surprise, ...]) -> float:
    now_s = surprises[-1].at_s + quiet_s
    return float(chances(surprises, 900.0, 20.0, now_s, SPAN_S)[1].sum())


def test_what_comes_by_a_timetable_is_expected_when_it_is_due_and_not_before() -> None:
    soon, early, due = (odds_after(quiet_s, every(100.0, 6)) for quiet_s in (10.0, 50.0, 100.0))

    assert max(soon, early) < 0.5 * due


def test_one_quiet_between_two_surprises_tells_already_when_the_next_one_is_due() -> None:
    early, due = (odds_after(quiet_s, every(300.0, 2)) for quiet_s in (150.0, 300.0))

    assert early < 0.75 * due


def test_what_comes_at_any_time_is_expected_at_any_time() -> None:
    gaps_s = np.random.default_rng(5).exponential(60.0, (100, 20))
    lives = [tuple(Surprise(at, 20.0, 150.0) for at in 1000.0 + np.cumsum(life)) for life in gaps_s]

    odds = [np.mean([odds_after(quiet_s, life) for life in lives]) for quiet_s in (5.0, 20.0, 60.0)]

    assert max(odds) < 1.5 * min(odds)


def test_small_surprises_do_not_hide_the_timetable_of_large_ones() -> None:
    small = tuple(Surprise(1033.0 + 100.0 * k, 20.0, 35.0) for k in range(5))
    both = tuple(sorted((*every(100.0, 6), *small), key=lambda surprise: surprise.at_s))

    def large_odds(quiet_s: float) -> float:
        rps, odds = chances(both, 900.0, 20.0, 1500.0 + quiet_s, SPAN_S)
        return float(odds[rps > 100.0].sum())

    assert large_odds(40.0) < 0.5 * large_odds(100.0)


def test_one_surprise_says_nothing_of_when_the_next_one_comes() -> None:
    one = (Surprise(1000.0, 20.0, 150.0),)

    assert odds_after(10.0, one) == pytest.approx(odds_after(12.0, one), rel=0.1)


def rise(at_s: float, *rps: float) -> tuple[Surprise, ...]:
    """Return the surprises of a rise from 20 requests/s that was forecast at none of its spans."""
    return tuple(Surprise(at_s + SPAN_S * k, 20.0, seen) for k, seen in enumerate(rps))


def likely_in_4_s(*rises: tuple[Surprise, ...]) -> list[tuple[float, float]]:
    """Return what the last of the rises leads to two spans after its newest surprise, and the odds."""
    surprises = [surprise for one in rises for surprise in one]
    now_s = surprises[-1].at_s
    return list(zip(*going_on(surprises, surprises[-1].rps, now_s, 2 * SPAN_S, SPAN_S), strict=True))


def test_a_rise_under_way_leads_to_where_the_one_before_it_was_after_as_long() -> None:
    [(rps, odds)] = likely_in_4_s(rise(1000.0, 60.0, 90.0, 130.0, 180.0), rise(1600.0, 61.0))

    assert rps == 130.0
    assert odds == pytest.approx(0.5 / (0.5 + ENDED))


def test_each_rise_that_went_on_alike_makes_it_likelier_and_one_that_did_not_less_so() -> None:
    went_on = rise(1000.0, 60.0, 90.0, 130.0), rise(1100.0, 60.0, 90.0, 140.0)
    ended = rise(1200.0, 62.0)

    likely = likely_in_4_s(*went_on, rise(1300.0, 60.0))
    less = likely_in_4_s(*went_on, ended, rise(1300.0, 60.0))

    assert [rps for rps, _ in likely] == [rps for rps, _ in less] == [130.0, 140.0]
    assert sum(odds for _, odds in less) < 0.9 * sum(odds for _, odds in likely)


def test_a_rise_says_nothing_of_one_that_is_half_as_high_after_as_long() -> None:
    assert likely_in_4_s(rise(1000.0, 110.0, 150.0, 190.0), rise(1600.0, 60.0)) == []


def test_no_rise_is_under_way_once_the_demand_is_as_forecast() -> None:
    surprises = [*rise(1000.0, 60.0, 90.0, 130.0), *rise(1600.0, 60.0)]

    rps, odds = going_on(surprises, 60.0, 1600.0 + SPAN_S, 2 * SPAN_S, SPAN_S)

    assert rps.size == odds.size == 0


def test_a_jump_may_turn_out_twice_as_high_as_its_first_span_shows() -> None:
    first = rise(1000.0, 60.0)

    rps, odds = going_on(first, 60.0, 1000.0, 2 * SPAN_S, SPAN_S, jumped=True)

    assert rps == pytest.approx([100.0])
    assert odds == pytest.approx([HALF_SEEN / (HALF_SEEN + ENDED)])


def test_only_the_first_span_of_a_rise_shows_a_part_of_it() -> None:
    going, _ = going_on(rise(1000.0, 60.0, 90.0), 90.0, 1000.0 + SPAN_S, 2 * SPAN_S, SPAN_S, jumped=True)
    slow, _ = going_on(rise(1000.0, 60.0), 60.0, 1000.0, 2 * SPAN_S, SPAN_S)

    assert going.size == slow.size == 0


def test_a_jump_of_what_is_not_counted_is_all_there() -> None:
    history, _ = after([20.0] * 40)
    jumped = learn_demand(history, Rate(1082.0, 180.0), SPAN_S)

    counted = forecast(jumped, 1082.0, AHEAD_S, SPAN_S, counted=True)
    inferred = forecast(jumped, 1082.0, AHEAD_S, SPAN_S)

    assert counted.jump_rps.max() == pytest.approx(340.0)
    assert all(rps <= 180.0 for rps in inferred.jump_rps)


def test_a_rise_that_began_as_one_before_it_is_answered_before_it_is_there() -> None:
    history, _ = after([*counts(20.0, 40), *counts(180.0, 10), *counts(20.0, 90)])

    _, made = after([130.0], history, start_s=1280.0)

    assert made.jump_odds[made.jump_rps > 150.0].sum() > 0.15
    assert made.steady_odds.sum() + made.jump_odds.sum() == pytest.approx(1.0)


def test_surprises_fade() -> None:
    history, soon = after([*counts(20.0, 40), *counts(180.0, 10), *counts(20.0, 10)])

    _, late = after(counts(20.0, 10), history, start_s=1120.0 + 3000.0)

    assert late.jump_odds[late.jump_rps > 150.0].sum() < 0.1 * soon.jump_odds.sum()


def test_a_surprise_of_last_month_is_as_good_as_none() -> None:
    now_s = 30 * 24 * 3600.0
    history = History(rates=(Rate(now_s, 5.0),), surprises=(Surprise(0.0, 5.0, 50.0),))

    seen = forecast(history, now_s, 3.0, 1.0)

    assert seen.jump_odds.sum() == 0.0
    assert seen.steady_odds.sum() == pytest.approx(1.0)


def test_the_odds_are_those_of_a_distribution() -> None:
    rng = np.random.default_rng(3)
    history, made = after(rng.uniform(1.0, 300.0, 150))

    assert made.steady_odds.sum() + made.jump_odds.sum() == pytest.approx(1.0)
    assert len(history.surprises) <= SURPRISES


def test_no_demand_at_all_is_a_demand() -> None:
    _, made = after([0.0] * 30)

    assert made.level_rps == made.ahead_rps == 0.0
