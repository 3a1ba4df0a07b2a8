"""Records as text and back; what is not understood is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.api.documents import rfc3339
from manager.state import wishes
from manager.state.ending import Ending
from manager.state.model import (
    AppSpec,
    Autoscale,
    Past,
    Revision,
    Rollback,
    ScalingTarget,
    WorkerKey,
    WorkerRecord,
)
from manager.state.records import (
    FARTHEST_S,
    UnreadableRecord,
    app_key,
    decode,
    decode_at,
    encode,
    revision_key,
    worker_key,
)
from manager.state.templates import Health, Mount, Template
from tests.simulation.worlds import SUBNET, TEMPLATE, a_worker, an_app

FULL_TEMPLATE = Template(
    command=("./x", "a b", "ü", ""),
    image="i:1",
    mounts=(Mount("ab" * 32, "/x"),),
    environment={"K": "v=w"},
    port=80,
    protocol="tcp",
    health=Health("tcp"),
    cpus=0.5,
    memory_bytes=64 << 20,
    user="1000",
    cap_add=("NET_BIND_SERVICE",),
    read_only=True,
    egress=True,
    reach=("api", "db"),
    restart="on-failure:3",
)
FULL_SPEC = replace(
    an_app(),
    template=FULL_TEMPLATE,
    tcp_port=9000,
    stopped_slots=frozenset({2, 5}),
    turns={1: 3},
    fallback=Past(1, FULL_TEMPLATE),
    rolled_back=Rollback(1.5, 2, "no"),
    order="stop-first",
)
FULL_RECORD = replace(
    a_worker(3),
    retry_at=2.5,
    leaving_since=3.0,
    ending=Ending(1.0, "abc", 137, "killed", oom_killed=True, last_lines=("one", "two")),
    egress=True,
    reach=("api",),
)


@pytest.mark.parametrize(
    "record",
    [an_app(), FULL_SPEC, a_worker(1), FULL_RECORD, Revision(2, 1.0, "update", FULL_TEMPLATE)],
    ids=lambda record: type(record).__name__,
)
def test_what_was_written_is_read_back(record: object) -> None:
    assert decode(type(record), encode(record)) == record


def test_the_text_of_a_record_is_always_the_same() -> None:
    assert encode(FULL_SPEC) == encode(decode(AppSpec, encode(FULL_SPEC)))


def changed(record: object, **fields: object) -> str:
    plain: dict[str, Any] = json.loads(encode(record))
    return json.dumps({**plain, **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        changed(a_worker(1), v=2),
        changed(a_worker(1), slot="1"),
        changed(a_worker(1), slot=None),
        changed(a_worker(1), slot=True),
        changed(a_worker(1), address="10.9.0"),
        changed(a_worker(1), ending={"at": 1.0}),
        json.dumps({"v": 1, "app": "web"}),
    ],
)
def test_what_is_not_a_record_of_this_version_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRecord):
        decode(WorkerRecord, text)


def test_a_word_that_this_version_does_not_know_is_refused() -> None:
    with pytest.raises(UnreadableRecord, match="'udp' is not one of"):
        decode(AppSpec, changed(an_app(), template={**json.loads(encode(FULL_TEMPLATE)), "protocol": "udp"}))


def test_an_unknown_field_is_left_out_and_a_missing_one_has_its_default() -> None:
    plain = json.loads(encode(a_worker(1)))
    del plain["failures"]

    assert decode(WorkerRecord, json.dumps({**plain, "mood": "good"})) == a_worker(1)


def test_a_record_of_before_there_were_ways_out_has_none() -> None:
    plain = json.loads(encode(FULL_SPEC))
    del plain["template"]["egress"], plain["template"]["reach"]

    assert decode(AppSpec, json.dumps(plain)).template == replace(FULL_TEMPLATE, egress=False, reach=())


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_json_at_all_is_anything_but_a_record_or_refused(value: object) -> None:
    with pytest.raises(UnreadableRecord):
        decode(AppSpec, json.dumps(value))


def test_what_is_no_record_is_not_written() -> None:
    with pytest.raises(TypeError):
        encode({"name": "web"})


def test_the_keys_of_one_app_are_never_those_of_another() -> None:
    assert app_key("web") == "apps/web"
    assert worker_key(WorkerKey("web", 1, 2)) == "workers/web/1/2"
    assert revision_key("web", 12) == "revisions/web/000012"
    assert not worker_key(WorkerKey("web-1", 1, 1)).startswith("workers/web/")


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "", "web\n", "..", "Web"])
@pytest.mark.parametrize("record", [an_app(), a_worker(1)])
def test_what_names_no_app_is_unreadable(record: AppSpec | WorkerRecord, name: str) -> None:
    text = encode(record).replace('"web"', json.dumps(name))

    with pytest.raises(UnreadableRecord, match="app"):
        decode(type(record), text)


@pytest.mark.parametrize("digest", ["../../../etc/shadow", "", "A" * 64, "a" * 63])
def test_a_file_whose_name_is_no_digest_is_unreadable(digest: str) -> None:
    text = encode(Mount("a" * 64, "/app/server.py")).replace("a" * 64, digest)

    with pytest.raises(UnreadableRecord, match="sha256"):
        decode(Mount, text)


@pytest.mark.parametrize(
    ("record", "key"), [(an_app(), "apps/web"), (a_worker(1), "workers/web/1/1")], ids=["app", "worker"]
)
def test_a_record_is_read_from_its_own_key_only(record: AppSpec | WorkerRecord, key: str) -> None:
    assert decode_at(type(record), key, encode(record), SUBNET) == record

    for other in ("apps/api", "workers/web/2/1", "workers/api/1/1"):
        with pytest.raises(UnreadableRecord, match=r"it is of .*web"):
            decode_at(type(record), other, encode(record), SUBNET)


@pytest.mark.parametrize("address", ["10.9.0.0", "10.9.0.1", "10.9.0.255", "10.9.1.2", "8.8.8.8"])
def test_a_worker_with_an_address_that_none_may_have_is_unreadable(address: str) -> None:
    record = replace(a_worker(1), address=IPv4Address(address))

    with pytest.raises(UnreadableRecord, match=f"{address} is no address for a worker"):
        decode_at(WorkerRecord, "workers/web/1/1", encode(record), SUBNET)


@pytest.mark.parametrize("at", ["NaN", "Infinity", "1e300", "-1e300", "253402300800"])
def test_a_time_that_no_calendar_has_is_unreadable(at: str) -> None:
    text = encode(replace(a_worker(1), created_at=0.5)).replace("0.5", at)

    with pytest.raises(UnreadableRecord, match="is no time"):
        decode(WorkerRecord, text)


@pytest.mark.parametrize("at", [FARTHEST_S - 1, 1 - FARTHEST_S])
def test_every_time_that_can_be_read_can_be_told(at: float) -> None:
    record = decode(WorkerRecord, encode(replace(a_worker(1), created_at=at)))

    assert rfc3339(record.created_at)


@pytest.mark.parametrize("port", [0, -1, 65536, 99999])
@pytest.mark.parametrize("record", [an_app(), a_worker(1)], ids=["app", "worker"])
def test_a_port_that_is_none_is_unreadable(record: AppSpec | WorkerRecord, port: int) -> None:
    text = encode(record).replace('"port":8000', f'"port":{port}')

    with pytest.raises(UnreadableRecord, match=f"{port} is no port"):
        decode(type(record), text)


@pytest.mark.parametrize("count", [-1, 10**12])
@pytest.mark.parametrize("field", ["want", "spares", "min", "max"])
def test_an_app_of_a_number_of_workers_that_cannot_be_is_unreadable(field: str, count: int) -> None:
    spec = replace(an_app(want=2), spares=2, autoscale=Autoscale(2, 2))
    text = encode(spec).replace(f'"{field}":2', f'"{field}":{count}')

    with pytest.raises(UnreadableRecord, match="are not to be had"):
        decode(AppSpec, text)


@pytest.mark.parametrize("spares", [-1, 10**12])
def test_a_target_of_a_number_of_spares_that_cannot_be_is_unreadable(spares: int) -> None:
    text = encode(ScalingTarget(2, 1, 0.0, "", spares=2)).replace('"spares":2', f'"spares":{spares}')

    with pytest.raises(UnreadableRecord, match="are not to be had"):
        decode(ScalingTarget, text)


@pytest.mark.parametrize("mark", [-1, 0, 2**32])
@pytest.mark.parametrize("record", [an_app(), a_worker(1)], ids=["app", "worker"])
def test_a_record_with_a_mark_that_no_app_can_have_is_unreadable(
    record: AppSpec | WorkerRecord, mark: int
) -> None:
    text = encode(record).replace('"number":1', f'"number":{mark}')

    with pytest.raises(UnreadableRecord, match="is no mark of an app"):
        decode(type(record), text)


@pytest.mark.parametrize("number", [-1, 0])
@pytest.mark.parametrize(
    ("record", "field"),
    [
        (an_app(), "revision"),
        (Past(1, TEMPLATE), "revision"),
        (a_worker(1), "revision"),
        (a_worker(1), "slot"),
    ],
    ids=["app", "past", "worker", "slot"],
)
def test_a_record_of_a_slot_or_revision_that_cannot_be_is_unreadable(
    record: AppSpec | Past | WorkerRecord, field: str, number: int
) -> None:
    text = encode(record).replace(f'"{field}":1', f'"{field}":{number}')

    with pytest.raises(UnreadableRecord, match=f"{number} is no number of a slot or revision"):
        decode(type(record), text)


@pytest.mark.parametrize("record", [an_app(), Past(1, TEMPLATE)], ids=["app", "past"])
def test_a_port_of_the_proxy_s_that_is_none_is_unreadable(record: AppSpec | Past) -> None:
    text = encode(replace(record, tcp_port=9000)).replace('"tcp_port":9000', '"tcp_port":-5')

    with pytest.raises(UnreadableRecord, match="-5 is no port"):
        decode(type(record), text)


@pytest.mark.parametrize("address", ["x.localhost`) || Host(`evil", "proxy.localhost", "/web/../api", ""])
def test_an_app_with_an_address_that_no_route_can_have_is_unreadable(address: str) -> None:
    spec = wishes.updated(an_app(), replace(TEMPLATE, read_only=True))
    at_fault = json.dumps([address])

    for usual in ('["web.localhost"]', '["/web"]'):
        text = encode(spec)
        assert text.count(usual) == 2, "the app's own, and those that its update falls back to"
        for place in (text.replace(usual, at_fault, 1), at_fault.join(text.rsplit(usual, 1))):
            with pytest.raises(UnreadableRecord):
                decode(AppSpec, place)
