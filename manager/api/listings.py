"""The listings: what names an item of each, and which columns a table makes of it.

Without `-o wide`, `wide` columns do not appear; JSON and CSV carry every field of the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Format = Literal["text", "count", "cores", "bytes", "rate", "seconds", "ratio", "age", "list", "state", "yes"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its header, the field of the item behind it, and how that is written.

    `wide` columns appear with -o wide only, `apart` ones also where the items of one app differ in them.
    beside: another field, written behind a slash.
    """

    header: str
    field: str
    format: Format = "text"
    wide: bool = False
    beside: str = ""
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """How a listing is printed.

    name: the field that `-o name` and `-q` print.  columns: of its table.

    dropped: headers, in the order in which a terminal too narrow loses them. Names stay, and reasons, cut.
    """

    name: str
    columns: tuple[Column, ...]
    dropped: tuple[str, ...]


LISTINGS: Mapping[str, Listing] = {
    "AppList": Listing(
        "name",
        (
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
            Column("SPARES", "spares", "count", wide=True),
            Column("REVISION", "revision", "count", wide=True),
            Column("IMAGE", "image", wide=True),
            Column("COMMAND", "command", "list", wide=True),
            Column("EGRESS", "egress", "yes", wide=True),
            Column("REACHES", "reaches", "list", wide=True),
            Column("NOTE", "note"),
        ),
        ("SCALING", "AGE", "MEMORY", "CPU", "ERRORS", "ROUTE", "P95", "REQ/S", "WANT"),
    ),
    "WorkerList": Listing(
        "name",
        (
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
            Column("REVISION", "revision", "count", wide=True, apart=True),
            Column("PORT", "port", "count", wide=True),
            Column("REASON", "reason"),
        ),
        ("INFLIGHT", "CPU", "MEMORY", "P95", "ADDRESS", "REQ/S", "AGE", "RESTARTS"),
    ),
    "StatsList": Listing(
        "name",
        (
            Column("WORKER", "name"),
            Column("CPU %", "cpu_cores", "ratio"),
            Column("MEM USAGE / LIMIT", "memory_bytes", "bytes", beside="memory_limit_bytes"),
            Column("MEM %", "memory_ratio", "ratio"),
            Column("NET I/O", "received_bytes", "bytes", beside="sent_bytes"),
            Column("BLOCK I/O", "block_read_bytes", "bytes", beside="block_written_bytes"),
            Column("PIDS", "pids", "count"),
            Column("CONTAINER", "container", wide=True),
        ),
        ("MEM %", "BLOCK I/O", "NET I/O"),
    ),
    "RouteList": Listing(
        "app",
        (
            Column("APP", "app"),
            Column("RULE", "rule"),
            Column("URL", "url"),
            Column("WORKERS", "workers", "list"),
            Column("WEIGHTS", "weights", "list"),
            Column("HEALTH", "health"),
            Column("LIVE", "live", "yes"),
        ),
        ("WEIGHTS", "HEALTH", "URL", "WORKERS"),
    ),
    "EventList": Listing(
        "id",
        (
            Column("AGE", "at", "age"),
            Column("APP", "app"),
            Column("WORKER", "worker"),
            Column("TIME", "at", wide=True),
            Column("EVENT", "text"),
        ),
        ("APP", "WORKER"),
    ),
    "AutoscaleList": Listing(
        "app",
        (
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
        ("SHARE", "MODE", "MIN"),
    ),
    "ReplayList": Listing(
        "policy",
        (
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
        ("SHARE", "SLO", "MIN"),
    ),
    "RevisionList": Listing(
        "revision",
        (
            Column("REVISION", "revision", "count"),
            Column("STATE", "state"),
            Column("AGE", "created_at", "age"),
            Column("CHANGE", "change"),
            Column("CHANGED", "changed"),
            Column("IMAGE", "image"),
            Column("OPTIONS", "options", "list"),
            Column("COMMAND", "command", "list"),
        ),
        ("OPTIONS", "IMAGE", "AGE"),
    ),
    "CheckList": Listing(
        "name",
        (
            Column("CHECK", "name"),
            Column("STATE", "state", "state"),
            Column("FACT", "fact"),
            Column("FIX", "fix"),
        ),
        ("FIX",),
    ),
    "PortList": Listing(
        "name",
        (
            Column("WORKER", "name"),
            Column("LINK", "link"),
            Column("ADDRESS", "address"),
            Column("MAC", "mac"),
            Column("GROUP", "group", "count"),
            Column("ATTACHED", "attached", "yes"),
            Column("BOUND", "bound", "yes"),
            Column("DRIFT", "drift"),
        ),
        ("MAC", "GROUP", "LINK", "BOUND", "ADDRESS"),
    ),
    "ChangeList": Listing(
        "app",
        (Column("APP", "app"), Column("OPTION", "option"), Column("NOW", "now"), Column("WANTED", "wanted")),
        ("NOW",),
    ),
    "SecretList": Listing(
        "name",
        (
            Column("SECRET", "name"),
            Column("SIZE", "size_bytes", "bytes"),
            Column("AGE", "changed_at", "age"),
            Column("APPS", "apps", "list"),
        ),
        ("APPS",),
    ),
    "ImageList": Listing(
        "name",
        (
            Column("IMAGE", "name"),
            Column("ID", "id"),
            Column("SIZE", "size_bytes", "bytes"),
            Column("AGE", "created_at", "age"),
        ),
        ("ID", "AGE"),
    ),
}
