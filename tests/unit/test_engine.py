"""The pure parts of the engine: what is sent to Docker, what is made of its answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from manager.engine.containers import LogLine, as_said
from manager.engine.decode import file_stat_of, image_of, unix_time
from manager.engine.orders import FileMount, PartOrder, WorkerOrder
from manager.engine.payload import limits_not_kept, limits_of, part_payload, worker_payload
from manager.engine.streams import lines_of

ORDER = WorkerOrder(
    name="sc_default_web_1_1",
    app="web",
    slot=1,
    revision=1,
    image="simplecloud/base",
    command=("sleep", "100"),
    hostname="web.1",
    cpus=0.5,
    memory_bytes=64 << 20,
)


def frames(*frames: tuple[int, str]) -> Sequence[bytes]:
    """Return the reads that deliver these frames of a stream's number and a text."""
    sent = [
        (bytes([number, 0, 0, 0]) + len(text.encode()).to_bytes(4, "big"), text.encode())
        for number, text in frames
    ]
    return [piece for pair in sent for piece in pair]


def lines(*sent: tuple[int, str]) -> list[tuple[str, str]]:
    pieces = iter(frames(*((number, f"2026-01-02T03:04:05.123456789Z {text}") for number, text in sent)))
    return [(line.stream, line.text) for line in lines_of(lambda size: next(pieces, b""))]


def test_the_same_order_has_the_same_digest_and_another_one_another() -> None:
    assert ORDER.digest == replace(ORDER).digest
    assert ORDER.digest != replace(ORDER, command=("sleep", "101")).digest
    assert ORDER.digest != replace(ORDER, environment={"A": "1"}).digest


def test_who_has_no_way_out_gets_no_sandbox_of_docker_s_and_no_resolvers() -> None:
    shut, open_ = (worker_payload("default", replace(ORDER, egress=egress)) for egress in (False, True))

    assert (shut["NetworkDisabled"], open_["NetworkDisabled"]) == (True, False)
    assert mounted(shut) == [(os.devnull, "/etc/resolv.conf")]
    assert mounted(open_) == []


def test_resolvers_that_were_copied_in_are_kept() -> None:
    order = replace(ORDER, files=(FileMount("/kept/ab", "/etc/resolv.conf"),))

    assert mounted(worker_payload("default", order)) == [("/kept/ab", "/etc/resolv.conf")]


def mounted(payload: dict[str, Any]) -> list[tuple[str, str]]:
    return [(mount["Source"], mount["Target"]) for mount in payload["HostConfig"]["Mounts"]]


def test_a_limit_that_docker_dropped_is_named() -> None:
    kept = limits_of(ORDER)

    assert limits_not_kept(ORDER, kept) == []
    assert limits_not_kept(ORDER, kept | {"Memory": 0}) == ["memory"]
    assert limits_not_kept(ORDER, kept | {"NanoCpus": 0, "PidsLimit": 0}) == ["cpu", "process"]


def test_a_kernel_that_does_not_count_swap_is_no_reason_to_refuse() -> None:
    assert limits_not_kept(ORDER, limits_of(ORDER) | {"MemorySwap": -1}) == []


def test_an_extra_label_cannot_pass_for_one_of_ours() -> None:
    sent = worker_payload("default", replace(ORDER, labels={"simplecloud.cloud": "other", "team": "a"}))

    assert sent["Labels"] == {
        "team": "a",
        "simplecloud.cloud": "default",
        "simplecloud.app": "web",
        "simplecloud.slot": "1",
        "simplecloud.revision": "1",
        "simplecloud.order": replace(ORDER, labels={"simplecloud.cloud": "other", "team": "a"}).digest,
    }


@pytest.mark.parametrize(("entrypoint", "sent"), [(None, None), ((), []), (("tini",), ["tini"])])
def test_the_images_entrypoint_is_kept_unless_the_order_has_one(
    entrypoint: tuple[str, ...] | None, sent: list[str] | None
) -> None:
    assert worker_payload("default", replace(ORDER, entrypoint=entrypoint))["Entrypoint"] == sent


def test_a_part_is_no_worker() -> None:
    labels = part_payload("default", PartOrder("sc_default_proxy", "proxy", "simplecloud/proxy", ()))[
        "Labels"
    ]

    assert isinstance(labels, dict)
    assert labels["simplecloud.part"] == "proxy"
    assert "simplecloud.app" not in labels


def test_lines_that_docker_cut_are_put_together_stream_by_stream() -> None:
    assert lines((1, "be"), (2, "wrong\n"), (1, "gin\n"), (1, "\n"), (1, "unended")) == [
        ("stderr", "wrong"),
        ("stdout", "begin"),
        ("stdout", ""),
        ("stdout", "unended"),
    ]


def test_a_line_without_end_is_given_out_in_pieces() -> None:
    piece = "x" * (100 << 10)

    found = lines(*[(1, piece)] * 7)

    assert "".join(text for _, text in found) == piece * 7
    assert len(found) == 3


def test_what_docker_says_itself_is_a_line_of_stderr_at_the_time_of_the_line_before() -> None:
    sent = [(1, "1970-01-01T00:00:07Z be"), (3, "Error grabbing logs: invalid character\n"), (1, "gin\n")]
    pieces = iter(frames(*sent, (9, "1970-01-01T00:00:08Z strange\n"), (2, "0001-01-01T00:00:00Z never\n")))

    assert list(lines_of(lambda size: next(pieces, b""))) == [
        LogLine(7.0, "stderr", "Error grabbing logs: invalid character"),
        LogLine(7.0, "stdout", "begin"),
        LogLine(8.0, "stderr", "strange"),
        LogLine(8.0, "stderr", "never"),
    ]


def test_what_a_worker_complained_of_as_it_ended_is_what_it_said_last_whatever_was_buffered_on_stdout() -> (
    None
):
    written = [
        LogLine(1.0, "stderr", "warning of long ago"),
        LogLine(9.01, "stderr", "oh no: config missing"),
        LogLine(5.0, "stdout", "working"),
        LogLine(9.02, "stdout", "starting"),
    ]

    assert [line.text for line in as_said(written)] == [
        "warning of long ago",
        "working",
        "starting",
        "oh no: config missing",
    ]
    assert as_said([]) == []


@pytest.mark.parametrize("cut_at", [1, 8, 9, 60])
def test_a_frame_that_is_cut_short_ends_the_lines(cut_at: int) -> None:
    whole = b"".join(frames((1, "2026-01-02T03:04:05.123456789Z a\n")))
    cut = b"".join(frames((1, f"2026-01-02T03:04:06.123456789Z {'b' * 99}\n")))[:cut_at]
    sent = BytesIO(whole + cut)

    assert [line.text for line in lines_of(sent.read)] == ["a"]


def test_docker_s_year_one_means_never() -> None:
    assert unix_time("0001-01-01T00:00:00Z") is None
    assert unix_time("1970-01-01T00:00:10.250000000Z") == 10.25


def test_an_image_without_a_name_has_no_references() -> None:
    row = {"RepoTags": ["<none>:<none>"], "Id": "sha256:1", "Size": 1, "Created": 1}

    assert image_of(row).references == ()
    assert image_of(row | {"RepoTags": None}).references == ()


def test_a_files_kind_is_read_from_go_s_bits() -> None:
    stat = "eyJuYW1lIjoic2giLCJtb2RlIjoxMzQyMTgyMzksImxpbmtUYXJnZXQiOiIvYmluL2J1c3lib3gifQ=="
    link = file_stat_of({"x-docker-container-path-stat": stat})

    assert (link.is_symlink, link.is_regular, link.link_target) == (True, False, "/bin/busybox")
