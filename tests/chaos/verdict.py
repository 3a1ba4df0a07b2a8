"""What came of a schedule, what of it must not be, and both in one line; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from tests.chaos.invariants import longest
from tests.chaos.samples import Sample, growth
from tests.chaos.schedule import Blow, Schedule

BEFORE_S, AFTER_S = 0.5, 10.0  # requests may fail from so long before what costs them until so long after it

Costs = Mapping[str, Collection[str]]  # by fault: the apps whose requests may fail by it


@dataclass(frozen=True, slots=True)
class Struck:
    """A blow as it came, from when until when.  All times are seconds on one clock."""

    blow: Blow
    at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Requests:
    """How many an app was sent, and when which of them was sent that failed, and why."""

    sent: int
    failed_at: Sequence[tuple[float, str]]

    @property
    def away_s(self) -> float:
        return longest(at for at, _ in self.failed_at)


@dataclass(frozen=True, slots=True)
class Course:
    """What happened.  codes: of the operator's commands.  seen: what was broken, and after how long."""

    schedule: Schedule
    began_at: float
    struck: Sequence[Struck]
    codes: Sequence[int]
    requests: Mapping[str, Requests]
    seen: Mapping[str, float]
    broken_at_the_end: Sequence[str]
    settled_s: float
    samples: Sequence[Sample]


def broken(course: Course, costs: Costs) -> list[str]:
    """Return what must not be, in sentences."""
    return [
        *course.broken_at_the_end,
        *(f"{words} (seen after {at_s:.1f} s)" for words, at_s in course.seen.items()),
        *_lost(course, costs),
    ]


def _lost(course: Course, costs: Costs) -> Iterator[str]:
    for app, requests in course.requests.items():
        led_at = [course.began_at + sample.at_s for sample in course.samples]
        spans = list(excuses(course.struck, app, costs, led_at))
        lost = [each for each in requests.failed_at if not any(a <= each[0] <= b for a, b in spans)]
        if lost:
            at, reason = lost[0]
            yield f"{len(lost)} requests to {app} failed: {reason} after {at - course.began_at:.1f} s"


def excuses(
    struck: Sequence[Struck], app: str, costs: Costs, led_at: Sequence[float]
) -> Iterator[tuple[float, float]]:
    """Yield when requests to the app may fail: around what costs them, until a manager can have mended it.

    Longer when more came over it, and while there was none: led_at tells when one was seen.
    """
    for each in struck:
        if app in costs[each.blow.fault]:
            last = each.ended_at + AFTER_S
            ends = [other.ended_at for other in struck if each.ended_at <= other.ended_at <= last]
            led = next((at for at in led_at if at >= max(ends)), inf)
            yield each.at - BEFORE_S, led + AFTER_S


def line(course: Course, costs: Costs) -> str:
    """Return what came of it in one line."""
    words = "; ".join(broken(course, costs)) or f"held, settled after {course.settled_s:.1f} s"
    kinds = {struck.blow.fault for struck in course.struck}
    asked = [
        f"{each.sent} requests to {app} ({len(each.failed_at)} failed, at most {each.away_s:.1f} s on end)"
        for app, each in course.requests.items()
    ]
    done = course.codes.count(0)
    counts = (
        f"{len(course.struck)} faults of {len(kinds)} kinds",
        f"{len(course.codes)} commands ({done} done)",
    )
    named = f"chaos seed {course.schedule.seed}, {course.schedule.duration_s:g} s"
    return f"{named}: {words}; {', '.join((*counts, *asked))}; {growth(course.samples)}"
