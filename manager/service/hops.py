"""The way of a request to an app, hop by hop: what each hop should be, and what it is; pure.

    entry point -> router -> service -> bridge -> per worker: container -> port -> namespace -> program
    -> health -> and the whole way once more, as a client goes it

Of a worker, the hops behind the first that fails are not told: they could only fail too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from balancer.routes import server_name
from manager.api.views import CheckView
from manager.state.model import AppSpec, WorkerKey, WorkerRecord
from manager.state.phase import phase
from manager.state.world import World

UNBOUND = "its rules are gone: nothing of it passes"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one running worker just now.

    attached: its cable, None when there is none.  listening: the addresses listened on, by port.
    """

    attached: bool | None
    bound: bool
    addressed: bool
    listening: Mapping[int, frozenset[IPv4Address | IPv6Address]] = field(default_factory=dict)
    healthy: bool = False
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Sights:
    """What was seen of the way just now.

    live: the servers of each app that the proxy uses, None when its API does not answer.  faults: why it
    refuses parts of an app.  status: of the request through all of it; None for no answer, and for tcp
    True or False.
    """

    entry: str
    entry_accepts: bool
    live: Mapping[str, frozenset[str]] | None
    faults: Mapping[str, str] | None
    bridge: str
    bridge_intact: bool
    rules_intact: bool
    status: int | bool | None
    workers: Mapping[WorkerKey, Seen]


def hops(world: World, spec: AppSpec, sights: Sights) -> list[CheckView]:
    """Return every hop to the app, the failing ones with their fix."""
    return [
        _entry_point(sights),
        _router(spec, sights),
        _service(world, spec, sights),
        _bridge(sights),
        *_workers(world, spec, sights),
        _whole_way(spec, sights),
    ]


def well(name: str, fact: str) -> CheckView:
    return CheckView(name, "ok", fact, "")


def broken(name: str, fact: str, fix: str) -> CheckView:
    return CheckView(name, "FAIL", fact, fix)


def _entry_point(sights: Sights) -> CheckView:
    if sights.entry_accepts:
        return well("entry point", f"{sights.entry} accepts connections")
    return broken("entry point", f"nothing answers at {sights.entry}", "doctor --fix")


def _router(spec: AppSpec, sights: Sights) -> CheckView:
    rules = [f"host {host}" for host in spec.hosts] + [f"path {path}" for path in spec.paths]
    rule = ", ".join(rules) if spec.template.protocol == "http" else f"tcp port {spec.tcp_port}"
    if sights.live is None or sights.faults is None:
        return broken("router", "the proxy's API does not answer", "doctor --fix")
    fault = sights.faults.get(spec.name) or sights.faults.get("")
    if fault:
        return broken("router", f"{rule}: the proxy refuses it: {fault}", f"describe {spec.name}")
    if spec.name not in sights.live:
        return broken("router", f"{rule}: the proxy does not know it", "status")
    return well("router", rule)


def _service(world: World, spec: AppSpec, sights: Sights) -> CheckView:
    if sights.live is None:
        return CheckView("service", "warn", "not known while the proxy's API does not answer", "")
    live = sights.live.get(spec.name, frozenset())
    records = [record for record in world.of_app(spec.name) if record.leaving_since is None]
    used = [record.key.label for record in records if server_name(*record.key) in live]
    fact = f"{len(used)} of {spec.wanted} workers in use"
    if used:
        return well("service", f"{fact}: {', '.join(used)}")
    if spec.stopped or not spec.wanted:
        fix = f"start {spec.name}" if spec.stopped else f"scale {spec.name}=1"
        return broken("service", f"{spec.name} has no workers, as it was asked to", fix)
    return broken("service", fact, f"ps {spec.name}")


def _bridge(sights: Sights) -> CheckView:
    if not sights.bridge_intact:
        return broken("bridge", f"{sights.bridge} is gone or not as it should be", "net --repair")
    if not sights.rules_intact:
        return broken("bridge", f"{sights.bridge}: its rules are gone or changed", "net --repair")
    return well("bridge", f"{sights.bridge} and its rules are as they should be")


def _workers(world: World, spec: AppSpec, sights: Sights) -> Iterator[CheckView]:
    for record in world.of_app(spec.name):
        if record.leaving_since is None and not record.spare:
            yield from _until_broken(_worker(world, record, sights.workers.get(record.key)))


def _until_broken(checks: Iterator[CheckView]) -> Iterator[CheckView]:
    for check in checks:
        yield check
        if check.state == "FAIL":
            return


def _worker(world: World, record: WorkerRecord, seen: Seen | None) -> Iterator[CheckView]:
    label = record.key.label
    container = world.containers.get(record.key)
    if seen is None or container is None:
        reason = phase(world, record)
        yield broken(f"{label} container", f"{reason.state}: {reason.reason}", f"logs {label}")
        return
    yield well(f"{label} container", f"{container.id[:12]} runs as process {container.pid}")
    yield _cable(label, record, seen)
    yield _namespace(label, record, seen)
    yield _program(world.specs[record.app], record, seen)
    yield _health(label, seen)


def _cable(label: str, record: WorkerRecord, seen: Seen) -> CheckView:
    name, fault = f"{label} veth", cable_fault(seen.attached) or ("" if seen.bound else UNBOUND)
    if fault:
        return broken(name, fault, "net --repair")
    return well(name, f"on the bridge, bound to {record.address}")


def cable_fault(attached: bool | None) -> str:
    """Return what is wrong with a worker's cable, "" for nothing; attached: None when there is none."""
    if attached is None:
        return "its cable is gone"
    return "" if attached else "its cable is down or not on the bridge"


def _namespace(label: str, record: WorkerRecord, seen: Seen) -> CheckView:
    if seen.addressed:
        return well(f"{label} namespace", f"has {record.address}")
    return broken(f"{label} namespace", f"lost its address {record.address}", f"restart {label}")


def _program(spec: AppSpec, record: WorkerRecord, seen: Seen) -> CheckView:
    """Tell whether the program listens where it is expected: the commonest reason for no answer."""
    label, port = record.key.label, record.port
    name, protocol = f"{label} port", "/tcp" if spec.template.protocol == "tcp" else ""
    bound = seen.listening.get(port or 0)
    if bound is None:
        others = sorted(seen.listening)
        if not others:
            return broken(name, f"nothing listens on {port}", f"logs {label}")
        there = ", ".join(str(other) for other in others)
        return broken(
            name, f"nothing listens on {port}, but on {there}", f"update {spec.name} -p {others[0]}{protocol}"
        )
    if not any(address == record.address or address.is_unspecified for address in bound):
        where = ", ".join(sorted(str(address) for address in bound))
        return broken(
            name,
            f"listens on {where} only, where nobody else reaches it",
            f"logs {label}    (have it listen on 0.0.0.0)",
        )
    return well(name, f"listens on {port}")


def _health(label: str, seen: Seen) -> CheckView:
    if seen.healthy:
        return well(f"{label} health", seen.answer)
    return broken(f"{label} health", seen.answer, f"logs {label} --tail 20")


def _whole_way(spec: AppSpec, sights: Sights) -> CheckView:
    name = "request"
    match sights.status:
        case True:
            return well(name, f"a connection to {sights.entry} is taken")
        case None | False:
            # a connection is taken also for a proxy that hangs: the kernel does it, as long as there is room
            fix = f"ps {spec.name}" if sights.entry_accepts and sights.live is not None else "doctor --fix"
            return broken(name, f"no answer through {sights.entry}", fix)
        case int(status) if status < 500:
            return well(name, f"GET / through {sights.entry} gives {status}")
        case int(status):
            return broken(name, f"GET / through {sights.entry} gives {status}", f"logs {spec.name} --tail 20")
