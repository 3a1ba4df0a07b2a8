"""How likely it is, of late, that demand comes out far above its forecast, and by how much.

A surprise that comes twice an hour is not worth holding workers for, one that comes every minute is; the cost
decides (choose.py), so nothing here knows of workers. What comes by a timetable keeps quiet in between: how
long it has been quiet tells when the next one is due. And one that has begun may go on as those before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from balancer.latency import Floats

SURPRISES = 24  # so many are kept
HALF_LIFE_S = 600.0  # of what a surprise tells
UNSEEN_S = 60.0  # as if there had been this long without surprises before the first sample
MOST_ODDS = 0.5  # of all odds, however many surprises there were
ELSEWHERE = 2.0  # a surprise from twice the demand tells a quarter of what one from here would
ALIKE = 0.5  # a surprise half as high as another is one of its kind
AS_LONG = 1.2  # quiet for this many times as long is as long
APART_S = 60.0  # surprises further apart are of two rises
ENDED = 3.0  # as if three rises alike had gone no further; what goes on is soon seen
HALF_SEEN = 1.0  # as if one jump alike had turned out twice as high: it began somewhere in its span
USUAL = 1.0  # as if one surprise had come whatever the quiet before it; two would drown the first timetable


@dataclass(frozen=True, slots=True)
class Surprise:
    """Demand that came out at rps where forecast_rps was forecast."""

    at_s: float
    forecast_rps: float
    rps: float


def chances(
    surprises: Sequence[Surprise], since_s: float, base_rps: float, now_s: float, span_s: float
) -> tuple[Floats, Floats]:
    """Return the demands that surprises like those seen would lead to from base_rps, and their odds.

    Each surprise was one span out of the (fading) time since since_s; from here it would add as much as then,
    but not lead above where it led then. Where more was expected than now it tells little: the second
    half of a rise is no reason to await its first.
    """
    if not any(surprise.rps > base_rps for surprise in surprises):
        return np.empty(0), np.empty(0)
    at_s, forecast_rps, seen_rps = np.array([(s.at_s, s.forecast_rps, s.rps) for s in surprises]).T
    above = seen_rps > base_rps
    lived_s = max(now_s - since_s, 0.0)
    fade_s = HALF_LIFE_S / math.log(2.0)
    watched_s = fade_s * (1.0 - 0.5 ** (lived_s / HALF_LIFE_S)) + UNSEEN_S
    least_rps = 1.0 / span_s  # less than one request a span is none
    here_rps = max(base_rps, least_rps)
    here = (here_rps / np.maximum(forecast_rps, here_rps)) ** ELSEWHERE
    due = due_ratio(at_s, seen_rps - forecast_rps, now_s, span_s)
    odds = (here * due * 0.5 ** ((now_s - at_s) / HALF_LIFE_S) * span_s / watched_s)[above]
    rps = np.minimum(seen_rps, base_rps + seen_rps - forecast_rps)[above]
    return rps, odds * (MOST_ODDS / max(MOST_ODDS, odds.sum()))


def going_on(
    surprises: Sequence[Surprise],
    base_rps: float,
    now_s: float,
    ahead_s: float,
    span_s: float,
    jumped: bool = False,
) -> tuple[Floats, Floats]:
    """Return the demands ahead_s from now if the rise under way goes on as one before it, and their odds.

    The odds are the part of the rises alike that went further, by their weights, with ENDED added to those
    that did not. One that began with a jump just now (jumped) was seen for a part of the span only.
    """
    if not surprises or surprises[-1].at_s < now_s:
        return np.empty(0), np.empty(0)
    *before, this = _rises(surprises)
    newest_rps, half_seen = this[-1].rps, jumped and len(this) == 1
    alike = [*_led_alike(before, this, now_s, ahead_s, span_s)]
    further = [(rps, weight) for rps, weight in alike if rps > max(base_rps, newest_rps)]
    if half_seen:
        further = [(2.0 * newest_rps - this[0].forecast_rps, HALF_SEEN), *further]
    if not further:
        return np.empty(0), np.empty(0)
    rps, weights = np.array(further).T
    return rps, weights / sum((weight for _, weight in alike), ENDED + HALF_SEEN * half_seen)


def _led_alike(
    before: Sequence[Sequence[Surprise]],
    this: Sequence[Surprise],
    now_s: float,
    ahead_s: float,
    span_s: float,
) -> Iterator[tuple[float, float]]:
    """Yield where this rise leads if it goes on as an earlier one did, with the weight of that one.

    Only those count that were about as high after as long.
    """
    first_rps, newest_rps, since_s = this[0].forecast_rps, this[-1].rps, now_s - this[0].at_s
    for rise in before:
        then_rps, later_rps = (_rps_after(rise, t_s, span_s) for t_s in (since_s, since_s + ahead_s))
        began_rps = rise[0].forecast_rps
        risen = (newest_rps - first_rps) / max(then_rps - began_rps, 1e-9)
        if ALIKE <= risen <= 1.0 / ALIKE:
            weight = 0.5 ** ((now_s - rise[0].at_s) / HALF_LIFE_S)
            yield min(later_rps, first_rps + later_rps - began_rps), weight


def _rises(surprises: Sequence[Surprise]) -> list[list[Surprise]]:
    """Return the surprises, those together that follow one another."""
    rises: list[list[Surprise]] = []
    for surprise in surprises:
        if not rises or surprise.at_s - rises[-1][-1].at_s > APART_S:
            rises.append([])
        rises[-1].append(surprise)
    return rises


def _rps_after(rise: Sequence[Surprise], after_s: float, span_s: float) -> float:
    """Return the demand of a rise about after_s from its begin, 0 when it was no surprise then."""
    since_s = [surprise.at_s - rise[0].at_s - after_s for surprise in rise]
    near = [one.rps for one, t_s in zip(rise, since_s, strict=True) if -1.5 * span_s < t_s <= 0.5 * span_s]
    return near[-1] if near else 0.0


def due_ratio(at_s: Floats, rise_rps: Floats, now_s: float, span_s: float) -> Floats:
    """Return how many times as likely as usual each surprise is after a quiet as long as that of now.

    The quiet is that between surprises of its kind: those that rose half as high or higher. How many of them
    ended a quiet as long, in how much time that was spent in one, gives the mean of their rate, with a gamma
    distribution around the usual rate before it was seen (Gelman et al., "Bayesian Data Analysis", 2.6).
    """
    kind = rise_rps >= ALIKE * rise_rps[:, None]  # shape (surprises, those of its kind)
    since_s = np.maximum.accumulate(np.where(kind, at_s, -np.inf), axis=1)
    known = kind[:, 1:] & np.isfinite(since_s[:, :-1])
    ended_s = np.where(known, at_s[1:] - since_s[:, :-1], 0.0)
    quiet_s = (now_s - since_s[:, -1])[:, None]
    least_s = np.maximum(quiet_s / AS_LONG - span_s, 0.0)
    most_s = quiet_s * AS_LONG + span_s
    count = (known & (ended_s >= least_s) & (ended_s <= most_s)).sum(axis=1)
    spent_s = np.maximum(np.minimum(np.hstack([ended_s, quiet_s]), most_s) - least_s, 0.0).sum(axis=1)
    first_s = np.where(kind, at_s, np.inf).min(axis=1)
    usual_per_s = (kind.sum(axis=1) - 1) / np.maximum(now_s - first_s, span_s)
    ratio: Floats = (count + USUAL) / (usual_per_s * spent_s + USUAL)
    return ratio
