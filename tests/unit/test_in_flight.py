"""Which connection carries a request, told by either end from what the kernel counts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from netsetup.sockets import Connection

PROXY = IPv4Address("10.200.0.1")
WORKER = IPv4Address("10.200.0.4")
ANSWERED = Connection(
    remote=PROXY,
    remote_port=40000,
    established=True,
    unread_bytes=0,
    unacknowledged_bytes=0,
    sent_age_ms=100,
    received_age_ms=180,
    segments_in=1,
    segments_out=1,
)


def test_a_kept_connection_whose_request_was_answered_is_idle() -> None:
    assert not ANSWERED.owes


def test_a_connection_is_held_by_its_other_end_until_one_of_them_closes_it() -> None:
    assert ANSWERED.is_held_by(PROXY)
    assert not ANSWERED.is_held_by(IPv4Address("10.200.0.3"))
    assert not replace(ANSWERED, established=False).is_held_by(PROXY)


def test_a_connection_that_never_sent_anything_is_idle() -> None:
    assert not replace(ANSWERED, sent_age_ms=50, received_age_ms=50, segments_in=0, segments_out=0).owes


def test_an_answer_within_one_tick_of_the_kernel_is_an_answer() -> None:
    assert not replace(ANSWERED, received_age_ms=100).owes


def test_a_request_after_an_answer_is_owed_one() -> None:
    assert replace(ANSWERED, received_age_ms=20).owes


def test_the_first_request_is_owed_an_answer_although_both_ages_count_from_the_start() -> None:
    assert replace(ANSWERED, sent_age_ms=50, received_age_ms=50, segments_out=0).owes


def test_a_request_that_nobody_has_read_is_owed_one() -> None:
    assert replace(ANSWERED, unread_bytes=1).owes


def test_an_answer_that_is_still_on_its_way_is_owed() -> None:
    assert replace(ANSWERED, unacknowledged_bytes=40_000_000).owes


GOT = replace(ANSWERED, remote=WORKER, remote_port=8000, sent_age_ms=180, received_age_ms=100)


def test_a_client_waits_until_the_answer_comes() -> None:
    assert replace(GOT, sent_age_ms=20).waits
    assert not GOT.waits


def test_a_client_waits_for_the_first_answer_although_both_ages_count_from_the_start() -> None:
    fresh = replace(GOT, sent_age_ms=50, received_age_ms=50, segments_in=0)

    assert fresh.waits
    assert not replace(fresh, segments_out=0).waits


def test_a_client_waits_while_the_server_lets_nobody_in() -> None:
    assert replace(GOT, established=False).waits


def test_a_client_waits_while_its_request_has_not_arrived() -> None:
    assert replace(GOT, unacknowledged_bytes=10).waits


def test_an_answer_that_the_client_has_yet_to_read_is_not_waited_for() -> None:
    assert not replace(GOT, unread_bytes=10).waits
