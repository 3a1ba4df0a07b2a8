"""The settings of a cloud at its first `up`: what was asked for, else what is free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from manager.api.addresses import bounds_of, ipv4
from manager.api.cite import cited
from manager.api.errors import CloudError, UsageError
from manager.api.places import DEFAULT_CLOUD, Places
from manager.host import ports
from manager.host.docker_host import VARIABLE
from manager.host.dockerd import SOCKET
from manager.host.external_etcd import Etcd
from manager.host.recall import recall
from manager.host.remains import is_there
from manager.host.settings import Settings, load
from netsetup.addresses import check_subnet, free_subnet
from netsetup.errors import NetworkError
from netsetup.network import taken_networks

HTTP_PORT, TCP_FIRST, TCP_BLOCK = 8080, 9000, 16
INTERNAL_PORTS = range(23000, 23900)  # etcd's and the proxy API's, on loopback
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator asked for at `up`; None where nothing was said."""

    http_port: int | None = None
    tcp_ports: str | None = None
    bind: str | None = None
    subnet: str | None = None
    etcd_members: int | None = None
    etcd: Etcd | None = None
    systemd: bool = False
    docker: Path | None = None


def settings_for(places: Places, asked: Asked) -> Settings:
    """Return the remembered settings, or new ones for a cloud of which nothing is there.

    Of remembered ones the port for http alone may be changed, while the cloud is down.
    Raises UsageError for what cannot be had or changed, and what `recall` does.
    """
    if asked.etcd is not None and asked.etcd_members is not None:
        raise UsageError(
            "--etcd and --etcd-members exclude each other", hint="simplecloud up --etcd-members 3"
        )
    known = recall(places)
    if known is None:
        return _chosen(places, asked)
    if asked.http_port not in (None, known.http_port):
        known = _moved(places, known, asked.http_port)
    require_same(known, asked)
    return known


def _moved(places: Places, known: Settings, http_port: int) -> Settings:
    """Return the settings with another port for http, which nothing that is kept depends on."""
    if is_there(places):
        raise UsageError(
            f"this cloud runs with --http-port {known.http_port}",
            hint=f"simplecloud down    (then up --http-port {http_port})",
        )
    taken = {settings.http_port: cloud for cloud, settings in _other_settings(places)}
    taken |= dict.fromkeys(known.private_ports, places.cloud)
    _require_port(known.bind, http_port, "--http-port", taken)
    _require_apart(http_port, known.tcp_ports)
    return replace(known, http_port=http_port)


def require_same(known: Settings, asked: Asked) -> None:
    """Raise UsageError when the operator asks for other settings than the cloud was made with."""
    remembered = {
        "--http-port": (asked.http_port, known.http_port),
        "--tcp-ports": (asked.tcp_ports, f"{known.tcp_first}-{known.tcp_last}"),
        "--bind": (asked.bind, known.bind),
        "--subnet": (asked.subnet, known.subnet),
        "--etcd-members": (asked.etcd_members, len(known.etcd_ports)),
        "--etcd": (asked.etcd and ",".join(asked.etcd.endpoints), ",".join(known.own_etcd)),
        VARIABLE: (asked.docker, Path(known.docker)),
    }
    for option, (now, then) in remembered.items():
        if now not in (None, then):
            made = f"with {option} {then}" if then else f"without {option}"
            again = f"unset {VARIABLE}" if option == VARIABLE else "simplecloud up"
            raise UsageError(
                f"this cloud was made {made}, and that is kept",
                hint=f"{again}    (down --purge would forget it, with all state)",
            )


def _chosen(places: Places, asked: Asked) -> Settings:
    """Return settings that meet none of this machine's other clouds, networks and programs."""
    claimed = dict(_other_settings(places))
    require_own_tag(places, claimed)
    bind = _bind(asked.bind or LOOPBACK)
    tcp_first, tcp_last = _tcp_block(places, asked.tcp_ports, bind, claimed)
    tcp_ports = range(tcp_first, tcp_last + 1)
    http_port = _http_port(places, asked.http_port, bind, tcp_ports, claimed)
    _require_apart(http_port, tcp_ports)
    members = 0 if asked.etcd else asked.etcd_members or 3
    api, *etcd = _internal_ports(1 + 2 * members, claimed, {http_port, *tcp_ports})
    return Settings(
        http_port=http_port,
        tcp_first=tcp_first,
        tcp_last=tcp_last,
        proxy_api_port=api,
        etcd_ports=tuple(zip(etcd[::2], etcd[1::2], strict=True)),
        subnet=_subnet(asked.subnet, claimed),
        bind=bind,
        own_etcd=asked.etcd.endpoints if asked.etcd else (),
        own_etcd_files=tuple(asked.etcd.files) if asked.etcd else (),
        docker=str(asked.docker or SOCKET),
    )


def require_own_tag(places: Places, others: Iterable[str]) -> None:
    """Raise UsageError where another cloud has the same mark on links and rules, as one in 65,536 has."""
    for other in others:
        if Places(other).tag == places.tag:
            raise UsageError(
                f"the cloud {cited(places.cloud)} would mark its links and rules as {cited(other)} does",
                hint=f"simplecloud --cloud {places.cloud}-2 up    (or another name)",
            )


def _other_settings(places: Places) -> Iterator[tuple[str, Settings]]:
    """Yield name and settings of the other clouds on this machine, up or down."""
    for directory in places.state.parent.glob("*/"):
        if directory.name != places.cloud:
            try:
                known = load(Places(directory.name))
            except CloudError:
                continue  # its own `up` will tell
            if known is not None:
                yield directory.name, known


def _bind(text: str) -> str:
    address = ipv4(text)
    if not ports.is_ours(address):
        raise UsageError(
            f"--bind: {address} is no address of this machine", hint="simplecloud up --bind 127.0.0.1"
        )
    return address


def _http_port(
    places: Places, asked: int | None, bind: str, tcp_ports: range, claimed: Mapping[str, Settings]
) -> int:
    taken = {settings.http_port: cloud for cloud, settings in claimed.items()}
    if asked is not None or places.cloud == DEFAULT_CLOUD:
        port = asked or HTTP_PORT
        _require_port(bind, port, "--http-port", taken)
        return port
    free = free_http_port(places, bind, tcp_ports)
    if free is None:
        raise UsageError(
            f"no port from {HTTP_PORT + 1} is free for http", hint="simplecloud up --http-port 18080"
        )
    return free


def free_http_port(places: Places, bind: str, tcp_ports: range) -> int | None:
    """Return a port for http that no program, no other cloud and no tcp app may have, or None."""
    taken = {*tcp_ports, *(settings.http_port for _, settings in _other_settings(places))}
    return ports.first_free(bind, (p for p in range(HTTP_PORT + 1, HTTP_PORT + 900) if p not in taken))


def _require_apart(http_port: int, tcp_ports: range) -> None:
    if http_port in tcp_ports:
        raise UsageError(
            f"port {http_port} is both --http-port and one of --tcp-ports",
            hint=f"simplecloud up --http-port {HTTP_PORT}",
        )


def _require_port(bind: str, port: int, option: str, taken: Mapping[int, str]) -> None:
    hint = f"simplecloud up {option} {_next(option, port)}"
    if port in taken:
        raise UsageError(f"port {port} belongs to the cloud {cited(taken[port])}", hint=hint)
    if not ports.is_free(bind, port):
        raise UsageError(f"port {port} is in use by {ports.owner_of(port)}", hint=hint)


def _next(option: str, port: int) -> str:
    """Return what may be given to the option instead."""
    first = port + 1000
    return f"{first}" if option == "--http-port" else f"{first}-{first + TCP_BLOCK - 1}"


def _tcp_block(
    places: Places, asked: str | None, bind: str, claimed: Mapping[str, Settings]
) -> tuple[int, int]:
    taken = {port: cloud for cloud, settings in claimed.items() for port in settings.tcp_ports}
    if asked is not None or places.cloud == DEFAULT_CLOUD:
        first, last = bounds_of(asked) if asked else (TCP_FIRST, TCP_FIRST + TCP_BLOCK - 1)
        for port in range(first, last + 1):
            _require_port(bind, port, "--tcp-ports", taken)
        return first, last
    starts = range(TCP_FIRST + TCP_BLOCK, TCP_FIRST + 100 * TCP_BLOCK, TCP_BLOCK)
    free = (start for start in starts if taken.keys().isdisjoint(range(start, start + TCP_BLOCK)))
    first_free = ports.first_free(bind, free, TCP_BLOCK)
    if first_free is None:
        raise UsageError(
            f"no {TCP_BLOCK} ports in a row are free for tcp apps",
            hint="simplecloud up --tcp-ports 19000-19015",
        )
    return first_free, first_free + TCP_BLOCK - 1


def _internal_ports(count: int, claimed: Mapping[str, Settings], own: set[int]) -> list[int]:
    taken = own | {port for settings in claimed.values() for port in settings.private_ports}
    free = [port for port in INTERNAL_PORTS if port not in taken and ports.is_free(LOOPBACK, port)]
    if len(free) < count:
        raise UsageError(
            f"fewer than {count} ports from {INTERNAL_PORTS[0]} are free", hint="simplecloud doctor"
        )
    return free[:count]


def _subnet(asked: str | None, claimed: Mapping[str, Settings]) -> str:
    taken = [*taken_networks(), *(settings.network for settings in claimed.values())]
    try:
        return str(free_subnet(taken) if asked is None else check_subnet(asked, taken))
    except NetworkError as error:
        raise UsageError(f"--subnet: {error}", hint=error.hint) from None
