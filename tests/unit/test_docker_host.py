"""Which Docker a cloud is on."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.errors import UsageError
from manager.host.choose import Asked, require_same
from manager.host.docker_host import VARIABLE, asked_socket
from manager.host.settings import Settings

KNOWN = Settings(
    http_port=8080,
    tcp_first=9000,
    tcp_last=9015,
    proxy_api_port=23000,
    etcd_ports=((23001, 23002),),
    subnet="10.200.0.0/22",
)


@pytest.mark.parametrize(
    ("address", "socket"), [("", None), ("unix:///run/other.sock", Path("/run/other.sock"))]
)
def test_a_unix_socket_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, address: str, socket: Path | None
) -> None:
    monkeypatch.setenv(VARIABLE, address)

    assert asked_socket() == socket


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:2375", "ssh://host", "/run/docker.sock", "unix://d.sock"]
)
def test_a_docker_of_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(VARIABLE, address)

    with pytest.raises(UsageError, match="this machine"):
        asked_socket()


def test_a_cloud_stays_on_the_docker_that_it_was_made_on() -> None:
    require_same(KNOWN, Asked(docker=None))
    require_same(KNOWN, Asked(docker=Path("/var/run/docker.sock")))

    with pytest.raises(UsageError, match="made with DOCKER_HOST /var/run/docker"):
        require_same(KNOWN, Asked(docker=Path("/run/other.sock")))
