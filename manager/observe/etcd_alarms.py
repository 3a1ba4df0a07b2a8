"""etcd's alarms, over its JSON gateway: the client library's own calls do not tell a full store apart.

A member that has used up its quota raises NOSPACE, and etcd refuses writes until the alarm is taken back by
hand, after room was made: old revisions compacted, the file defragmented.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from manager.api.errors import StoreUnavailable
from manager.store import Tls

ANSWER_S = 2.0
DEFRAGMENT_S = 60.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a member complains of: NOSPACE or CORRUPT."""

    member_id: str
    kind: str


def alarms(endpoint: str, tls: Tls | None = None) -> list[Alarm]:
    """Return the alarms of the whole etcd, as one member knows them. Raises StoreUnavailable."""
    match _ask(endpoint, tls, "maintenance/alarm", {"action": "GET"}):
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
    match _ask(endpoint, tls, "kv/range", {"key": "AA==", "count_only": True}):
        case {"header": {"revision": str(newest)}}:
            revision = int(newest)
    _ask(endpoint, tls, "kv/compaction", {"revision": str(revision), "physical": True}, tolerant=True)
    _ask(endpoint, tls, "maintenance/defragment", {}, within_s=DEFRAGMENT_S)


def disarm(endpoint: str, alarm: Alarm, tls: Tls | None = None) -> None:
    """The alarm is taken back. Raises StoreUnavailable."""
    body = {"action": "DEACTIVATE", "memberID": alarm.member_id, "alarm": alarm.kind}
    _ask(endpoint, tls, "maintenance/alarm", body)


def _ask(
    endpoint: str,
    tls: Tls | None,
    path: str,
    body: Mapping[str, object],
    *,
    within_s: float = ANSWER_S,
    tolerant: bool = False,
) -> object:
    """Return etcd's answer; tolerant: a refusal is one too (compacting twice is refused)."""
    connection = _connection(endpoint, tls, within_s)
    try:
        connection.request("POST", f"/v3/{path}", json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK and not tolerant:
            refusal = text.decode(errors="replace")
            raise StoreUnavailable(f"etcd at {endpoint} refuses {path}: {refusal}", hint="status")
        found: object = json.loads(text)
        return found
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise StoreUnavailable(f"etcd at {endpoint} does not answer: {error}", hint="status") from error
    finally:
        connection.close()


def _connection(endpoint: str, tls: Tls | None, within_s: float) -> http.client.HTTPConnection:
    if tls is None:
        return http.client.HTTPConnection(endpoint, timeout=within_s)
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    return http.client.HTTPSConnection(endpoint, timeout=within_s, context=context)
