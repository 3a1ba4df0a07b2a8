"""Frames of the socket: what is a request, and what JSON-RPC 2.0 says to one that is none."""

from __future__ import annotations

import json

import pytest

from manager.api import wire
from manager.api.errors import AppNotFound, CloudError, FrameRejected
from manager.api.wire import NotARequest, request_of


def refused(frame: object) -> NotARequest:
    with pytest.raises(NotARequest) as raised:
        request_of(json.dumps(frame).encode())
    return raised.value


@pytest.mark.parametrize(
    "frame",
    [
        5,
        [],
        [{"jsonrpc": "2.0", "id": 7, "method": "ps"}],
        {"id": 7, "method": "ps"},
        {"jsonrpc": "2.0", "id": 7},
        {"jsonrpc": "2.0", "id": 7, "method": 5},
        {"jsonrpc": "2.0", "id": {}, "method": "ps"},
        {"jsonrpc": "2.0", "id": True, "method": "ps"},
    ],
)
def test_json_that_is_no_request_is_an_invalid_request(frame: object) -> None:
    assert refused(frame).code == wire.INVALID_REQUEST


def test_params_by_position_are_invalid_params() -> None:
    assert refused({"jsonrpc": "2.0", "id": 7, "method": "ps", "params": ["web"]}).code == wire.INVALID_PARAMS


def test_an_empty_list_of_params_is_none_at_all() -> None:
    assert request_of(b'{"jsonrpc":"2.0","id":7,"method":"ps","params":[]}').params == {}


def test_a_refusal_carries_the_id_of_what_it_refuses() -> None:
    assert refused({"jsonrpc": "2.0", "id": 7}).id == 7
    assert refused({"jsonrpc": "2.0", "id": "a", "method": "ps", "params": 5}).id == "a"
    assert refused([]).id is None


@pytest.mark.parametrize("line", [b"", b"garbage", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_a_parse_error(line: bytes) -> None:
    with pytest.raises(FrameRejected) as raised:
        request_of(line)

    assert not isinstance(raised.value, NotARequest)


@pytest.mark.parametrize("line", [b"garbage", b"[]", b"{}", b'{"jsonrpc":"2.0","method":"ps","params":5}'])
def test_who_sends_a_malformed_frame_is_shown_a_request(line: bytes) -> None:
    with pytest.raises(FrameRejected) as raised:
        request_of(line)

    assert request_of(raised.value.hint.encode()).method == "ps"


def test_a_request_without_an_id_waits_for_no_answer() -> None:
    assert request_of(b'{"jsonrpc":"2.0","method":"ps"}').notifies
    assert not request_of(b'{"jsonrpc":"2.0","id":null,"method":"ps"}').notifies


@pytest.mark.parametrize("line", [b"{}", b'{"error":{}}', b'{"error":{"message":"what now"}}'])
def test_an_answer_that_is_none_has_a_next_step(line: bytes) -> None:
    with pytest.raises(CloudError) as raised:
        wire.answer_of(line)

    assert raised.value.hint == "doctor"


def test_what_an_error_is_about_and_what_was_meant_come_with_it() -> None:
    told = AppNotFound('no app is named "wbe"', hint="ps web", word="wbe", meant="web")

    arrived = wire.error_from(wire.failure(1, told)["error"])  # type: ignore[arg-type]

    assert (arrived.hint, arrived.word, arrived.meant) == ("ps web", "wbe", "web")


def test_an_error_that_is_about_no_word_says_nothing_of_one() -> None:
    assert wire.failure(1, CloudError("no", hint="doctor")) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {
            "code": wire.DOMAIN_ERROR,
            "message": "no",
            "data": {"kind": "command-failed", "hint": "doctor"},
        },
    }
