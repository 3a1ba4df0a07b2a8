"""Words of a command become values, also as docker's users write them."""

from __future__ import annotations

import pytest

from manager.api import quantities, values
from manager.api.arguments import bind
from manager.api.commands import known
from manager.api.errors import UsageError
from manager.api.suggest import Meant


@pytest.mark.parametrize(
    ("word", "seconds"), [("1h30m", 5400.0), ("2h5m", 7500.0), ("1m30s", 90.0), ("1s500ms", 1.5)]
)
def test_a_duration_may_be_a_sum(word: str, seconds: float) -> None:
    assert quantities.seconds(word) == seconds


def test_digits_without_end_are_refused_as_no_duration_at_their_first_look() -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        quantities.seconds("9" * 30_000_000)


@pytest.mark.parametrize("word", ["1h30", "h", "1h 30m", "1h-30m", "1h30m1x"])
def test_a_sum_of_durations_has_a_unit_for_each_number(word: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        quantities.seconds(word)


@pytest.mark.parametrize("word", ["64M", "64m", "64MB", "64MiB", "64mb", "0.0625g", "65536K", "67108864"])
def test_a_size_may_be_written_in_either_case(word: str) -> None:
    assert quantities.memory(word) == 64 * 2**20


@pytest.mark.parametrize("word", ["", "M", "64X", "64 M", "64\N{KELVIN SIGN}", "-64M", "٦٤M", "64MM"])
def test_what_is_no_size_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        quantities.size(word)


@pytest.mark.parametrize(("word", "cores"), [("2", 2.0), ("0.5", 0.5), (".5", 0.5)])
def test_cores_are_a_number(word: str, cores: float) -> None:
    assert quantities.cpus(word) == cores


@pytest.mark.parametrize("word", ["", ".", "0", "1.", "500m", "1e1", "nan", "-1"])
def test_what_is_no_number_of_cores_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is not a number of cores"):
        quantities.cpus(word)


@pytest.mark.parametrize("word", ["0", "-1", "100001", "1000000", "50rps"])
def test_what_is_no_rate_is_told_how_high_one_may_be(word: str) -> None:
    with pytest.raises(ValueError, match="above 0, at most 100000 requests per second"):
        quantities.rate(word)


@pytest.mark.parametrize(
    ("word", "right"), [("web.01", "web.1"), ("web.0010", "web.10"), ("web.00001", "web.1")]
)
def test_a_worker_s_number_has_no_leading_zero(word: str, right: str) -> None:
    with pytest.raises(Meant, match="leading zero") as refused:
        values.target(word)

    assert refused.value.right == right
    assert values.target(right) == right


@pytest.mark.parametrize("word", ["web.01", "Web", "web.x"])
def test_a_drill_hits_only_what_can_be_a_part_or_a_worker(word: str) -> None:
    row = known("crash")
    with pytest.raises(UsageError):
        bind(row, {"part": word})

    assert bind(row, {"part": "manager"}).text("part") == "manager"


@pytest.mark.parametrize(
    "word",
    [
        "base",
        "simplecloud/base:latest",
        "R.example:5000/a/b_c:1.2-x@sha256:0a",
        "[::1]:5000/a",
        "localhost/a/b__c",
        "a--b/c",
        "0a1b2c3d4e5f",
    ],
)
def test_an_image_is_named_as_docker_names_it(word: str) -> None:
    assert values.image(word) == word


@pytest.mark.parametrize(
    "word",
    [
        "",
        "BAD",
        "a b",
        "a:",
        "a::b",
        "/a",
        "a/",
        "a" * 256,
        "-a",
        "https://a/b",
        "a..b",
        "a/.b",
        "BAD/web",
        "a___b",
    ],
)
def test_what_can_name_no_image_is_refused_before_docker_is_asked(word: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an image"):
        values.image(word)
