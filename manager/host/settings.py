"""What was decided for a cloud at its first `up` and is remembered: ports, subnet, members."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.host.dockerd import SOCKET
from manager.host.external_etcd import Pem
from manager.host.files import write_whole

FILE = "cloud.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one cloud.

    etcd_ports: client and peer port of each embedded member.  own_etcd: `host:port` of the members of the
    operator's own etcd, and then nothing is embedded; own_etcd_files: which of ca, cert and key it needs.
    docker: the path of the socket where the Docker answers that runs its containers.
    """

    http_port: int
    tcp_first: int
    tcp_last: int
    proxy_api_port: int
    etcd_ports: tuple[tuple[int, int], ...]
    subnet: str
    bind: str = "127.0.0.1"
    own_etcd: tuple[str, ...] = ()
    own_etcd_files: tuple[Pem, ...] = ()
    docker: str = str(SOCKET)

    @property
    def network(self) -> IPv4Network:
        return IPv4Network(self.subnet)

    @property
    def tcp_ports(self) -> range:
        return range(self.tcp_first, self.tcp_last + 1)

    @property
    def etcd_endpoints(self) -> tuple[str, ...]:
        return self.own_etcd or tuple(f"127.0.0.1:{client}" for client, _ in self.etcd_ports)

    @property
    def private_ports(self) -> tuple[int, ...]:
        """Ports on loopback that only root may reach: etcd's and the proxy's API."""
        return (self.proxy_api_port, *(port for pair in self.etcd_ports for port in pair))

    @property
    def proxy_url(self) -> str:
        return f"http://{self.bind}:{self.http_port}"


def load(places: Places) -> Settings | None:
    """Return the remembered settings, or None before the first `up`; raises SetupFailed when unreadable."""
    file = places.state / FILE
    try:
        return settings_in(file.read_text())
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise SetupFailed(
            f"cannot read {file}: {error}",
            hint=f"cat {file}    (mend it; simplecloud down --purge forgets it, with all state)",
        ) from error


def settings_in(text: str) -> Settings:
    """Return what `text_of` wrote; raises ValueError, TypeError or KeyError for anything else."""
    plain = dict(json.loads(text))
    ports = tuple((int(client), int(peer)) for client, peer in plain.pop("etcd_ports"))
    plain |= {name: tuple(plain.get(name, ())) for name in ("own_etcd", "own_etcd_files")}
    return Settings(etcd_ports=ports, **plain)


def text_of(settings: Settings, *, indent: int | None = None) -> str:
    return json.dumps(asdict(settings), indent=indent)


def save(places: Places, settings: Settings) -> None:
    """Remember the settings; the file is whole or absent, whenever the machine dies."""
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(places.state / FILE, f"{text_of(settings, indent=1)}\n".encode())
