"""The manual page: every command and topic, in requests that man knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.command import Command
from manager.api.commands import COMMANDS
from shell.manual import man
from shell.manual.topics import TOPICS
from tests.fakes.shells import shell_at

LINES = man.page("1.2.3").splitlines()
REQUESTS = [line.split(" ")[0] for line in LINES if line.startswith(".")]


def test_the_page_begins_with_its_title_and_name() -> None:
    assert LINES[0] == '.TH SIMPLECLOUD 1 "" "simplecloud 1.2.3" "User Commands"'
    assert LINES[1:3] == [".SH NAME", r"simplecloud \- a small cloud of Docker containers on one machine"]


def test_the_synopsis_begins_with_the_program() -> None:
    synopsis = LINES[LINES.index(".SH SYNOPSIS") :][3:5]

    assert [line.split()[0] for line in synopsis] == ["simplecloud", "simplecloud"]
    assert not any(line.startswith(" ") for line in synopsis)


def test_every_command_and_every_topic_has_its_place() -> None:
    heads = [line.split('"')[1].split(",")[0] for line in LINES if line.startswith(".SS")]

    assert heads == [row.verb for row in COMMANDS]
    assert all(f".SH {topic.upper()}" in LINES for topic in TOPICS)


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.verb)
def test_every_option_and_example_of_a_command_is_there(row: Command) -> None:
    page = (
        "\n".join(LINES).replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"').replace("\\e", "\\")
    )

    assert all(f"--{option.name}" in page for option in row.options)
    assert all(f"  {example}" in page for example in row.examples)


def test_no_text_is_taken_for_a_request() -> None:
    assert {*REQUESTS} == {".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi"}
    assert not any(line.startswith("'") for line in LINES)


def test_what_stands_as_it_is_begins_and_ends() -> None:
    around = [request for request in REQUESTS if request in (".nf", ".fi")]

    assert around == [".nf", ".fi"] * (len(around) // 2)


def test_a_backslash_and_a_leading_dot_are_shown() -> None:
    assert r"  \e Enter        go on in the next line; pasted lines are run as a script" in LINES
    assert man.page("0", ".x\n'y").splitlines()[6:8] == [r"\&.x", r"\(aqy"]


def test_help_prints_it_whole_and_only_whole(tmp_path: Path) -> None:
    shell = shell_at(tmp_path)

    assert shell.run("help -o man") == 0
    assert shell.out.getvalue().startswith(".TH SIMPLECLOUD 1 ")
    assert shell.run("help -o man run") == 2
