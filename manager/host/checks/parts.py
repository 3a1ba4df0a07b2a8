"""Checks of a running cloud's parts: etcd and its alarms, the proxy, the ports and the subnet they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from ipaddress import IPv4Network

from manager.api.documents import sentences
from manager.api.errors import StoreUnavailable
from manager.api.places import Places
from manager.engine.containers import Part
from manager.engine.docker_engine import DockerEngine
from manager.host import parts, ports
from manager.host.checks.finding import Finding, fail, ok, warn
from manager.host.liveness import eventually, network_is_intact, proxy_answers, repair_network
from manager.host.members import bring_back, lost_words, renew, without_data
from manager.host.settings import Settings
from manager.host.telling import simplecloud
from manager.store import Member
from manager.store.alarms import Alarm, alarms, complaint, disarm, make_room
from netsetup.network import taken_networks

MEMBERS_S = 10.0
SLOW_S = 2.0  # one slow answer is no reason to restart what works


def check_parts(
    places: Places, settings: Settings, engine: DockerEngine | None, *, running: bool
) -> Iterator[Finding]:
    """Yield what was found of the parts; `running`: the cloud is meant to be up."""
    there = {part.name: part for part in engine.parts.list()} if engine is not None else {}
    if running:
        yield etcd(places, settings, _members(places, settings, SLOW_S), engine)
        yield _alarms(places, settings)
        yield proxy(places, settings, engine, answers=eventually(lambda: proxy_answers(settings), SLOW_S))
        yield from network(places, intact=network_is_intact(places))
    yield listening(places, settings, there, running=running)
    yield subnet(settings.network, taken_networks(), running=running)


def _members(places: Places, settings: Settings, within_s: float) -> list[Member]:
    """Return the members as soon as all are healthy, or as they were last once the time is over."""
    with closing(parts.store_of(places, settings)) as store:
        return eventually(store.members, within_s, lambda members: not _away(members))


def etcd(places: Places, settings: Settings, members: list[Member], engine: DockerEngine | None) -> Finding:
    away, lost = _away(members), without_data(places, settings)
    fact = f"{len(members) - len(away)} of {len(members)} members healthy"
    if away:
        fact = f"{fact}, away: {', '.join(away)}"
    if not away and not lost:
        return ok("etcd", fact)
    if settings.own_etcd:
        host, _, port = away[0].rpartition(":")
        return fail("etcd", fact, f"nc -vz {host} {port}    (it is an etcd of your own)")
    if lost:
        fact = f"{fact}; {lost_words(places, lost)}"
    mend = None if engine is None or not away else partial(_bring_back, places, settings, away, engine)
    return fail("etcd", fact, _way_out(places, settings, away, lost), mend)


def _way_out(places: Places, settings: Settings, away: list[str], lost: list[int]) -> str:
    """Return what to do about members that are away or lack their data; nobody is to end one that answers."""
    fix, count = simplecloud(places, "doctor --fix"), len(settings.etcd_endpoints)
    if not away and len(lost) == count:
        return f"{simplecloud(places, 'backup FILE')}    (within half a minute, before they end)"
    if not away:
        return f"{fix}    (in half a minute, when they have ended)"
    if lost and len(away) == count:
        return f"{fix}    (put the data back before; else: restore FILE, or adopt -y)"
    return fix


def _bring_back(places: Places, settings: Settings, away: list[str], engine: DockerEngine) -> str:
    """The members that were away answer, or had time to begin. Raises EngineError, StoreUnavailable.

    One that does not get so with its data, while others do, is given theirs.
    """
    begun = bring_back(places, settings, away, engine)
    still = _away(_members(places, settings, MEMBERS_S))
    renewed = renew(places, settings, still, engine)
    if renewed:
        _members(places, settings, MEMBERS_S)
    return sentences(begun, renewed)


def _away(members: Iterable[Member]) -> list[str]:
    return [member.endpoint for member in members if not member.healthy]


def _alarms(places: Places, settings: Settings) -> Finding:
    """Return whether etcd takes writes, as the first member that answers knows it."""
    tls = parts.tls_of(places, settings)
    for endpoint in settings.etcd_endpoints:
        try:
            raised = alarms(endpoint, tls)
        except StoreUnavailable:
            continue
        return alarm_finding(places, settings, raised)
    return fail("etcd alarms", "no member tells", simplecloud(places, "doctor --fix"))


def alarm_finding(places: Places, settings: Settings, raised: list[Alarm]) -> Finding:
    told = complaint(raised)
    if told is None:
        return ok("etcd alarms", "none")
    words, command = told
    fix = simplecloud(places, command)
    if any(alarm.kind != "NOSPACE" for alarm in raised):
        return fail("etcd alarms", words, fix)
    return fail("etcd alarms", words, fix, partial(_take_back, places, settings, raised))


def _take_back(places: Places, settings: Settings, raised: list[Alarm]) -> str:
    """Every member has room and the alarms are gone. Raises StoreUnavailable."""
    tls = parts.tls_of(places, settings)
    for endpoint in settings.etcd_endpoints:
        make_room(endpoint, tls)
    for alarm in raised:
        disarm(settings.etcd_endpoints[0], alarm, tls)
    return "etcd compacted and defragmented, its alarms taken back"


def proxy(places: Places, settings: Settings, engine: DockerEngine | None, *, answers: bool) -> Finding:
    if answers:
        return ok("proxy", f"{settings.proxy_url} serves its own route")
    fact = f"{settings.proxy_url} does not serve its own route"
    mend = None if engine is None else partial(_restart_proxy, places, settings, engine)
    return fail("proxy", fact, simplecloud(places, "doctor --fix"), mend)


def network(places: Places, *, intact: bool | None) -> Iterator[Finding]:
    """Yield whether workers are shut in and reached; None: there is nobody who knows."""
    if intact:
        yield ok("network", "bridge and rules are intact")
    elif intact is not None:
        fact, fix = "bridge or rules are not known to be intact", simplecloud(places, "net --repair")
        yield fail("network", fact, fix, partial(repair_network, places))


def _restart_proxy(places: Places, settings: Settings, engine: DockerEngine) -> str:
    order = parts.proxy_order(places, settings)
    engine.parts.start(order)
    engine.parts.restart(order.name)
    return f"restarted {order.name}"


def listening(places: Places, settings: Settings, there: Mapping[str, Part], *, running: bool) -> Finding:
    """Return whether the cloud's ports are its own parts', or free while it is down."""
    wanted = _wanted_ports(places, settings)
    busy = [port for port in wanted if not ports.is_free(_address(settings, port), port)]
    pids = ports.listeners_on(busy)
    own = {port: there[name].pid for port, name in wanted.items() if name in there}
    foreign = [port for port in busy if pids.get(port) != own.get(port, pids.get(port) if running else None)]
    span = f"{settings.http_port} and {settings.tcp_first}-{settings.tcp_last}"
    if not foreign:
        return ok("ports", f"{span} are {'its own' if running else 'free'}")
    port = foreign[0]
    fix = f"kill {pids[port]}" if port in pids else f"ss -ltnp 'sport = :{port}'"
    return fail("ports", f"port {port} is in use by {ports.owner_of(port)}", fix)


def _wanted_ports(places: Places, settings: Settings) -> dict[int, str]:
    """Return the part that each port of the cloud is for."""
    proxy_name = parts.part_name(places.cloud, "proxy")
    wanted = dict.fromkeys((settings.http_port, *settings.tcp_ports, settings.proxy_api_port), proxy_name)
    for order, pair in zip(parts.etcd_orders(places, settings), settings.etcd_ports, strict=True):
        wanted |= dict.fromkeys(pair, order.name)
    return wanted


def _address(settings: Settings, port: int) -> str:
    return "127.0.0.1" if port in settings.private_ports else settings.bind


def subnet(own: IPv4Network, taken: list[IPv4Network], *, running: bool) -> Finding:
    """Return whether another network of this host overlaps the workers'."""
    others = {network for network in taken if network.overlaps(own) and not _is_own(network, own, running)}
    if not others:
        return ok("subnet", f"{own} overlaps no other network of this machine")
    listed = ", ".join(str(network) for network in sorted(others))
    return warn("subnet", f"{own} overlaps {listed}", f"ip -4 route show to root {own}")


def _is_own(network: IPv4Network, own: IPv4Network, running: bool) -> bool:
    """Return whether it is the bridge's: the subnet, or a route of the kernel's to gateway or broadcast."""
    return running and (network == own or (network.prefixlen == 32 and network.subnet_of(own)))
