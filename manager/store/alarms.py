"""etcd's alarms, over its JSON gateway: the client library's own calls do not tell a full store apart.

A member that has used up its quota raises NOSPACE, and etcd refuses writes until the alarm is taken back by
hand, after room was made: old revisions compacted, the file defragmented.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from manager.store.gateway import ask
from manager.store.values import Tls

DEFRAGMENT_S = 60.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a member complains of: NOSPACE or CORRUPT."""

    member_id: str
    kind: str


def alarms(endpoint: str, tls: Tls | None = None) -> list[Alarm]:
    """Return the alarms of the whole etcd, as one member knows them. Raises StoreUnavailable."""
    match ask(endpoint, tls, "maintenance/alarm", {"action": "GET"}):
        case {"alarms": [*found]}:
            return [
                Alarm(str(one.get("memberID", "0")), str(one.get("alarm", "NONE")))
                for one in found
                if isinstance(one, dict)
            ]
        case _:
            return []


def complaint(raised: Iterable[Alarm]) -> tuple[str, str] | None:
    """Return what the alarms mean, and the command that comes next; None when there are none."""
    kinds = sorted({alarm.kind for alarm in raised})
    match kinds:
        case []:
            return None
        case ["NOSPACE"]:
            return "NOSPACE: its quota is used up and it takes no writes", "doctor --fix"
        case _:
            return f"{', '.join(kinds)}: its data is damaged", "down"


def make_room(endpoint: str, tls: Tls | None = None) -> None:
    """Old revisions are gone from this member, and its file is as small as what is left.

    The alarm stands until `disarm`. Raises StoreUnavailable.
    """
    revision = 0
    match ask(endpoint, tls, "kv/range", {"key": "AA==", "count_only": True}):
        case {"header": {"revision": str(newest)}}:
            revision = int(newest)
    ask(endpoint, tls, "kv/compaction", {"revision": str(revision), "physical": True}, tolerant=True)
    ask(endpoint, tls, "maintenance/defragment", {}, within_s=DEFRAGMENT_S)


def disarm(endpoint: str, alarm: Alarm, tls: Tls | None = None) -> None:
    """The alarm is taken back. Raises StoreUnavailable."""
    body = {"action": "DEACTIVATE", "memberID": alarm.member_id, "alarm": alarm.kind}
    ask(endpoint, tls, "maintenance/alarm", body)
