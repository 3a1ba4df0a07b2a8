"""A cloud on an etcd of the operator's own: three members that ask every client for a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.etcd_server import EtcdServers, etcd_servers
from tests.real.certificates import Authority
from tests.real.cloud import (
    SERVER,
    Cloud,
    docker_by_hand,
    eventually,
    failings_of,
    named_cloud,
    traces,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[EtcdServers]:
    certificate, key = authority.issue("server")
    trusted = ("--client-cert-auth", "--trusted-ca-file", authority.certificate)
    directory = tmp_path_factory.mktemp("etcd")
    with etcd_servers(3, directory, "--cert-file", certificate, "--key-file", key, *trusted) as servers:
        yield servers


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with named_cloud(tmp_path) as cloud:
        yield cloud


def etcd_options(servers: EtcdServers, authority: Authority, *, client: str = "client") -> tuple[str, ...]:
    """Return the options of an `up` that the etcd lets in; without a client, it does not."""
    where = ",".join(f"https://{endpoint}" for endpoint in servers.endpoints)
    options = ("--etcd", where, "--etcd-ca", authority.certificate)
    if not client:
        return options
    certificate, key = authority.issue(client)
    return (*options, "--etcd-cert", certificate, "--etcd-key", key)


def test_a_cloud_works_on_an_etcd_of_the_operators_own(
    cloud: Cloud, servers: EtcdServers, authority: Authority
) -> None:
    cloud.ok("up", *etcd_options(servers, authority))
    cloud.ok("run", "-n", "2", "-p", "8000", "web", SERVER)

    members = cloud.status()["etcd"]["members"]
    with docker_by_hand() as client:
        label = {"label": [f"simplecloud.cloud={cloud.name}", "simplecloud.part=etcd"]}
        embedded = client.containers(all=True, filters=label)

    assert cloud.get("web").status == 200
    assert [member["endpoint"] for member in members] == servers.endpoints
    assert embedded == []
    told = cloud.run("doctor", "-o", "json")
    assert failings_of(cloud, told) == []
    assert "is an etcd of your own" not in told.stdout
    assert "uses an etcd of your own" in cloud.run("crash", "etcd", "-y").stderr


def test_its_files_are_copied_for_root_alone_and_remembered(
    cloud: Cloud, servers: EtcdServers, authority: Authority
) -> None:
    cloud.ok("up", *etcd_options(servers, authority, client="passing"))
    for name in ("passing.pem", "passing.key"):
        (authority.directory / name).unlink()
    cloud.ok("run", "-p", "8000", "web", SERVER)
    cloud.ok("down")

    cloud.ok("up")
    eventually(lambda: cloud.is_ready("web", 1), within_s=20)

    copies = sorted(cloud.places.state.glob("etcd-*.pem"))
    assert [copy.name for copy in copies] == ["etcd-ca.pem", "etcd-cert.pem", "etcd-key.pem"]
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}
    eventually(lambda: cloud.serves("web"), within_s=10, what="an answer of the app")


def test_purging_takes_the_keys_out_of_an_etcd_that_stays(
    cloud: Cloud, servers: EtcdServers, authority: Authority
) -> None:
    cloud.ok("up", *etcd_options(servers, authority))
    cloud.ok("run", "-d", "sleeper", "sleep", "1000")
    with cloud.store() as store:
        assert store.read("").entries
        cloud.ok("down", "--purge", "-y")

        assert store.read("").entries == {}


@pytest.mark.parametrize(
    ("client", "message"),
    [("", "asks for a certificate"), ("stranger", "does not accept")],
)
def test_an_etcd_that_does_not_let_us_in_is_told_and_nothing_is_begun(
    refused_one: Cloud, servers: EtcdServers, authority: Authority, tmp_path: Path, client: str, message: str
) -> None:
    options = etcd_options(servers, authority, client="")
    if client:
        certificate, key = Authority.founded(tmp_path / "others").issue(client)
        options = (*options, "--etcd-cert", certificate, "--etcd-key", key)

    refused = refused_one.run("up", *options)

    assert refused.code == 1
    assert message in refused.stderr
    assert traces(refused_one) == []


def test_a_wrong_authority_is_told(
    refused_one: Cloud, servers: EtcdServers, authority: Authority, tmp_path: Path
) -> None:
    others = Authority.founded(tmp_path / "others")
    certificate, key = authority.issue("client")
    where = f"https://{servers.endpoints[0]}"

    refused = refused_one.run(
        "up", "--etcd", where, "--etcd-ca", others.certificate, "--etcd-cert", certificate, "--etcd-key", key
    )

    assert refused.code == 1
    assert f"is not one that {others.certificate} vouches for" in refused.stderr


def test_plain_http_to_it_is_told(refused_one: Cloud, servers: EtcdServers) -> None:
    refused = refused_one.run("up", "--etcd", f"http://{servers.endpoints[0]}")

    assert refused.code == 1
    assert "wants https://" in refused.stderr


def test_a_key_of_another_certificate_is_told(
    refused_one: Cloud, servers: EtcdServers, authority: Authority
) -> None:
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")
    where = f"https://{servers.endpoints[0]}"

    refused = refused_one.run(
        "up",
        "--etcd",
        where,
        "--etcd-ca",
        authority.certificate,
        "--etcd-cert",
        certificate,
        "--etcd-key",
        key,
    )

    assert refused.code == 1
    assert f"{key} is not the key of {certificate}" in refused.stderr
