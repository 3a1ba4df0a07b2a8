"""What the manager shows: the items of listings; manager.api.status has the cloud's own state.

Fields are added, never changed. Times are RFC 3339 in UTC; sizes bytes; durations seconds; CPU cores.
None is "not applicable" and reads `-` in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

WorkerState = Literal["starting", "ready", "unready", "draining", "backoff", "failed", "stopped", "spare"]
PolicyName = Literal["recorded", "today", "asked"]


@dataclass(frozen=True, slots=True)
class AppView:
    """ready: slots with a ready worker, of whatever revision; updated: those whose worker is as asked now.

    done: workers that have done their work, and are started no more.
    environment: the names of the variables that workers are given.
    """

    name: str
    command: list[str]
    image: str
    revision: int
    want: int
    ready: int
    min: int | None
    max: int | None
    scaling: Literal["manual", "auto"]
    slo_s: float | None
    rate_rps: float | None
    p95_s: float | None
    error_ratio: float | None
    cpu_cores: float | None
    memory_bytes: int | None
    urls: list[str]
    created_at: str
    note: str
    frozen: bool = False
    egress: bool = False
    reaches: list[str] = field(default_factory=list)
    spares: int = 0
    updated: int = 0
    done: int = 0
    environment: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """A decision that can be explained: one that changed something, or the newest."""

    id: int
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkerView:
    name: str
    app: str
    slot: int
    revision: int
    state: WorkerState
    address: str | None
    port: int | None
    container: str | None
    pid: int | None
    started_at: str | None
    restarts: int
    rate_rps: float | None
    p95_s: float | None
    inflight: int | None
    cpu_cores: float | None
    memory_bytes: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class RouteView:
    app: str
    rule: str
    url: str
    workers: list[str]
    live: bool
    health: str
    weights: list[int]


@dataclass(frozen=True, slots=True)
class EventView:
    id: str
    at: str
    app: str | None
    worker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class AutoscaleView:
    app: str
    mode: str
    min: int
    max: int
    slo_s: float
    slo_share: float
    want: int
    ready: int
    decision: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayView:
    """What a policy makes of a recorded load; `recorded` is what really was, under whatever policy.

    over_s: seconds with more slow requests than the objective allows, measured for `recorded` and by the
    learned curve for the others; unknown_s: nobody can say.
    """

    policy: PolicyName
    min: int | None
    max: int | None
    slo_s: float | None
    slo_share: float | None
    mean_workers: float | None
    max_workers: int
    worker_hours: float
    over_s: float
    unknown_s: float
    ups: int
    downs: int


@dataclass(frozen=True, slots=True)
class WhatifView:
    """A replay of the load since `since`; same: of the decisions compared, those that today's policy repeats.

    skipped: damaged records.
    """

    app: str
    since: str
    span_s: float
    decisions: int
    compared: int
    same: int
    skipped: int
    policies: list[ReplayView]


@dataclass(frozen=True, slots=True)
class RevisionView:
    """state: current, updating, failed (rolled back), overtaken (another command came first) or former.

    changed: since the last one before it that got ready.
    """

    app: str
    revision: int
    state: str
    created_at: str
    change: str
    image: str
    command: list[str]
    options: list[str] = field(default_factory=list)
    changed: str = ""


@dataclass(frozen=True, slots=True)
class ImageView:
    name: str
    id: str
    size_bytes: int
    created_at: str


@dataclass(frozen=True, slots=True)
class SecretView:
    """A secret, without what it holds; apps: those that are given it."""

    name: str
    size_bytes: int
    changed_at: str
    apps: list[str]


@dataclass(frozen=True, slots=True)
class CheckView:
    """One thing that was looked at: a fact about it, and the command that mends it ("" when it is well)."""

    name: str
    state: Literal["ok", "warn", "FAIL"]
    fact: str
    fix: str


@dataclass(frozen=True, slots=True)
class PortView:
    """A worker's place in the network; the first of a listing is the bridge itself.

    link: the host's end of its cable.  attached: both ends are up and on the bridge.  bound: its rules are
    there.  drift: what is not as it should be, in words, or "".
    """

    name: str
    link: str
    address: str | None
    mac: str | None
    group: int | None
    attached: bool
    bound: bool
    drift: str


@dataclass(frozen=True, slots=True)
class StatsView:
    """What a worker uses now (cores, memory, processes), and what has passed since it was started."""

    name: str
    app: str
    slot: int
    revision: int
    container: str
    cpu_cores: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    memory_ratio: float | None
    received_bytes: int | None
    sent_bytes: int | None
    block_read_bytes: int | None
    block_written_bytes: int | None
    pids: int | None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One option of an app that a file wants otherwise; "" where it is not set."""

    app: str
    option: str
    now: str
    wanted: str


View = (
    AppView
    | WorkerView
    | RouteView
    | EventView
    | AutoscaleView
    | ReplayView
    | RevisionView
    | ImageView
    | SecretView
    | CheckView
    | PortView
    | ChangeView
    | StatsView
)


ITEMS: Mapping[str, type[View]] = {
    "AppList": AppView,
    "WorkerList": WorkerView,
    "StatsList": StatsView,
    "RouteList": RouteView,
    "EventList": EventView,
    "AutoscaleList": AutoscaleView,
    "ReplayList": ReplayView,
    "RevisionList": RevisionView,
    "CheckList": CheckView,
    "PortList": PortView,
    "ChangeList": ChangeView,
    "SecretList": SecretView,
    "ImageList": ImageView,
}
