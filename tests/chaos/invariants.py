"""What must hold at every moment, as functions of what the machine and the store have; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from balancer.routes import server_name
from manager.state.model import WorkerRecord
from manager.state.records import PROXY, WORKERS, readable
from tests.chaos.schedule import MOST
from tests.simulation.proxy import servers_of

APART_S = 0.5  # failures further apart have something between them that went well
AT_ONCE = 2  # an update has at most so many workers more


def broken_in_store(entries: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the records and routes of one revision of the store."""
    records = {server_name(*record.key): record for record in _records(entries)}
    return [*_shared_addresses(records), *_too_many(records), *_lost_routes(records, entries)]


def _records(entries: Mapping[str, str]) -> Iterator[WorkerRecord]:
    for key, text in entries.items():
        if key.startswith(WORKERS) and (record := readable(WorkerRecord, text)) is not None:
            yield record  # any other was put there on purpose


def _shared_addresses(records: Mapping[str, WorkerRecord]) -> Iterator[str]:
    for address, count in Counter(record.address for record in records.values()).items():
        if count > 1:
            sharers = [name for name, record in records.items() if record.address == address]
            yield f"{' and '.join(sharers)} share {address}"


def _too_many(records: Mapping[str, WorkerRecord]) -> Iterator[str]:
    staying = Counter(record.app for record in records.values() if record.leaving_since is None)
    for app, count in staying.items():
        if count > MOST + AT_ONCE:
            yield f"{app} has {count} workers"


def _lost_routes(records: Mapping[str, WorkerRecord], entries: Mapping[str, str]) -> Iterator[str]:
    routes = {key.removeprefix(PROXY): text for key, text in entries.items() if key.startswith(PROXY)}
    for app, servers in servers_of(routes).items():
        for name, address in servers.items():
            record = records.get(name)
            if record is None or f"{record.address}:{record.port}" != address:
                yield f"the routes of {app} lead to {name} at {address}, where it is not"


def longest(moments: Iterable[float]) -> float:
    """Return the seconds of the longest time in which one failure followed the other."""
    first = last = -APART_S
    spans = [0.0]
    for moment in sorted(moments):
        first = moment if moment - last > APART_S else first
        last = moment
        spans.append(last - first)
    return max(spans)


def changed(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return which of the containers that nobody touched are others now, or gone."""
    return [f"{name} of the untouched app is another now" for name in before if now.get(name) != before[name]]
