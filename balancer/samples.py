"""What is asked of an app, and what one tick saw of it: the values that every decision starts from.

A field is None when nobody could say; NaN, infinite and negative numbers are taken for the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

Number = TypeVar("Number", int, float)

NORMAL_SHARE = 0.95
STALE_S, STALE_SPANS = 5.0, 2.5  # older figures are not decided on, whichever of the two is longer
QUEUED = 4.0  # requests a worker that wait without being a backlog, as queues that keep up have now and then


class Mode(Enum):
    """Whether decisions are carried out or only told."""

    ON = "on"
    RECOMMEND = "recommend"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator asked: `slo_share` of the requests within `slo_s` seconds, by min to max workers."""

    max: int
    min: int = 1
    slo_s: float = 0.25
    slo_share: float = NORMAL_SHARE
    mode: Mode = Mode.ON

    def __post_init__(self) -> None:
        """Raise ValueError for what no number of workers can serve."""
        if not 1 <= self.min <= self.max:
            raise ValueError(f"min {self.min} and max {self.max} leave no number of workers")
        if not (self.slo_s > 0 and 0 < self.slo_share < 1):
            raise ValueError(f"{self.slo_share:.0%} within {self.slo_s} s is no objective")


@dataclass(frozen=True, slots=True)
class Latencies:
    """How many requests took at most as long as each edge; requests beyond the last edge are in `total`.

    edges_s: ascending, finite.  within: cumulative counts, one an edge.
    """

    edges_s: tuple[float, ...]
    within: tuple[float, ...]
    total: float

    def share_over(self, limit_s: float) -> float:
        """Return the share of requests slower than limit_s, linear between edges, 0 without requests."""
        return 1.0 - self._count_within(limit_s) / self.total if self.total > 0 else 0.0

    def quantile_s(self, share: float) -> float | None:
        """Return the time within which that share of the requests ended; None without requests.

        Linear between edges; beyond the last edge nothing more is known than that edge.
        """
        if self.total <= 0 or not self.edges_s:
            return None
        wanted, edge_before, count_before = share * self.total, 0.0, 0.0
        for edge_s, count in zip(self.edges_s, self.within, strict=True):
            if count >= wanted:
                part = (wanted - count_before) / (count - count_before) if count > count_before else 1.0
                return edge_before + part * (edge_s - edge_before)
            edge_before, count_before = edge_s, max(count_before, count)
        return self.edges_s[-1]

    def _count_within(self, limit_s: float) -> float:
        edge_before, count_before = 0.0, 0.0
        for edge_s, count in zip(self.edges_s, self.within, strict=True):
            if edge_s >= limit_s:
                part = (limit_s - edge_before) / (edge_s - edge_before) if edge_s > edge_before else 1.0
                return count_before + part * (count - count_before)
            edge_before, count_before = edge_s, count
        return count_before


@dataclass(frozen=True, slots=True)
class Observation:
    """One app over the last `span_s` seconds, and the host it shares.

    age_s: how old the newest of these figures is.
    wanted, ready, starting: workers asked for, serving, and created but not yet serving.
    completed, failed: requests that ended in the span, failed ones included in both.
    inflight: requests without an answer at its end.  connections: open ones; set for a tcp app only.
    cpu_cores: cores used by the ready workers together.  own_cores: by all the app's workers, also
    starting and draining ones.  busiest_cores: by the one of them that used most.
    worker_cores: the limit of one worker, None without one.
    host_cores, host_used_cores: of this machine.  sharing_cores: used by the other apps that share the
    host with this one (crowd.py) and are no neighbours.
    started_in_s: create-to-ready times measured in the span.
    memory_room: spares that the host's memory has room for, with those there are; None: choose none.
    revision: what the workers run; another one is another program.
    """

    span_s: float | None
    wanted: int | None
    ready: int | None
    starting: int | None
    completed: float | None = None
    failed: float | None = None
    latencies: Latencies | None = None
    inflight: float | None = None
    connections: float | None = None
    cpu_cores: float | None = None
    own_cores: float | None = None
    busiest_cores: float | None = None
    worker_cores: float | None = None
    host_cores: float | None = None
    host_used_cores: float | None = None
    sharing_cores: float = 0.0
    started_in_s: tuple[float, ...] = ()
    age_s: float | None = 0.0
    revision: str = ""
    memory_room: int | None = None

    def slow_share(self, slo_s: float) -> float | None:
        """Return the share of requests slower than the objective, None where nobody can say."""
        if self.latencies is None or not known(self.latencies.total):
            return None
        return known(self.latencies.share_over(slo_s))


def known(value: Number | None) -> Number | None:
    """Return the number, or None for one that is absent, not finite or negative."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None


@dataclass(frozen=True, slots=True)
class Sample:
    """An observation that can be decided on: numbers where there must be numbers.

    demand: requests/s that arrived (the arrival rate), or open connections.  served: what succeeded of it.
    waiting: requests without an answer at the end of the span; waiting_change: since the one before, 0 while
    it cannot be counted (hidden.py).  took_s: the median time of a request.
    """

    span_s: float
    wanted: int
    ready: int
    starting: int
    demand: float
    served: float
    completed: float
    failed_share: float
    waiting: float
    waiting_change: float
    cores: float | None
    took_s: float | None
    seen: Observation

    @property
    def counts_waiting(self) -> bool:
        """Tell whether waiting requests were counted; else they may be hidden demand."""
        return known(self.seen.inflight) is not None

    @property
    def open_throughout(self) -> float:
        """Return the requests that were open at the beginning or at the end of the span, the fewer."""
        return min(self.waiting, self.waiting - self.waiting_change)

    @property
    def has_queued(self) -> bool:
        """Tell whether more than a few requests waited at the beginning and at the end of the span."""
        return self.open_throughout > QUEUED * self.ready


def problem_of(seen: Observation) -> str | None:
    """Return why nothing can be decided on this observation, or None."""
    if None in (known(seen.wanted), known(seen.ready), known(seen.starting)):
        return "the number of workers is not known"
    if seen.wanted == 0:
        return "the app is stopped"
    span_s, age_s = known(seen.span_s), known(seen.age_s)
    if age_s is None:
        return "the proxy has told no figures yet"
    if age_s > max(STALE_S, STALE_SPANS * (span_s or 0.0)):
        return f"the figures are {age_s:.0f} s old"
    if not span_s:
        return "rates are known from the second look on"
    if seen.connections is not None:
        return None if known(seen.connections) is not None else "the number of connections is not known"
    completed, failed = known(seen.completed), known(seen.failed)
    if completed is None or failed is None or failed > completed:
        return "the proxy's counters are missing or began anew"
    return None


def sample_of(seen: Observation, waiting_before: float | None) -> Sample:
    """Return the sample in an observation without a problem.

    The arrival rate is completions plus the change of what waits, over the span: throughput alone hides what
    a saturated app is asked for. What waits is as the kernel counts it, else by Little's law, L = X W, from
    the throughput X and the median time for W: a histogram tells no mean.
    """
    span_s = known(seen.span_s) or 1.0
    completed, failed = known(seen.completed) or 0.0, known(seen.failed) or 0.0
    took_s = known(seen.latencies.quantile_s(0.5)) if seen.latencies else None
    inflight, connections = known(seen.inflight), known(seen.connections)
    waiting = completed / span_s * (took_s or 0.0) if inflight is None else inflight
    change = 0.0 if inflight is None or waiting_before is None else waiting - waiting_before
    return Sample(
        span_s=span_s,
        wanted=seen.wanted or 0,
        ready=seen.ready or 0,
        starting=seen.starting or 0,
        demand=max(0.0, (completed + change) / span_s) if connections is None else connections,
        served=(completed - failed) / span_s if connections is None else connections,
        completed=completed,
        failed_share=failed / completed if completed else 0.0,
        waiting=waiting,
        waiting_change=change,
        cores=known(seen.cpu_cores),
        took_s=took_s,
        seen=seen,
    )
