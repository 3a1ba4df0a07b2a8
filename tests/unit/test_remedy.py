"""How an app ended shows, where it can be seen, which command keeps it from ending so again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.state.ending import Ending
from manager.state.remedy import remedy_of
from tests.simulation.worlds import NOW, TEMPLATE

HOST_BYTES = 2**30
WAY_OUT = "update web --egress    (or: update web --reach APP)"


def test_a_worker_that_reached_its_memory_limit_is_offered_twice_as_much() -> None:
    template = replace(TEMPLATE, memory_bytes=64 * 2**20)

    assert remedy_of("web", template, 137, True, [], HOST_BYTES) == "update web --memory 128M"


def test_no_worker_is_offered_more_memory_than_the_machine_has() -> None:
    template = replace(TEMPLATE, memory_bytes=HOST_BYTES // 2 + 1)

    assert remedy_of("web", template, 137, True, [], HOST_BYTES) == ""


@pytest.mark.parametrize(
    "line",
    [
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        'psql: error: could not translate host name "db" to address',
        "dial tcp: lookup db on [::1]:53: read: connection refused",
        "Error: getaddrinfo EAI_AGAIN db",
        "curl: (6) Could not resolve host: example.com",
        "OSError: [Errno 101] Network is unreachable",
        "java.net.UnknownHostException: db",
    ],
)
def test_a_worker_that_found_no_way_out_is_offered_one_to_other_networks_or_apps(line: str) -> None:
    assert remedy_of("web", TEMPLATE, 1, False, ["starting", line], HOST_BYTES) == WAY_OUT


@pytest.mark.parametrize(
    ("exit_code", "egress", "line"),
    [
        (1, True, "Network is unreachable"),
        (1, False, "no such file or directory"),
        (0, False, "Network is unreachable"),
    ],
)
def test_no_way_out_is_offered_that_is_open_or_that_nothing_asked_for(
    exit_code: int, egress: bool, line: str
) -> None:
    assert (
        remedy_of("web", replace(TEMPLATE, egress=egress, restart="no"), exit_code, False, [line], HOST_BYTES)
        == ""
    )


def test_two_commands_that_may_mend_an_ending_are_told_within_one_pair_of_brackets() -> None:
    told = Ending(NOW, "c", 1, "exit code 1", remedy=WAY_OUT).told

    assert told == "exit code 1 (update web --egress, or: update web --reach APP)"
