"""Names and addresses of a cloud's network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsetup.addresses import (
    allocate,
    bridge_name,
    check_subnet,
    cloud_mark,
    free_subnet,
    gateway_of,
    mac_of,
    port_name,
    port_prefix,
)
from netsetup.errors import NetworkError

SMALL = IPv4Network("10.9.0.0/29")  # workers: .2 to .6


def test_every_name_fits_into_what_the_kernel_allows() -> None:
    assert len(port_name("12ab", "a-very-long-app-name.120.12")) == 15
    assert bridge_name("12ab") == "sc12abbr"


def test_a_port_keeps_its_name_and_two_keys_have_two() -> None:
    assert port_name("12ab", "web.1") == port_name("12ab", "web.1")
    assert port_name("12ab", "web.1") != port_name("12ab", "web.2")


def test_no_bridge_is_taken_for_a_port() -> None:
    assert not bridge_name("12ab").startswith(port_prefix("12ab"))


def test_two_clouds_have_two_marks() -> None:
    assert cloud_mark("12ab") != cloud_mark("12ac")


def test_a_mac_follows_from_the_address_and_is_local_and_unicast() -> None:
    mac = mac_of(IPv4Address("10.200.1.255"))

    assert mac == "02:42:0a:c8:01:ff"
    assert int(mac[:2], 16) & 0b11 == 0b10


def test_the_gateway_is_the_first_host() -> None:
    assert gateway_of(IPv4Network("10.200.4.0/22")) == IPv4Address("10.200.4.1")


def test_the_first_worker_comes_after_the_gateway() -> None:
    assert allocate(SMALL, set()) == IPv4Address("10.9.0.2")


def test_a_lower_address_that_was_given_back_rests_while_there_are_others() -> None:
    used = {IPv4Address("10.9.0.3"), IPv4Address("10.9.0.4")}

    assert allocate(SMALL, used) == IPv4Address("10.9.0.5")


def test_allocation_wraps_when_the_highest_address_is_used() -> None:
    used = {IPv4Address("10.9.0.2"), IPv4Address("10.9.0.6")}

    assert allocate(SMALL, used) == IPv4Address("10.9.0.3")


def test_a_full_subnet_is_an_error_that_names_it() -> None:
    used = {IPv4Address(f"10.9.0.{last}") for last in range(2, 7)}

    with pytest.raises(NetworkError, match=r"every address of 10\.9\.0\.0/29 is used \(5\)"):
        allocate(SMALL, used)


@given(st.sets(st.integers(2, 6), max_size=4))
def test_an_allocated_address_is_a_free_host_of_the_subnet(last_octets: set[int]) -> None:
    used = {IPv4Address(f"10.9.0.{last}") for last in last_octets}

    address = allocate(SMALL, used)

    assert address not in used
    assert address in set(SMALL.hosts()) - {gateway_of(SMALL)}


def test_an_address_of_another_subnet_takes_nothing_from_this_one() -> None:
    assert allocate(SMALL, {IPv4Address("10.9.1.6")}) == IPv4Address("10.9.0.2")


def test_the_first_free_subnet_overlaps_nothing_taken() -> None:
    taken = [IPv4Network("10.200.0.0/24"), IPv4Network("10.200.4.0/22"), IPv4Network("10.200.9.0/24")]

    assert free_subnet(taken) == IPv4Network("10.200.12.0/22")


def test_a_machine_whose_vpn_takes_all_of_10_gets_another_private_subnet() -> None:
    assert free_subnet([IPv4Network("10.0.0.0/8")]) == IPv4Network("172.16.0.0/22")


def test_a_machine_whose_routes_take_all_has_no_free_subnet() -> None:
    taken = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]

    with pytest.raises(NetworkError, match="no subnet"):
        free_subnet(map(IPv4Network, taken))


def test_a_private_subnet_that_is_free_is_taken_as_asked() -> None:
    assert check_subnet("172.30.0.0/24", [IPv4Network("172.17.0.0/16")]) == IPv4Network("172.30.0.0/24")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("banana", "not an IPv4 network"),
        ("10.0.0.1/24", "not an IPv4 network"),
        ("fd00::/64", "not an IPv4 network"),
        ("8.8.8.0/24", "not a private network"),
        ("127.0.0.0/24", "not a private network"),
        ("10.0.0.0/8", "not between /16 and /29"),
        ("10.0.0.0/30", "not between /16 and /29"),
        ("172.17.4.0/24", r"overlaps 172\.17\.0\.0/16"),
    ],
)
def test_a_subnet_that_cannot_work_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(NetworkError, match=reason):
        check_subnet(text, [IPv4Network("172.17.0.0/16")])


@pytest.mark.parametrize("text", ["10.200.0.0/33", "8.8.8.0/24", "10.0.0.0/8", "10.200.0.0/24"])
def test_instead_of_a_subnet_that_is_refused_a_free_one_is_offered(text: str) -> None:
    with pytest.raises(NetworkError) as refusal:
        check_subnet(text, [IPv4Network("10.200.0.0/22")])

    assert refusal.value.hint == "simplecloud up --subnet 10.200.4.0/22"
