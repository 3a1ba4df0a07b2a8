"""What the manager shows: the items of listings, and which columns a table makes of them.

Fields are added, never changed. Times are RFC 3339 in UTC; sizes bytes; durations seconds; CPU cores.
None is "not applicable" and reads `-` in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal

API_VERSION = "simplecloud/v1"
WorkerState = Literal["starting", "ready", "unready", "draining", "backoff", "failed", "stopped", "spare"]
PolicyName = Literal["recorded", "today", "asked"]


@dataclass(frozen=True, slots=True)
class AppView:
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
class RevisionView:
    """state: current, updating, failed (rolled back) or former."""

    app: str
    revision: int
    state: str
    created_at: str
    change: str
    image: str
    command: list[str]


@dataclass(frozen=True, slots=True)
class ImageView:
    name: str
    id: str
    size_bytes: int
    created_at: str


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


Format = Literal["text", "count", "cores", "bytes", "rate", "seconds", "ratio", "age", "list", "state", "yes"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its header, the field of the item behind it, and how that is written.

    `wide` columns appear with -o wide only.  beside: another field, written behind a slash.
    """

    header: str
    field: str
    format: Format = "text"
    wide: bool = False
    beside: str = ""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One option of an app that a file wants otherwise; "" where it is not set."""

    app: str
    option: str
    now: str
    wanted: str


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "AppList": (
        Column("APP", "name"),
        Column("READY", "ready", "count"),
        Column("WANT", "want", "count"),
        Column("SCALING", "scaling"),
        Column("REQ/S", "rate_rps", "rate"),
        Column("P95", "p95_s", "seconds"),
        Column("ERRORS", "error_ratio", "ratio"),
        Column("CPU", "cpu_cores", "cores"),
        Column("MEMORY", "memory_bytes", "bytes"),
        Column("ROUTE", "urls", "list"),
        Column("AGE", "created_at", "age"),
        Column("REVISION", "revision", "count", wide=True),
        Column("IMAGE", "image", wide=True),
        Column("COMMAND", "command", "list", wide=True),
        Column("EGRESS", "egress", "yes", wide=True),
        Column("REACHES", "reaches", "list", wide=True),
        Column("NOTE", "note"),
    ),
    "WorkerList": (
        Column("WORKER", "name"),
        Column("STATE", "state", "state"),
        Column("ADDRESS", "address"),
        Column("CPU", "cpu_cores", "cores"),
        Column("MEMORY", "memory_bytes", "bytes"),
        Column("REQ/S", "rate_rps", "rate"),
        Column("P95", "p95_s", "seconds"),
        Column("INFLIGHT", "inflight", "count"),
        Column("RESTARTS", "restarts", "count"),
        Column("AGE", "started_at", "age"),
        Column("CONTAINER", "container", wide=True),
        Column("PID", "pid", "count", wide=True),
        Column("REVISION", "revision", "count", wide=True),
        Column("PORT", "port", "count", wide=True),
        Column("REASON", "reason"),
    ),
    "StatsList": (
        Column("WORKER", "name"),
        Column("CPU %", "cpu_cores", "ratio"),
        Column("MEM USAGE / LIMIT", "memory_bytes", "bytes", beside="memory_limit_bytes"),
        Column("MEM %", "memory_ratio", "ratio"),
        Column("NET I/O", "received_bytes", "bytes", beside="sent_bytes"),
        Column("BLOCK I/O", "block_read_bytes", "bytes", beside="block_written_bytes"),
        Column("PIDS", "pids", "count"),
        Column("CONTAINER", "container", wide=True),
    ),
    "RouteList": (
        Column("APP", "app"),
        Column("RULE", "rule"),
        Column("URL", "url"),
        Column("WORKERS", "workers", "list"),
        Column("HEALTH", "health"),
        Column("LIVE", "live", "yes"),
    ),
    "EventList": (
        Column("AGE", "at", "age"),
        Column("APP", "app"),
        Column("WORKER", "worker"),
        Column("TIME", "at", wide=True),
        Column("EVENT", "text"),
    ),
    "AutoscaleList": (
        Column("APP", "app"),
        Column("MODE", "mode"),
        Column("MIN", "min", "count"),
        Column("MAX", "max", "count"),
        Column("SLO", "slo_s", "seconds"),
        Column("SHARE", "slo_share", "ratio"),
        Column("WANT", "want", "count"),
        Column("READY", "ready", "count"),
        Column("REASON", "reason"),
    ),
    "ReplayList": (
        Column("POLICY", "policy"),
        Column("MIN", "min", "count"),
        Column("MAX", "max", "count"),
        Column("SLO", "slo_s", "seconds"),
        Column("SHARE", "slo_share", "ratio"),
        Column("MEAN", "mean_workers", "cores"),
        Column("MOST", "max_workers", "count"),
        Column("WORKER-HOURS", "worker_hours", "cores"),
        Column("OVER", "over_s", "seconds"),
        Column("UNKNOWN", "unknown_s", "seconds", wide=True),
        Column("UPS", "ups", "count"),
        Column("DOWNS", "downs", "count"),
    ),
    "RevisionList": (
        Column("REVISION", "revision", "count"),
        Column("STATE", "state"),
        Column("AGE", "created_at", "age"),
        Column("CHANGE", "change"),
        Column("IMAGE", "image"),
        Column("COMMAND", "command", "list"),
    ),
    "CheckList": (
        Column("CHECK", "name"),
        Column("STATE", "state", "state"),
        Column("FACT", "fact"),
        Column("FIX", "fix"),
    ),
    "PortList": (
        Column("WORKER", "name"),
        Column("PORT", "link"),
        Column("ADDRESS", "address"),
        Column("MAC", "mac"),
        Column("GROUP", "group", "count"),
        Column("ATTACHED", "attached", "yes"),
        Column("BOUND", "bound", "yes"),
        Column("DRIFT", "drift"),
    ),
    "ChangeList": (
        Column("APP", "app"),
        Column("OPTION", "option"),
        Column("NOW", "now"),
        Column("WANTED", "wanted"),
    ),
    "ImageList": (
        Column("IMAGE", "name"),
        Column("ID", "id"),
        Column("SIZE", "size_bytes", "bytes"),
        Column("AGE", "created_at", "age"),
    ),
}
NAME_FIELD: Mapping[str, str] = {
    "CheckList": "name",
    "PortList": "name",
    "AppList": "name",
    "WorkerList": "name",
    "StatsList": "name",
    "RouteList": "app",
    "EventList": "id",
    "AutoscaleList": "app",
    "ReplayList": "policy",
    "RevisionList": "revision",
    "ChangeList": "app",
    "ImageList": "name",
}

View = (
    AppView
    | WorkerView
    | RouteView
    | EventView
    | AutoscaleView
    | ReplayView
    | RevisionView
    | ImageView
    | CheckView
    | PortView
    | ChangeView
    | StatsView
)
VIEWS: Mapping[str, type[View]] = {
    "AppList": AppView,
    "WorkerList": WorkerView,
    "RouteList": RouteView,
    "EventList": EventView,
    "AutoscaleList": AutoscaleView,
    "ReplayList": ReplayView,
    "RevisionList": RevisionView,
    "ImageList": ImageView,
    "CheckList": CheckView,
    "PortList": PortView,
    "ChangeList": ChangeView,
    "StatsList": StatsView,
}


@dataclass(frozen=True, slots=True)
class ProcessView:
    pid: int
    started_at: str
    role: Literal["leader", "standby"]


@dataclass(frozen=True, slots=True)
class MemberView:
    name: str
    endpoint: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class StatusView:
    """Status of a cloud; the nested parts are what contract programs read.

    frozen: the apps for which nothing is done by itself; "all" among them means every app.
    """

    cloud: str
    manager: ProcessView
    standbys: list[ProcessView]
    etcd: Mapping[str, object]
    proxy: Mapping[str, object]
    docker: Mapping[str, object]
    network: Mapping[str, object]
    host: Mapping[str, object]
    converged: bool
    apps: int
    workers: int
    notes: list[str]
    frozen: list[str]


def listing(kind: str, items: Iterable[View]) -> dict[str, object]:
    """Return the JSON object of a listing."""
    return {"apiVersion": API_VERSION, "kind": kind, "items": [asdict(item) for item in items]}


def document(kind: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the JSON object of a single thing."""
    return {"apiVersion": API_VERSION, "kind": kind, **fields}


def rfc3339(unix_s: float) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def unix_seconds(moment: str) -> float:
    """Return the unix time of an RFC 3339 text."""
    return datetime.fromisoformat(moment).timestamp()
