"""Who has a port, and where a worker's program listens, is read from the kernel's own lists."""

from __future__ import annotations

import os
import re
import socket
from contextlib import closing
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.host import ports
from manager.host.settings import Settings
from manager.host.up import require_free
from manager.observe.listeners import LONGEST_S, Ports, address_of, has_address, listeners

SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), "10.200.0.0/22")


def test_the_owner_of_a_port_is_told_by_name_and_process() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]

        assert ports.listeners_on([port]) == {port: os.getpid()}
        assert ports.owner_of(port).endswith(f"(process {os.getpid()})")
        assert not ports.is_free("127.0.0.1", port)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (("http_port",), " (--http-port)"),
        (("tcp_first", "tcp_last"), " (--tcp-ports)"),
        (("proxy_api_port",), ""),
    ],
)
def test_a_port_of_the_cloud_that_another_has_is_told_with_its_owner_and_option(
    fields: tuple[str, ...], named: str
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        settings = replace(SETTINGS, **dict.fromkeys(fields, port))

        with pytest.raises(SetupFailed, match=rf"\(process {os.getpid()}\)") as refused:
            require_free(Places("nowhere"), settings, "127.0.0.1", port)

    assert refused.value.message.startswith(f"port {port}{named}, which this cloud has, is in use by ")


def test_a_port_for_http_that_another_has_comes_with_one_to_take_that_no_tcp_app_may_have() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        settings = replace(SETTINGS, http_port=port, tcp_first=8081, tcp_last=8500)

        with pytest.raises(SetupFailed) as refused:
            require_free(Places("nowhere"), settings, "127.0.0.1", port)

    found = re.match(r"simplecloud up --http-port (\d+) ", refused.value.hint)
    assert found is not None
    assert int(found[1]) > 8500


def test_a_port_that_nobody_has_has_no_owner() -> None:
    with socket.socket() as bound:  # so that nobody else listens on it
        bound.bind(("127.0.0.1", 0))

        assert ports.listeners_on([bound.getsockname()[1]]) == {}


def test_an_address_of_another_machine_is_not_ours() -> None:
    assert ports.is_ours("127.0.0.1")
    assert ports.is_ours("0.0.0.0")
    assert not ports.is_ours("192.0.2.77")


def test_a_program_is_found_with_the_address_it_listens_on() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]

        assert listeners(os.getpid())[port] == {IPv4Address("127.0.0.1")}


def test_a_process_that_is_gone_listens_nowhere() -> None:
    assert listeners(2**22 + 1) == {}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F", IPv4Address("127.0.0.1")),
        ("020CC80A", IPv4Address("10.200.12.2")),
        ("00000000000000000000000000000000", IPv6Address("::")),
        ("00000000000000000000000001000000", IPv6Address("::1")),
    ],
)
def test_the_kernel_s_hex_is_an_address(text: str, address: IPv4Address | IPv6Address) -> None:
    assert address_of(text) == address


def test_a_namespace_has_its_own_addresses_only() -> None:
    assert has_address(os.getpid(), IPv4Address("127.0.0.1"))
    assert not has_address(os.getpid(), IPv4Address("192.0.2.77"))


def test_a_process_is_looked_at_ever_more_seldom_and_never_forgotten() -> None:
    now, looked_at = 0.0, []

    def look(_: int) -> set[int]:
        looked_at.append(now)
        return {8000, 9000} if now >= 5 else set()

    seen = Ports(clock=lambda: now, look=look)
    found = {}
    for second in range(int(3 * LONGEST_S)):
        now = float(second)
        found[second] = seen.of([7])

    assert looked_at == [0, 1, 2, 4, 8, 16, 32, 64, 124]
    assert (found[7], found[8], found[170]) == ({}, {7: 8000}, {7: 8000})


def test_a_process_of_which_nobody_asks_is_looked_at_anew_afterwards() -> None:
    looked: list[int] = []

    def look(pid: int) -> set[int]:
        looked.append(pid)
        return set()

    seen = Ports(clock=lambda: 5.0, look=look)
    for pids in ([7], [], [7]):
        seen.of(pids)

    assert looked == [7, 7]
