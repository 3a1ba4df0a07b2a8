"""R3: the demand for which workers started now will be ready.

Two kinds of future are weighed. The steady one: weighted lines through the newest rates, slopes shrunk
by their own significance. A short one follows a wave, a long one sees through noise; each counts by the
inverse of the squared errors that its forecasts had of late (Bates and Granger, "The combination of
forecasts", 1969), here to the power of DECISIVE: almost a choice of the best. And the surprises
(surprises.py): demand that comes out far above what was forecast for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from balancer.latency import Floats
from balancer.smoothing import smoothed_dispersion
from balancer.surprises import SURPRISES, Surprise, chances, going_on

SAMPLES, LINE_SAMPLES = 60, 4  # so many rates are kept, and so many make a slope
LEAST_WIDTH_S2 = 1e-6  # variance of the rates' times, for a slope; after a silence only the newest counts
HALF_LIVES_S = np.array([4.0, 8.0, 16.0, 32.0])  # of the lines through the rates
UNTRIED = np.array([0.0, 1.0, 0.0, 0.0])  # how the lines count before any was held against what came
ERROR_HALF_LIFE_S = 60.0  # of a line's squared errors: as long as a load keeps its kind
DECISIVE = 8.0  # a line with half the mean squared error of another counts 2 ** 8 times as much
SHRINK = 4.0  # the squared t-value at which half of a slope is believed
JUMP = 4.0  # standard deviations by which demand leaves all before it behind; fewer take waves for jumps
NEWEST = 5  # rates whose median a jump is measured from: one stray rate among them does not move it
SURPRISE = 3.0  # standard deviations of a count by which a surprise is above its forecast
# A normal distribution by the middle of each fifth, the highest twentieth apart: standard deviations from
# the mean, and their weights.
NORMAL_AT = np.array([-1.28, -0.52, 0.0, 0.52, 1.28, 2.0])
NORMAL_ODDS = np.array([0.2, 0.2, 0.2, 0.2, 0.15, 0.05])


@dataclass(frozen=True, slots=True)
class Rate:
    """Demand over the span that ended at at_s."""

    at_s: float
    rps: float


@dataclass(frozen=True, slots=True)
class Pending:
    """What was forecast for at_s, and what each of the lines said."""

    at_s: float
    rps: float
    by_line: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered of the demand.

    since_s: the surprises after it are all known.  dispersion: variance of the rates, in variances of
    a Poisson count.  pending: what was forecast for times to come.  next_rps: and for the next sample.
    squared_errors: the mean one of each line, (requests/s)^2, empty before the first.
    """

    since_s: float = 0.0
    rates: tuple[Rate, ...] = ()
    dispersion: float = 1.0
    surprises: tuple[Surprise, ...] = ()
    pending: tuple[Pending, ...] = ()
    next_rps: float | None = None
    squared_errors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """Demand now (level) and `ahead`, and the demands to be ready for with their probabilities.

    steady: the lines' demand ahead with its error, never below the level: a forecast does not remove.
    jumps: demands after a surprise, or later in one that has begun.  steady_odds and jump_odds sum to 1.
    sd_rps: the lines' error.
    by_line: what each of the lines says of the demand ahead.
    """

    level_rps: float
    slope_rps_per_s: float
    ahead_rps: float
    sd_rps: float
    steady_rps: Floats
    steady_odds: Floats
    jump_rps: Floats
    jump_odds: Floats
    by_line: tuple[float, ...] = ()


def learn_demand(history: History, now: Rate, span_s: float) -> History:
    """Return the history with one more rate; after a jump the rates before it are forgotten for good.

    They would only bend the line: a phantom slope for as long as they stay.
    """
    if not history.rates:
        return replace(history, since_s=history.since_s or now.at_s, rates=(now,))
    kept = () if _jumped(history, now, span_s) else history.rates[-(SAMPLES - 1) :]
    return replace(
        _with_surprise(history, now, span_s),
        rates=(*kept, now),
        dispersion=_dispersion(history, now, span_s),
        pending=tuple(each for each in history.pending if each.at_s > now.at_s),
        squared_errors=_squared_errors(history, now, span_s),
    )


def forecast(
    history: History, now_s: float, ahead_s: float, span_s: float, counted: bool = False
) -> Forecast:
    """Return what to expect ahead_s from now; needs a rate in the history.

    counted: whether rates are of requests that were counted, so that a jump shows in part at first.
    """
    lines, counts = _lines(history, now_s, span_s), _line_weights(history)
    by_line = np.maximum(lines.at(ahead_s), 0.0)
    level, ahead = float(counts @ np.maximum(lines.at(0.0), 0.0)), float(counts @ by_line)
    sd = float(counts @ lines.sd(ahead_s))
    base = max(level, ahead)
    jumped = counted and len(history.rates) == 1
    jump_rps, jump_odds = _jumps(history, base, now_s, ahead_s, span_s, jumped)
    return Forecast(
        level_rps=level,
        slope_rps_per_s=float(counts @ lines.slope),
        ahead_rps=ahead,
        sd_rps=sd,
        steady_rps=np.maximum(base + sd * NORMAL_AT, 0.0),
        steady_odds=NORMAL_ODDS * (1.0 - jump_odds.sum()),
        jump_rps=jump_rps,
        jump_odds=jump_odds,
        by_line=tuple(float(rps) for rps in by_line),
    )


def with_pending(history: History, made: Forecast, now_s: float, ahead_s: float, span_s: float) -> History:
    """Return the history with the forecast kept, to be compared with what comes."""
    said = tuple(round(rps, 3) for rps in made.by_line)
    pending = Pending(round(now_s + ahead_s, 2), round(max(made.level_rps, made.ahead_rps), 3), said)
    next_rps = max(0.0, made.level_rps + made.slope_rps_per_s * span_s)
    return replace(history, pending=(*history.pending, pending), next_rps=round(next_rps, 3))


def _jumps(
    history: History, base_rps: float, now_s: float, ahead_s: float, span_s: float, jumped: bool
) -> tuple[Floats, Floats]:
    """Return the demands that surprises lead to, of one to come or of one that has begun, and their odds."""
    new, new_odds = chances(history.surprises, history.since_s, base_rps, now_s, span_s)
    begun, begun_odds = going_on(history.surprises, base_rps, now_s, ahead_s, span_s, jumped)
    odds = np.concatenate([new_odds * (1.0 - begun_odds.sum()), begun_odds])
    return np.concatenate([new, begun]), odds


def _count_sd(rate_rps: float, span_s: float) -> float:
    """Return the standard deviation of a rate over span_s of Poisson arrivals."""
    return math.sqrt(max(rate_rps, 1.0 / span_s) / span_s)


def _jumped(history: History, now: Rate, span_s: float) -> bool:
    """Tell a jump: far from the newest rates as well as from where their line leads, on the same side."""
    newest = sorted(rate.rps for rate in history.rates[-NEWEST:])
    median = newest[len(newest) // 2]
    sd = math.sqrt(history.dispersion) * _count_sd(median, span_s)
    off = now.rps - median
    off_line = off if history.next_rps is None else now.rps - history.next_rps
    return off * off_line > 0 and min(abs(off), abs(off_line)) > JUMP * sd


def _dispersion(history: History, now: Rate, span_s: float) -> float:
    before = history.rates[-1].rps
    seen = (now.rps - before) ** 2 / (2.0 * _count_sd(before, span_s) ** 2)
    return smoothed_dispersion(history.dispersion, seen)


def _with_surprise(history: History, now: Rate, span_s: float) -> History:
    """Return the history with a surprise more when demand is far above what was forecast for now."""
    expected = [each.rps for each in history.pending if each.at_s <= now.at_s]
    if not expected or now.rps <= expected[-1] + SURPRISE * _count_sd(expected[-1], span_s):
        return history
    surprises = (*history.surprises, Surprise(now.at_s, expected[-1], now.rps))
    if len(surprises) <= SURPRISES:
        return replace(history, surprises=surprises)
    return replace(history, surprises=surprises[1:], since_s=surprises[0].at_s)


def _squared_errors(history: History, now: Rate, span_s: float) -> tuple[float, ...]:
    """Return the mean squared errors with that of what each line forecast for now, if it did."""
    said = [each.by_line for each in history.pending if each.at_s <= now.at_s]
    if not said:
        return history.squared_errors
    seen = [(now.rps - rps) ** 2 for rps in said[-1]]
    keep = 0.5 ** (span_s / ERROR_HALF_LIFE_S)
    before = history.squared_errors or seen
    return tuple(round(keep * a + (1.0 - keep) * b, 3) for a, b in zip(before, seen, strict=True))


def _line_weights(history: History) -> Floats:
    """Return how much each line counts, in sum 1."""
    if not history.squared_errors:
        return UNTRIED
    errors = np.array(history.squared_errors) + 1e-3
    weights = (errors.min() / errors) ** DECISIVE
    shares: Floats = weights / weights.sum()
    return shares


@dataclass(frozen=True, slots=True)
class _Lines:
    """rate = mean + slope (t - mean_s), t in seconds from now, for each half-life; variances are those of
    mean and slope.
    """

    mean: Floats
    mean_s: Floats
    slope: Floats
    mean_variance: Floats
    slope_variance: Floats

    def at(self, t_s: float) -> Floats:
        return self.mean + self.slope * (t_s - self.mean_s)

    def sd(self, t_s: float) -> Floats:
        sds: Floats = np.sqrt(self.mean_variance + self.slope_variance * (t_s - self.mean_s) ** 2)
        return sds


def _lines(history: History, now_s: float, span_s: float) -> _Lines:
    """Return the lines through the rates by weighted least squares, one a half-life.

    The weights w, shape (lines, rates), are 2^(-age / half-life), in sum 1 for each line. A rate has the
    variance v of a Poisson count over its span, times the measured dispersion; so a mean has v sum w^2, and
    a slope v sum off^2 / width^2. Slopes are shrunk by t^2 / (t^2 + SHRINK), with t^2 = slope^2 / variance.
    """
    t = np.array([rate.at_s for rate in history.rates]) - now_s
    y = np.array([rate.rps for rate in history.rates])
    w = 0.5 ** (-t / HALF_LIVES_S[:, None])
    w /= w.sum(axis=1, keepdims=True)
    mean_s, mean = w @ t, w @ y
    variance = history.dispersion * np.maximum(mean, 1.0 / span_s) / span_s
    mean_variance = variance * (w * w).sum(axis=1)
    off = w * (t - mean_s[:, None])
    width = (off * (t - mean_s[:, None])).sum(axis=1)
    if len(y) < LINE_SAMPLES or width.min() < LEAST_WIDTH_S2:
        flat = np.zeros(len(mean))
        return _Lines(mean, mean_s, flat, mean_variance, flat)
    slope = (off @ y) / width
    slope_variance = variance * (off * off).sum(axis=1) / width**2
    believed = slope**2 / (slope**2 + SHRINK * slope_variance)
    return _Lines(mean, mean_s, believed * slope, mean_variance, believed * slope_variance)
