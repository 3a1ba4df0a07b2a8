"""Requests per second, latency and errors of each worker and app, from the proxy's counters.

The proxy counts a request when it ends, at the worker's service and at the app's router. At the service
each attempt of a repeated one counts for itself: that is what the worker did. At the router it counts once,
with the answer and the time that its client got, also the 503 of an app without a worker: that is what was
asked of the app. (Of an app that was asked 60 requests/s while its one worker was overloaded, the services
counted 335.)
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from balancer.routes import is_server, owner

QUANTILE = 0.95
NONE_BY_CLASS = (0.0,) * 6
SERVER_ERROR, GIVEN_UP = 4, 5
LEAST_SPAN_S = 0.001  # what was counted in less is no rate
MOST_COUNTED = 2.0**53

_LINE = re.compile(
    r"^traefik_((?:service|router)_requests_total|(?:service|router)_request_duration_seconds_(?:bucket|sum)"
    r"|open_connections)\b(?:\{(.*)\} (\S+)$)?",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Counters:
    """What one service or router counted since the proxy began to.

    by_class: requests answered 1xx, 2xx, 3xx, 4xx, 5xx, and those that their clients gave up (499).
    busy_s: the sum of their durations.
    buckets: how many took at most as long as each edge, the last edge being infinite.
    """

    by_class: tuple[float, ...] = NONE_BY_CLASS
    busy_s: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)

    @property
    def requests(self) -> float:
        return sum(self.by_class)

    @property
    def errors(self) -> float:
        return self.by_class[SERVER_ERROR]

    @property
    def failed(self) -> float:
        """Return how many clients got nothing of use: an error of the app, or no answer in their time."""
        return self.errors + self.by_class[GIVEN_UP]


NOTHING = Counters()


@dataclass(frozen=True, slots=True)
class Sample:
    """The proxy's counters at a time.

    counters: by the name of a worker's service (`w_APP_SLOT_REVISION`) or of an app's router.
    connections: open ones by entry point, all that the proxy knows of tcp.  skipped: lines not understood.
    """

    at: float
    counters: Mapping[str, Counters]
    connections: Mapping[str, float]
    skipped: int


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
    connections: Mapping[str, float]
    skipped: int

    def age_s(self, now: float) -> float:
        """Return how old the newest sample is, infinite when there was none."""
        return math.inf if self.at is None else now - self.at


class Page:
    """The proxy's metrics page, time after time: what it says again is not read again.

    All that counts here begins with the proxy's name: the families are in the order of their names, and what
    moves by itself, such as its memory, comes before.
    """

    def __init__(self) -> None:
        self._counted = ""
        self._sample: Sample | None = None

    def read(self, text: str, at: float) -> Sample:
        """Return the counters on the page; the very same mappings as before where nothing was counted."""
        counted = text[max(0, text.find("traefik_")) :]
        if self._sample is None or counted != self._counted:
            self._counted, self._sample = counted, parse(counted, at)
        return replace(self._sample, at=at)


def parse(text: str, at: float) -> Sample:
    """Return the counters on a metrics page."""
    reading = _Reading()
    for match in _LINE.finditer(text):
        family, labels, number = match.groups()
        value = _count(number)
        reading.skipped += value is None or not reading.take(family, labels, value)
    counters = {name: tally.counters() for name, tally in reading.tallies.items()}
    return Sample(at, counters, dict(reading.connections), reading.skipped)


class Traffic:
    """The last `window_s` seconds of samples, as differences; one thread owns it.

    A counter that dropped started anew (the proxy or its service did): what it has now is the difference.
    """

    def __init__(self, window_s: float = 10.0) -> None:
        self._window_s = window_s
        self._newest: Sample | None = None
        self._steps: deque[tuple[float, float, Mapping[str, Counters]]] = deque()

    def add(self, sample: Sample) -> None:
        """Take a sample in; one that is not newer than the last (a stepped clock) only replaces it."""
        before, self._newest = self._newest, sample
        if before is None or sample.at <= before.at:
            self._steps.clear()
            return
        self._steps.append((sample.at, sample.at - before.at, growths(before, sample)))

    def asked(self) -> frozenset[str]:
        """Return the apps of which something was counted between the last two samples."""
        grown = self._steps[-1][2].items() if self._steps else ()
        return frozenset(owner(name) or "" for name, counters in grown if counters is not NOTHING)

    def picture(self, now: float) -> Picture:
        """Return the rates over the window that ends now; nothing older takes part."""
        while self._steps and self._steps[0][0] <= now - self._window_s:
            self._steps.popleft()
        newest = self._newest
        totals = _totals(growth for _, _, growth in self._steps)
        span_s = sum(span for _, span, _ in self._steps)
        return Picture(
            at=newest.at if newest else None,
            workers={name: _rates(total, span_s) for name, total in totals.items() if is_server(name)},
            apps={app: _rates(total, span_s) for app, total in by_app(totals).items()},
            connections=newest.connections if newest else {},
            skipped=newest.skipped if newest else 0,
        )


class _Tally:
    """The counters of one service or router while its lines are read: one per method, code and bucket."""

    def __init__(self) -> None:
        self.by_class = [*NONE_BY_CLASS]
        self.busy_s = 0.0
        self.buckets: defaultdict[float, float] = defaultdict(float)

    def counters(self) -> Counters:
        return Counters(tuple(self.by_class), self.busy_s, dict(sorted(self.buckets.items())))


class _Reading:
    """What was read of a page so far."""

    def __init__(self) -> None:
        self.tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
        self.connections: defaultdict[str, float] = defaultdict(float)
        self.skipped = 0

    def take(self, family: str, labels: str, value: float) -> bool:
        """Add one line; False when its labels are not those of its family."""
        place = _place(labels)
        if family == "open_connections":
            self.connections[place.entry_point] += value
            return bool(place.entry_point)
        name = place.router if family.startswith("router") else place.service
        if owner(name) is None:
            return bool(name)  # somebody else's service is no fault
        tally = self.tallies[name]
        match family.rpartition("_")[2]:
            case "total" if place.code_class is not None:
                tally.by_class[place.code_class] += value
            case "bucket" if place.edge_s is not None:
                tally.buckets[place.edge_s] += value
            case "sum":
                tally.busy_s += value
            case _:
                return False
        return True


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line counts; code_class is its place in Counters.by_class."""

    service: str
    router: str
    entry_point: str
    code_class: int | None
    edge_s: float | None


@lru_cache(maxsize=16384)  # the same labels come again every second
def _place(labels: str) -> _Place:
    named = dict(_LABEL.findall(labels))
    return _Place(
        service=named.get("service", "").partition("@")[0],
        router=named.get("router", "").partition("@")[0],
        entry_point=named.get("entrypoint", ""),
        code_class=_class_of(named.get("code", "")),
        edge_s=_edge(named.get("le", "")),
    )


def _class_of(code: str) -> int | None:
    if code == "499":
        return GIVEN_UP
    known = len(code) == 3 and code.isdecimal() and "1" <= code[0] <= "5"
    return int(code[0]) - 1 if known else None


def _edge(text: str) -> float | None:
    return math.inf if text == "+Inf" else _count(text)


def _count(text: str | None) -> float | None:
    """Return a counter's value, or None for what is no number, negative or too large to count."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= MOST_COUNTED else None


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


def growth_of(before: Counters, after: Counters) -> Counters:
    """Return what was counted in between; a counter that dropped started anew."""
    if after == before:
        return NOTHING
    grown = Counters(
        tuple(new - old for new, old in zip(after.by_class, before.by_class, strict=True)),
        after.busy_s - before.busy_s,
        {edge: count - before.buckets.get(edge, 0.0) for edge, count in after.buckets.items()},
    )
    numbers = (*grown.by_class, grown.busy_s, *grown.buckets.values())
    return after if min(numbers) < 0 else grown


def _totals(steps: Iterable[Mapping[str, Counters]]) -> dict[str, Counters]:
    grouped: defaultdict[str, list[Counters]] = defaultdict(list)
    for step in steps:
        for name, counters in step.items():
            grouped[name] += () if counters is NOTHING else (counters,)
    return {name: sum_of(parts) if parts else NOTHING for name, parts in grouped.items()}


def sum_of(parts: Iterable[Counters]) -> Counters:
    tally = _Tally()
    for part in parts:
        tally.by_class = [a + b for a, b in zip(tally.by_class, part.by_class, strict=True)]
        tally.busy_s += part.busy_s
        for edge, count in part.buckets.items():
            tally.buckets[edge] += count
    return tally.counters()


def _rates(total: Counters, span_s: float) -> Rates:
    return Rates(
        rate_rps=total.requests / span_s if span_s >= LEAST_SPAN_S else 0.0,
        p95_s=quantile(total.buckets, QUANTILE),
        error_ratio=total.errors / total.requests if total.requests > 0 else None,
    )


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return the latency in s that `share` of the requests stay below, on a straight line in its bucket.

    buckets: cumulative counts by upper edge.  Beyond the last finite edge nothing is known but that it was
    passed: then that edge comes back.  None without requests.
    """
    edges = sorted(buckets)
    wanted = share * max(buckets.values(), default=0.0)
    if wanted <= 0:
        return None
    low_s, below = 0.0, 0.0
    for edge in edges:
        count = buckets[edge]
        if count >= wanted:
            return low_s if math.isinf(edge) else low_s + (edge - low_s) * (wanted - below) / (count - below)
        low_s, below = edge, max(below, count)
    return low_s
