"""The cloud's own machinery as containers: etcd's members and the proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from balancer.proxy import EtcdTls, static_arguments
from manager.api.places import Places
from manager.engine.orders import FileMount, PartOrder
from manager.host.external_etcd import kept_file
from manager.host.settings import Settings, text_of
from manager.state.records import PROXY
from manager.store import DEFAULT_MAX_OPS, EtcdStore, Tls

ETCD_IMAGE, PROXY_IMAGE = "simplecloud/etcd", "simplecloud/proxy"
SETTINGS_LABEL = "simplecloud.settings"  # of each part: where their file is lost, they are read from it
ETCD_MAX_OPS = 10_000  # a change of many routes is one transaction
ETCD_QUOTA_BYTES = 2**30
# Fine around the objectives that people set, so that a p95 is told within some 20 %.
LATENCY_BUCKETS_S = (
    0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2.5, 5, 10,
)  # fmt: skip
HISTORY = "10000"  # revisions that etcd keeps behind the newest; nothing here reads the past
HEARTBEAT_MS = 200  # the longest that etcd takes beside elections after 1 s


def store_root(cloud: str) -> str:
    """Return the prefix of all keys of a cloud; several clouds may share an etcd.

    No slash leads it: the proxy's etcd client would cut that off and find nothing.
    """
    return f"simplecloud/{cloud}/"


def store_of(places: Places, settings: Settings) -> EtcdStore:
    """Return the cloud's store; its owner closes it."""
    max_ops = DEFAULT_MAX_OPS if settings.own_etcd else ETCD_MAX_OPS
    tls = tls_of(places, settings)
    return EtcdStore(settings.etcd_endpoints, store_root(places.cloud), tls=tls, max_ops=max_ops)


def tls_of(places: Places, settings: Settings) -> Tls | None:
    """Return the files that an etcd of the operator's own is reached with, None where it needs none."""
    files = {pem: str(kept_file(places.state, pem)) for pem in settings.own_etcd_files}
    return Tls(**files) if files else None


def part_name(cloud: str, part: str, number: int | None = None) -> str:
    """Return the container's name of a part; no app can be called etcd or proxy."""
    return f"sc_{cloud}_{part}" + (f"_{number}" if number is not None else "")


def rules_mark(places: Places) -> Path:
    """Return the file that is there, in memory, from when the cloud's rules were loaded until the next boot.

    Every part has it mounted: Docker, which starts parts after a boot, cannot do so before somebody has seen
    to the rules that shut everybody but root out of them.
    """
    return places.run / "rules"


def _mark(places: Places) -> FileMount:
    return FileMount(str(rules_mark(places)), "/run/rules")


def etcd_orders(
    places: Places, settings: Settings, state: Literal["new", "existing"] = "new"
) -> list[PartOrder]:
    """Return the containers of the embedded etcd's members.

    state: of the cluster that a member belongs to whose data directory is empty; who has data does not ask.
    """
    members = {f"etcd{n}": ports for n, ports in enumerate(settings.etcd_ports, start=1)}
    peers = ",".join(f"{name}=http://127.0.0.1:{peer}" for name, (_, peer) in members.items())
    return [
        PartOrder(
            name=part_name(places.cloud, "etcd", number),
            part="etcd",
            image=ETCD_IMAGE,
            command=_etcd_arguments(name, ports, peers, places.cloud, state),
            mounts=(FileMount(str(places.state / name), "/data", writable=True), _mark(places)),
            labels={SETTINGS_LABEL: text_of(settings)},
        )
        for number, (name, ports) in enumerate(members.items(), start=1)
    ]


def _etcd_arguments(name: str, ports: tuple[int, int], peers: str, cloud: str, state: str) -> tuple[str, ...]:
    client, peer = (f"http://127.0.0.1:{port}" for port in ports)
    return (
        f"--name={name}",
        "--data-dir=/data",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={peers}",
        f"--initial-cluster-token=simplecloud-{cloud}",
        f"--initial-cluster-state={state}",
        f"--heartbeat-interval={HEARTBEAT_MS}",
        f"--max-txn-ops={ETCD_MAX_OPS}",
        f"--quota-backend-bytes={ETCD_QUOTA_BYTES}",
        "--auto-compaction-mode=revision",
        f"--auto-compaction-retention={HISTORY}",
        "--log-level=warn",
    )


def proxy_order(places: Places, settings: Settings) -> PartOrder:
    """Return the proxy's container: its routes come from etcd, its entry points are fixed at its start."""
    files = settings.own_etcd_files
    return PartOrder(
        name=part_name(places.cloud, "proxy"),
        part="proxy",
        image=PROXY_IMAGE,
        command=static_arguments(
            root_key=(store_root(places.cloud) + PROXY).rstrip("/"),
            etcd_endpoints=settings.etcd_endpoints,
            http_bind=f"{settings.bind}:{settings.http_port}",
            tcp_binds={f"tcp{port}": f"{settings.bind}:{port}" for port in settings.tcp_ports},
            api_bind=f"127.0.0.1:{settings.proxy_api_port}",
            buckets_s=LATENCY_BUCKETS_S,
            etcd_tls=EtcdTls(**{pem: f"/etcd/{pem}.pem" for pem in files}) if files else None,
        ),
        mounts=(
            *(FileMount(str(kept_file(places.state, pem)), f"/etcd/{pem}.pem") for pem in files),
            _mark(places),
        ),
        labels={SETTINGS_LABEL: text_of(settings)},
    )


def orders(places: Places, settings: Settings) -> list[PartOrder]:
    """Return every part of the cloud, in the order in which they start."""
    return [*etcd_orders(places, settings), proxy_order(places, settings)]
