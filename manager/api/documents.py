"""The documents around what the manager shows, and how times and counts are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a shell that prints a table needs none of the types
    from manager.api.views import View

API_VERSION = "simplecloud/v1"
SOME = 5  # names in a sentence


def listing(kind: str, items: Iterable[View]) -> dict[str, object]:
    """Return the JSON object of a listing."""
    return {"apiVersion": API_VERSION, "kind": kind, "items": [asdict(item) for item in items]}


def document(kind: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the JSON object of a single thing."""
    return {"apiVersion": API_VERSION, "kind": kind, **fields}


def counted(count: float, noun: str) -> str:
    """Return a number of things in words: `1 app`, `3 apps`."""
    return f"{count:.0f} {noun}{'' if count == 1 else 's'}"


def rfc3339(unix_s: float) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_seconds(moment: str) -> float:
    """Return the unix time of an RFC 3339 text."""
    return datetime.fromisoformat(moment).timestamp()


def sentences(*parts: str) -> str:
    """Return the parts that say something, one after the other."""
    return "; ".join(filter(None, parts))


def some(names: Sequence[str]) -> str:
    """Return the first of the names, and how many more there are."""
    more = len(names) - SOME
    return ", ".join(names[:SOME]) + (f" and {more} more" if more > 0 else "")
