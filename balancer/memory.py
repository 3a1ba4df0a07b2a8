"""All that is carried from one decision to the next: a value, kept with the app's target.

The next decision follows from it, from what was asked and from what is seen, so a manager that dies
forgets nothing. As JSON it is rows of numbers in the order of the fields, a few kB.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from balancer.codec import Stored
from balancer.fit import CpuFit
from balancer.forecast import History
from balancer.latency import SlowFit
from balancer.trial import Trial


@dataclass(frozen=True, slots=True)
class Wish:
    """The number of workers that one decision found right, before it looked at earlier ones."""

    at_s: float
    workers: int


@dataclass(frozen=True, slots=True)
class Memory(Stored):
    """What the decisions so far leave for the next.

    number: of the last decision.  at_s: its time, None before the first.  waiting, took_s: requests
    without an answer at the last sample, and their median time.  moved_s, removed_s: when the
    ready workers last changed, and last became fewer.  hold_until_s: no change before.
    start_times_s: the newest create-to-ready times.  peak_cores: the most that one worker used.
    ceiling_rps: the most that one worker served while requests waited and its CPU did not limit it, or what
    is taken for that during a trial; None while nothing but CPU is known to limit it.
    queued_rps: what one worker served in each such tick of a row, up to as many as make a ceiling.
    trial: of more workers.
    neighbours_cores: what others on the host use and keep.  starved_s: when full workers last did not get
    the CPU that they may use.  reach: workers that there should be, spares among them, and when that was
    asked for last.  revision, slo_s: what the fits are about.
    """

    VERSION = 8

    number: int = 0
    at_s: float | None = None
    revision: str = ""
    slo_s: float = 0.0
    waiting: float | None = None
    took_s: float | None = None
    ready: int = 0
    changed_s: float | None = None
    moved_s: float | None = None
    removed_s: float | None = None
    hold_until_s: float = 0.0
    start_times_s: tuple[float, ...] = ()
    peak_cores: float = 0.0
    ceiling_rps: float | None = None
    queued_rps: tuple[float, ...] = ()
    trial: Trial = field(default_factory=Trial)
    neighbours_cores: float = 0.0
    starved_s: float | None = None
    wishes: tuple[Wish, ...] = ()
    reach: Wish | None = None
    cpu: CpuFit = field(default_factory=CpuFit)
    slow: SlowFit = field(default_factory=SlowFit)
    demand: History = field(default_factory=History)
