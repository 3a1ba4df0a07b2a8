"""Requests per second, latency and errors of each worker and app, from what the proxy counted in between."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from balancer.routes import is_server, owner
from manager.observe.counters import NOTHING, Counters, Sample, growth_of, sum_of

QUANTILE = 0.95
WINDOW_S = 10.0
LEAST_SPAN_S = 0.001  # what was counted in less is no rate


@dataclass(frozen=True, slots=True)
class Rates:
    """p95_s is None without a request; error_ratio is the share of 5xx, None without a request."""

    rate_rps: float
    p95_s: float | None
    error_ratio: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """Rates of workers (by service name) and apps over the window; `at` is the newest sample's time."""

    at: float | None
    workers: Mapping[str, Rates]
    apps: Mapping[str, Rates]

    def age_s(self, now: float) -> float:
        """Return how old the newest sample is, infinite when there was none."""
        return math.inf if self.at is None else now - self.at


class _Step(NamedTuple):
    """What was counted between two samples, the later of which was taken `at`."""

    at: float
    span_s: float
    grown: Mapping[str, Counters]


class Traffic:
    """The last WINDOW_S seconds of samples, as differences; one thread owns it.

    A counter that dropped started anew (the proxy or its service did): what it has now is the difference.
    """

    def __init__(self) -> None:
        self._newest: Sample | None = None
        self._steps: deque[_Step] = deque()

    def add(self, sample: Sample) -> None:
        """Take a sample in; one that is not newer than the last (a stepped clock) only replaces it."""
        before, self._newest = self._newest, sample
        if before is None or sample.at <= before.at:
            self._steps.clear()
            return
        self._steps.append(_Step(sample.at, sample.at - before.at, growths(before, sample)))

    def asked(self) -> frozenset[str]:
        """Return the apps of which something was counted between the last two samples."""
        grown = self._steps[-1].grown.items() if self._steps else ()
        return frozenset(owner(name) or "" for name, counters in grown if counters is not NOTHING)

    def picture(self, now: float) -> Picture:
        """Return the rates over the window that ends now; nothing older takes part."""
        while self._steps and self._steps[0].at <= now - WINDOW_S:
            self._steps.popleft()
        totals = _totals(step.grown for step in self._steps)
        span_s = sum(step.span_s for step in self._steps)
        return Picture(
            at=self._newest.at if self._newest else None,
            workers={name: _rates(total, span_s) for name, total in totals.items() if is_server(name)},
            apps={app: _rates(total, span_s) for app, total in by_app(totals).items()},
        )


def growths(before: Sample, after: Sample) -> dict[str, Counters]:
    """Return what each service and router counted between two samples."""
    if after.counters is before.counters:
        return dict.fromkeys(after.counters, NOTHING)
    return {
        name: growth_of(before.counters.get(name, NOTHING), counters)
        for name, counters in after.counters.items()
    }


def by_app(grown: Mapping[str, Counters]) -> dict[str, Counters]:
    """Return what was asked of each app: what its routers counted."""
    routers: defaultdict[str, list[Counters]] = defaultdict(list)
    for name, counters in grown.items():
        if not is_server(name):
            routers[owner(name) or ""].append(counters)
    return {app: sum_of(parts) for app, parts in routers.items()}


def _totals(steps: Iterable[Mapping[str, Counters]]) -> dict[str, Counters]:
    grouped: defaultdict[str, list[Counters]] = defaultdict(list)
    for step in steps:
        for name, counters in step.items():
            grouped[name] += () if counters is NOTHING else (counters,)
    return {name: sum_of(parts) if parts else NOTHING for name, parts in grouped.items()}


def _rates(total: Counters, span_s: float) -> Rates:
    return Rates(
        rate_rps=total.requests / span_s if span_s >= LEAST_SPAN_S else 0.0,
        p95_s=total.latencies.quantile_s(QUANTILE),
        error_ratio=total.errors / total.requests if total.requests > 0 else None,
    )
