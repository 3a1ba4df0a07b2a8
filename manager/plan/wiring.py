"""What a worker may reach: its port on the bridge, and the file of names that goes with it; pure.

A worker has a file of its own as /etc/hosts, in which any program finds without a resolver the worker itself
and those that it reaches. It names the workers that answer now; who leaves is out of it before its open
requests end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from manager.plan.steps import MendNetwork, WriteHosts
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.world import World, answering
from netsetup.port import Port

HOSTS = "/etc/hosts"


def groups(specs: Mapping[str, AppSpec], names: Iterable[str]) -> dict[str, int]:
    """Return the marks on the network of those of the apps that are there."""
    return {name: specs[name].number for name in names if name in specs}


def port_of(tag: str, record: WorkerRecord, reached: Mapping[str, int]) -> Port:
    """Return the port that the worker shall have on the bridge.

    reached: the marks of the apps that it reaches, perhaps of others too.
    """
    reaches = frozenset(reached[name] for name in record.reach if name in reached)
    return Port(record.key.port_name(tag), record.address, record.number, reaches, record.egress)


def mend(world: World) -> MendNetwork:
    """Return the step that makes the network whole, with what every worker may do on it."""
    records = tuple(world.records.values())
    return MendNetwork(records, groups(world.specs, {name for record in records for name in record.reach}))


def is_as_recorded(world: World, record: WorkerRecord, bound: Port, tag: str) -> bool:
    """Return whether the port lets pass what the worker's record says, no less and no more."""
    wanted = port_of(tag, record, groups(world.specs, record.reach))
    if not world.unreadable.keys().isdisjoint(record.reach):
        wanted = replace(wanted, reaches=bound.reaches)  # the mark of an app that cannot be read is not known
    return bound == wanted


def misplaced(
    records: Collection[WorkerRecord], bound: Mapping[str, Port], tag: str
) -> dict[WorkerKey, WorkerRecord]:
    """Return the workers with the address of another, each with that one: only one of them can have it.

    It is the one's whose port is bound to it, else the one's that was there first.
    """
    if len({record.address for record in records}) == len(records):
        return {}

    def precedence(record: WorkerRecord) -> tuple[bool, float, WorkerKey]:
        port = bound.get(record.key.port_name(tag))
        return port is None or port.address != record.address, record.created_at, record.key

    owners: dict[IPv4Address, WorkerRecord] = {}
    for record in sorted(records, key=precedence):
        owners.setdefault(record.address, record)
    return {record.key: owners[record.address] for record in records if owners[record.address] != record}


def own_names(record: WorkerRecord) -> str:
    """Return the file of names of a worker that reaches no other app; it never changes."""
    return _text(record, {})


def hosts_files(world: World) -> dict[WorkerKey, str]:
    """Return what the file of names of each worker that reaches other apps shall say."""
    mine = [record for record in world.records.values() if record.reach and _is_known(world, record)]
    reached = {name for record in mine for name in record.reach if name in world.specs}
    lines = {name: list(_lines(world, world.specs[name])) for name in reached}
    return {record.key: _text(record, lines) for record in mine}


def tell_names(world: World) -> WriteHosts | None:
    """Return the step that brings the files of names up to date, None where they are.

    A worker that reaches nobody gets its file when it is launched. A file stays as long as a container may
    have it mounted, whatever the store says.
    """
    wanted = hosts_files(world)
    texts = {key: text for key, text in wanted.items() if world.hosts.get(key) != text}
    kept = {*world.records, *world.containers}
    gone = frozenset(key for key in world.hosts if key not in kept and key.app not in world.unreadable)
    return WriteHosts(texts, gone) if texts or gone else None


def _is_known(world: World, record: WorkerRecord) -> bool:
    return world.unreadable.keys().isdisjoint((record.app, *record.reach))


def _lines(world: World, spec: AppSpec) -> Iterator[str]:
    for record in answering(world, spec):
        yield f"{record.host} {spec.name} {record.key.label}"


def _text(record: WorkerRecord, lines: Mapping[str, list[str]]) -> str:
    own = ["127.0.0.1 localhost", "::1 localhost", f"{record.host} {record.key.label}"]
    others = [line for name in record.reach for line in lines.get(name, [])]
    return "".join(f"{line}\n" for line in [*own, *others])
