"""Which connection of a server carries a request, told from what the kernel counts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from netsetup.sockets import Connection

PROXY = IPv4Address("10.200.0.1")
ANSWERED = Connection(
    remote=PROXY,
    established=True,
    unread_bytes=0,
    unacknowledged_bytes=0,
    sent_age_ms=100,
    received_age_ms=180,
    segments_in=1,
    segments_out=1,
)


def test_a_kept_connection_whose_request_was_answered_is_idle() -> None:
    assert not ANSWERED.busy


def test_a_connection_is_held_by_its_other_end_until_one_of_them_closes_it() -> None:
    assert ANSWERED.is_held_by(PROXY)
    assert not ANSWERED.is_held_by(IPv4Address("10.200.0.3"))
    assert not replace(ANSWERED, established=False).is_held_by(PROXY)


def test_a_connection_that_never_sent_anything_is_idle() -> None:
    assert not replace(ANSWERED, sent_age_ms=50, received_age_ms=50, segments_in=0, segments_out=0).busy


def test_an_answer_within_one_tick_of_the_kernel_is_an_answer() -> None:
    assert not replace(ANSWERED, received_age_ms=100).busy


def test_a_request_after_an_answer_is_busy() -> None:
    assert replace(ANSWERED, received_age_ms=20).busy


def test_the_first_request_is_busy_although_both_ages_count_from_the_start() -> None:
    assert replace(ANSWERED, sent_age_ms=50, received_age_ms=50, segments_out=0).busy


def test_a_request_that_nobody_has_read_is_busy() -> None:
    assert replace(ANSWERED, unread_bytes=1).busy


def test_an_answer_that_is_still_on_its_way_is_busy() -> None:
    assert replace(ANSWERED, unacknowledged_bytes=40_000_000).busy
