"""`net` tells of each port what has drifted, and after a repair what was mended."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from manager.api.views import PortView
from manager.host.settings import Settings
from manager.service.network import bridge_view, port_views, repair_notes, repair_steps
from netsetup.addresses import bridge_name
from netsetup.network import NetworkPicture
from netsetup.port import Port
from tests.unit.test_hops import ADDRESS, CONTAINER, KEY, WORLD

TAG = "12ab"
LINK = KEY.port_name(TAG)
PORT = Port(LINK, ADDRESS, 1)
WELL = NetworkPicture(True, True, {LINK: True}, {LINK: PORT})
SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), "10.200.0.0/22")


def test_a_port_that_is_as_it_should_be_has_no_drift() -> None:
    assert port_views(WORLD, WELL, TAG) == [
        PortView("web.1", LINK, "10.200.0.2", "02:42:0a:c8:00:02", 1, True, True, "")
    ]


@pytest.mark.parametrize(
    ("picture", "drift"),
    [
        (replace(WELL, ports={}), "its cable is gone"),
        (replace(WELL, ports={LINK: False}), "its cable is down or not on the bridge"),
        (replace(WELL, bound={}), "its rules are gone: nothing of it passes"),
        (replace(WELL, bound={LINK: Port(LINK, IPv4Address("10.200.0.9"), 1)}), "bound to 10.200.0.9"),
        (replace(WELL, bound={LINK: Port(LINK, ADDRESS, 7)}), "marked as group 7"),
        (replace(WELL, bound={LINK: replace(PORT, egress=True)}), "it has a way out that it should not have"),
        (
            replace(WELL, ports={}, bound={}),
            "its cable is gone; its rules are gone: nothing of it passes",
        ),
    ],
)
def test_drift_is_told_in_words(picture: NetworkPicture, drift: str) -> None:
    assert [view.drift for view in port_views(WORLD, picture, TAG)] == [drift]


def test_a_worker_that_does_not_run_needs_no_port() -> None:
    ended = replace(WORLD, containers={KEY: replace(CONTAINER, state="exited")})

    assert [view.drift for view in port_views(ended, replace(WELL, ports={}), TAG)] == [""]


def test_a_port_of_no_worker_is_told() -> None:
    stray = replace(WELL, ports={LINK: True, "sc12abwffffffff": True})

    assert [(view.name, view.link, view.drift) for view in port_views(WORLD, stray, TAG)][1:] == [
        ("-", "sc12abwffffffff", "no worker of this cloud has this port")
    ]


def test_a_worker_whose_record_cannot_be_read_has_its_port_as_it_is() -> None:
    [recorded] = port_views(WORLD, WELL, TAG)

    unread = port_views(replace(WORLD, records={}), WELL, TAG)

    assert [(view.name, view.link, view.drift) for view in unread] == [(recorded.name, recorded.link, "")]


def test_the_first_line_is_the_bridge_with_the_gateway_s_address() -> None:
    view = bridge_view(TAG, SETTINGS, replace(WELL, rules_intact=False))

    assert (view.link, view.address) == (bridge_name(TAG), "10.200.0.1/22")
    assert view.drift == "its rules are gone or changed"


def test_a_repair_tells_what_was_mended_and_what_was_not() -> None:
    def port(name: str, drift: str) -> PortView:
        return PortView(name, f"link of {name}", None, None, None, not drift, True, drift)

    before = [port("web.1", "its cable is gone"), port("web.2", "its cable is gone"), port("web.3", "")]
    after = [port("web.1", ""), port("web.2", "its cable is gone"), port("web.3", "")]

    assert repair_notes(["bridge sc12abbr made"], before, after, {}) == [
        "mended: bridge sc12abbr made",
        "mended: web.1: its cable is gone",
        "not mended: web.2: its cable is gone",
    ]
    assert repair_notes([], after[:1], after[:1], {}) == ["nothing had drifted"]
    assert repair_steps(before, {"link of web.2": "thaw web"}) == [
        "mend web.1: its cable is gone",
        "leave web.2: its cable is gone (frozen: thaw web)",
    ]
    assert repair_notes([], after, after, {"link of web.2": "thaw web"}) == [
        "not mended: web.2: its cable is gone (frozen: thaw web)"
    ]
