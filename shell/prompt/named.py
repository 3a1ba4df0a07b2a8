"""Names that can be completed."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("manager", "proxy", "etcd")  # of the cloud: what `crash` is of, beside workers


@dataclass(frozen=True, slots=True)
class Named:
    """A name to complete, and what the thing is doing."""

    name: str
    meta: str = ""
