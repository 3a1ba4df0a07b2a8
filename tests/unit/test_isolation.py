"""The rules of a cloud as text and elements; what they do to packets is in tests/real/test_netsetup.py."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from netsetup.isolation import Element, bound_ports, changes, elements_of, removal, ruleset, shape
from netsetup.port import Port

SUBNET = IPv4Network("10.231.0.0/22")
RULES = ruleset("12ab", SUBNET, [2380, 2379])
WEB = Port("sc12abw00000001", IPv4Address("10.231.0.2"), group=7, reaches=frozenset({8, 9}))
API = Port("sc12abw00000002", IPv4Address("10.231.0.3"), group=8, egress=True)

ports = st.builds(
    Port,
    name=st.integers(0, 2**32 - 1).map("sc12abw{:08x}".format),
    address=st.sampled_from(list(SUBNET.hosts())),
    group=st.integers(1, 2**31),
    reaches=st.frozensets(st.integers(1, 2**31), max_size=3),
    egress=st.booleans(),
)


def test_no_rule_and_no_wildcard_is_wider_than_the_cloud() -> None:
    names = re.findall(r'"(sc[^"]*)"', RULES)

    assert names
    assert all(name in ("sc12abw*", "sc12abbr") for name in names)


def test_a_chain_or_a_set_more_is_another_shape() -> None:
    more = RULES.replace("    chain output {", "    chain more {\n    }\n    chain output {")
    other = RULES.replace("type ifname . ether_addr . ipv4_addr", "type ifname . ipv4_addr")

    assert shape(RULES.replace("priority -300", "priority raw")) == shape(RULES)
    assert shape(more) != shape(RULES)
    assert shape(other) != shape(RULES)


def test_every_chain_that_workers_send_through_ends_in_a_drop() -> None:
    chains = re.findall(r"chain (\w+) \{\n(.*?)\n    \}", RULES, re.DOTALL)
    last_rules = {(name, body.splitlines()[-1].strip()) for name, body in chains}

    assert ("prerouting", "counter drop") in last_rules
    assert ("input", "counter drop") in last_rules
    assert ("forward", "counter drop") in last_rules
    assert ("input", 'iifname "sc12abbr" counter drop') in last_rules
    assert ("forward", 'oifname "sc12abbr" counter drop') in last_rules


def test_nothing_is_private_on_loopback_unless_asked() -> None:
    assert "tcp dport { 2379, 2380 } meta skuid != 0" in RULES
    assert "skuid" not in ruleset("12ab", SUBNET, [])


def test_removal_takes_both_tables_whether_they_are_there_or_not() -> None:
    assert removal("12ab").splitlines() == [
        "add table bridge sc_12ab",
        "delete table bridge sc_12ab",
        "add table inet sc_12ab",
        "delete table inet sc_12ab",
    ]


def test_a_port_is_bound_to_its_mac_address_and_group() -> None:
    assert elements_of(WEB) == {
        Element("bind", WEB.name, ("02:42:0a:e7:00:02", "10.231.0.2")),
        Element("group_of", WEB.name, ("7",)),
        Element("member", WEB.name, ("7",)),
        Element("reaches", WEB.name, ("8",)),
        Element("reaches", WEB.name, ("9",)),
    }


@given(st.lists(ports, unique_by=lambda port: port.name, max_size=5))
def test_ports_can_be_read_back_from_their_elements(written: list[Port]) -> None:
    elements = frozenset().union(*(elements_of(port) for port in written))

    assert bound_ports(elements) == {port.name: port for port in written}


@given(ports)
def test_a_port_that_lost_an_element_it_cannot_do_without_is_not_bound(port: Port) -> None:
    for lost in elements_of(port):
        if lost.holder in ("bind", "group_of", "member"):
            assert port.name not in bound_ports(elements_of(port) - {lost})


def test_a_port_with_two_addresses_is_not_bound() -> None:
    twice = elements_of(WEB) | elements_of(replace(WEB, address=IPv4Address("10.231.0.9")))

    assert bound_ports(twice) == {}


def test_a_changed_port_loses_the_old_elements_before_it_gets_the_new() -> None:
    moved = replace(WEB, group=6, reaches=frozenset())

    assert changes("12ab", elements_of(WEB), elements_of(moved)).splitlines() == [
        f'delete element bridge sc_12ab group_of {{ "{WEB.name}" : 7 }}',
        f'delete element bridge sc_12ab member {{ "{WEB.name}" . 7 }}',
        f'delete element bridge sc_12ab reaches {{ "{WEB.name}" . 8 }}',
        f'delete element bridge sc_12ab reaches {{ "{WEB.name}" . 9 }}',
        f'add element bridge sc_12ab group_of {{ "{WEB.name}" : 6 }}',
        f'add element bridge sc_12ab member {{ "{WEB.name}" . 6 }}',
    ]


def test_what_is_bound_already_changes_nothing() -> None:
    bound = elements_of(WEB) | elements_of(API)

    assert changes("12ab", bound, bound) == ""


def test_a_way_out_is_an_element_of_its_own() -> None:
    script = changes("12ab", elements_of(replace(API, egress=False)), elements_of(API))

    assert script == f'add element bridge sc_12ab egress {{ "{API.name}" }}'
