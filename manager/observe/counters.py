"""What the proxy counted since it began, read from its page of metrics.

The proxy counts a request when it ends, at the worker's service and at the app's router. At the service
each attempt of a repeated one counts for itself: that is what the worker did. At the router it counts once,
with the answer and the time that its client got, also the 503 of an app without a worker: that is what was
asked of the app. (Of an app that was asked 60 requests/s while its one worker was overloaded, the services
counted 335.)
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from balancer.routes import owner
from balancer.samples import Latencies

NONE_BY_CLASS = (0.0,) * 6
SERVER_ERROR, GIVEN_UP = 4, 5
MOST_COUNTED = 2.0**53

_LINE = re.compile(
    r"^traefik_((?:service|router)_request(?:s_total|_duration_seconds_bucket)|open_connections)"
    r"\{(.*)\} (\S+)$",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Counters:
    """What one service or router counted since the proxy began to.

    by_class: requests answered 1xx, 2xx, 3xx, 4xx, 5xx, and those that their clients gave up (499).
    buckets: how many took at most as long as each edge, the last edge being infinite.
    """

    by_class: tuple[float, ...] = NONE_BY_CLASS
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

    @property
    def latencies(self) -> Latencies:
        edges = tuple(edge for edge in sorted(self.buckets) if math.isfinite(edge))
        total = self.buckets.get(math.inf, self.requests)
        return Latencies(edges, tuple(self.buckets[edge] for edge in edges), total)


NOTHING = Counters()


@dataclass(frozen=True, slots=True)
class Sample:
    """The proxy's counters at a time.

    counters: by the name of a worker's service (`w_APP_SLOT_REVISION`) or of an app's router.
    connections: open ones by entry point, all that the proxy knows of tcp.
    """

    at: float
    counters: Mapping[str, Counters]
    connections: Mapping[str, float]


def growth_of(before: Counters, after: Counters) -> Counters:
    """Return what was counted in between; a counter that dropped started anew."""
    if after == before:
        return NOTHING
    grown = Counters(
        tuple(new - old for new, old in zip(after.by_class, before.by_class, strict=True)),
        {edge: count - before.buckets.get(edge, 0.0) for edge, count in after.buckets.items()},
    )
    return after if min((*grown.by_class, *grown.buckets.values())) < 0 else grown


def sum_of(parts: Iterable[Counters]) -> Counters:
    tally = _Tally()
    for part in parts:
        tally.by_class = [a + b for a, b in zip(tally.by_class, part.by_class, strict=True)]
        for edge, count in part.buckets.items():
            tally.buckets[edge] += count
    return tally.counters()


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
    """Return the counters on a metrics page; a line that is not understood is left out."""
    tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
    connections: defaultdict[str, float] = defaultdict(float)
    for line in _LINE.finditer(text):
        family, labels, number = line.groups()
        place, value = _place(labels), _count(number)
        name = place.router if family.startswith("router") else place.service
        if value is None:
            continue
        if family == "open_connections":
            connections[place.entry_point] += value
        elif owner(name) is not None:
            tallies[name].add(family, place, value)
    return Sample(at, {name: tally.counters() for name, tally in tallies.items()}, dict(connections))


class _Tally:
    """The counters of one service or router while its lines are read: one per method, code and bucket."""

    def __init__(self) -> None:
        self.by_class = [*NONE_BY_CLASS]
        self.buckets: defaultdict[float, float] = defaultdict(float)

    def add(self, family: str, place: _Place, value: float) -> None:
        if family.endswith("_total") and place.code_class is not None:
            self.by_class[place.code_class] += value
        elif family.endswith("_bucket") and place.edge_s is not None:
            self.buckets[place.edge_s] += value

    def counters(self) -> Counters:
        return Counters(tuple(self.by_class), dict(sorted(self.buckets.items())))


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


def _count(text: str) -> float | None:
    """Return a counter's value, or None for what is no number, negative or too large to count."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= MOST_COUNTED else None
