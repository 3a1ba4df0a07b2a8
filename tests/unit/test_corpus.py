"""A corpus of bad words: each is a usage error that names it, points at it, and has a next step."""

from __future__ import annotations

import shlex

import pytest

from manager.api.arguments import bind
from manager.api.commands import known
from manager.api.errors import CloudError, UsageError
from shell import script
from shell.language import scanner
from shell.language.parsing import parse
from shell.text.complaint import explain

LONG = 2 * 2**20
NAMES = {
    "empty": "",
    "capital": "Web",
    "digit first": "1web",
    "dash last": "web-",
    "dash first": "_web",
    "dot": "web.1",
    "slash": "../x",
    "space": "two words",
    "umlaut": "wéb",
    "look-alike": "wеb",  # the second letter is Cyrillic
    "full width": "ｗｅｂ",
    "zero width": "we\u200bb",
    "control": "web\x1b[2J",
    "newline": "web\nrm all -y",
    "nul": "web\0",
    "31 characters": "w" * 31,
    "300 characters": "w" * 300,
    "2 MiB": "w" * LONG,
    "reserved": "manager",
    "all": "all",
}
NUMBERS = ("", "-1", "1.5", "1e9", "two", "NaN", "inf", "٣", "0x10", "1_000", " 1", "9" * 5000, "10001")
OPTIONS = {
    "workers": NUMBERS,
    "port": (*NUMBERS[:-1], "0", "65536", "80/udp", "80/", "/tcp"),
    "cpus": ("", "0", "-1", "NaN", "inf", "1e9", "٣", "half"),
    "memory": ("", "0", "-1", "64", "1.5.5M", "64X", "NaN", "٣M", "1P"),
    "pids": ("0", *(number for number in NUMBERS if number != "10001")),
    "drain": ("", "-1s", "5", "5d", "NaNs", "٣s", "1e9s"),
    "max": ("0", *NUMBERS),
    "slo": ("", "0ms", "250", "250ms,0%", "250ms,101%", "250ms,99,9%", "fast"),
    "env": ("", "=x", "1A=x", "A B=x"),
    "health": ("", "health", "http", "/a b", "/" + "x" * 300),
    "restart": ("", "sometimes", "on-failure:x", "on-failure:-1"),
    "cap-add": ("", "ROOT", "sys admin"),
    "secret": ("", "../x", ".hidden", "two words", "x" * 65),
    "reach": ("", "Web", "../x"),
    "spares": ("-1", "1.5", "101", "many"),
}


def refused(*given: str) -> UsageError:
    row = known("run")
    with pytest.raises(UsageError) as caught:
        bind(row, parse(row, given))
    return caught.value


def assert_tells(error: CloudError) -> None:
    """Assert that the message is a line of bounded length that a terminal can be shown, with a next step."""
    told = explain(error)
    assert error.exit_code == 2
    assert error.hint
    assert len(told) < 1000
    assert told.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_bad_name_is_refused(name: str) -> None:
    assert_tells(refused(name, "sleep", "1000"))


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option, bad in OPTIONS.items() for value in bad],
    ids=lambda word: repr(word[:20]),
)
def test_a_bad_value_of_an_option_is_refused(option: str, value: str) -> None:
    assert_tells(refused(f"--{option}={value}", "web", "sleep", "1000"))


def test_a_long_argument_of_the_command_is_taken_as_it_is() -> None:
    row = known("run")
    given = ("web", "echo", "x" * 100_000)

    assert bind(row, parse(row, given)).texts("command") == given[1:]


@pytest.mark.parametrize("text", ["'open", '"open', "echo $(ps", "echo ${n", "echo $(", 'a "b', "echo \\"])
def test_what_is_not_closed_is_refused_where_it_ends(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        scanner.statements(text)

    assert_tells(caught.value)


@pytest.mark.parametrize("raw", [b"echo a\r\necho b\r\n", b"\xef\xbb\xbfecho a\necho b\n", b"echo a\necho b"])
def test_lines_of_other_systems_are_read_as_lines(raw: bytes) -> None:
    assert [line.text for line in script.lines(raw.splitlines(keepends=True))] == ["echo a", "echo b"]


def test_a_line_that_is_no_text_is_refused_with_its_number() -> None:
    with pytest.raises(script.LineUnreadable) as caught:
        list(script.lines([b"echo a\n", b"echo \xff\xfe\n"]))

    assert caught.value.number == 2


def test_a_script_of_ten_thousand_lines_is_read_line_by_line() -> None:
    read = script.lines(f"echo {shlex.quote(str(number))}\n".encode() for number in range(10_000))

    assert sum(len(scanner.statements(line.text)) for line in read) == 10_000
