"""Help comes from the table of commands: complete, aligned, and as narrow as a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.command import Command
from manager.api.commands import COMMANDS, command_of, known
from manager.api.rows.changing import FIRST_RUN
from shell.manual import help
from shell.manual.topics import TOPICS

ROWS = pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.verb)


def page(verb: str) -> list[str]:
    row = known(verb)
    return help.page(row).splitlines()


def test_the_overview_has_every_command_once_with_its_alias() -> None:
    words = [line.split("  ")[1] for line in help.overview().splitlines() if line.startswith("  ")]

    names = [f"{row.verb}, {row.alias}" if row.alias else row.verb for row in COMMANDS]
    assert sorted(word for word in words if word) == sorted(names)


def test_the_overview_has_its_groups_in_their_order() -> None:
    heads = [line for line in help.overview().splitlines() if line[:1].isupper()]

    assert heads[:4] == ["Applications", "The cloud", "Scripts and drills", "The shell"]


@ROWS
def test_a_page_tells_summary_usage_every_option_and_every_example(row: Command) -> None:
    text = help.page(row)

    assert row.summary in text
    assert f"\nusage: {row.verb}" in text
    assert all(f"--{option.name}" in text for option in row.options)
    assert all(f"\n  {example}" in text for example in row.examples)


@ROWS
def test_a_page_is_plain_text_of_80_columns(row: Command) -> None:
    for line in help.page(row).splitlines():
        assert len(line) <= 80
        assert line.isascii()
        assert line == line.rstrip()


@ROWS
def test_a_page_breaks_between_words_where_the_terminal_is_narrower(row: Command) -> None:
    heads = [f"  {help.option_head(option)}" for option in row.options]  # their values are words
    for width in (40, 50, 60):
        whole, _, examples = help.page(row, width).partition("\nexamples:\n")

        assert [line for line in whole.splitlines() if len(line) > width and line not in heads] == []
        assert "".join(whole.split()) == "".join(help.page(row).partition("\nexamples:\n")[0].split())
        assert all(f"  {example}" in examples for example in row.examples)


def test_an_option_tells_what_its_value_is() -> None:
    unnamed = {
        option.name
        for row in COMMANDS
        for option in row.options
        if option.kind and option.kind.metavar in ("TEXT", "WORD")
    }

    assert unnamed == {"contains"}  # any text at all


def test_the_overview_is_plain_text_of_80_columns() -> None:
    assert max(map(len, help.overview().splitlines())) <= 80


def test_the_overview_is_as_narrow_as_the_terminal() -> None:
    assert max(map(len, help.overview(40).splitlines())) <= 40


def test_options_are_aligned_and_show_their_values() -> None:
    lines = page("load")

    assert "      --rps N              requests per second (50)" in lines
    assert "  -d, --detach             run in the background; `wait load APP done` joins it" in lines


def test_an_option_whose_value_is_long_has_its_help_below() -> None:
    lines = page("ps")

    at = lines.index("  -o, --output table|wide|json|jsonl|csv|name")
    assert lines[at + 1].strip() == "how it is printed (table)"


def test_a_word_that_can_be_chosen_stands_in_the_usage_as_what_it_can_be() -> None:
    assert "usage: completion bash|zsh" in page("completion")
    assert page("images")[3].endswith("[-q] [ls]")


def test_a_usage_spells_an_option_whose_letter_tells_less_than_its_name() -> None:
    assert "[--tail N]" in " ".join(page("logs"))
    assert "[--interval DURATION]" in " ".join(page("watch"))
    assert "run [-n N]" in " ".join(page("run"))


def test_who_waits_for_workers_that_leave_does_not_wait_until_they_are_ready() -> None:
    waits = {verb: " ".join(page(verb)) for verb in ("rm", "stop", "start")}

    assert ["until they are gone" in text for text in waits.values()] == [True, True, False]


def test_set_tells_every_option_of_the_shell_with_its_values_and_how_it_begins() -> None:
    assert "  echo on|off     print each command before it runs (off)" in page("set")
    assert "                  how listings are printed (table)" in page("set")


def test_an_option_stays_beside_its_value_when_the_usage_is_broken() -> None:
    usage = [line for line in page("run")[2:9] if line]

    assert any("[--image IMAGE]" in line for line in usage)
    assert all(line.count("[") == line.count("]") for line in usage)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_a_short_page_of_80_columns(topic: str) -> None:
    lines = help.topic(topic).splitlines()

    assert lines[0].startswith(f"{topic}: ")
    assert len(lines) <= 40
    assert all(len(line) <= 80 and line.isascii() for line in lines)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("width", [40, 60, 72])
def test_a_topic_breaks_between_words_where_the_terminal_is_narrower(topic: str, width: int) -> None:
    text = help.topic(topic, width)

    wide = [line for line in text.splitlines() if len(line) > width]
    assert all(line in TOPICS[topic].splitlines() for line in wide), "only code is left as it stands"
    assert all(line.startswith("  ") for line in wide)
    assert text.split() == TOPICS[topic].split(), "no word is lost"


def test_code_in_a_topic_can_be_pasted_from_the_narrowest_terminal() -> None:
    assert '  command = ["./server.py", "--port", "8000"]' in help.topic("files", 30).splitlines()
    assert "  expect http web / --count 100 --failed 0" in help.topic("scripts", 30).splitlines()


def test_what_a_row_of_a_topic_tells_stands_beside_it_or_below_it() -> None:
    assert (
        "  explain web        the last decision: arithmetic, limits,\n"
        "                     the fitted curve" in help.topic("autoscaling", 60)
    )
    assert "  autoscale web --max 6\n      enough: 95% of requests within 250 ms" in help.topic(
        "autoscaling", 60
    )


def test_no_topic_hides_a_command() -> None:
    assert all(command_of(topic) is None for topic in TOPICS)


def test_the_first_command_that_a_person_is_offered_runs_a_file_that_is_there() -> None:
    program = next(word for word in FIRST_RUN.split() if word.startswith("./"))

    assert (Path(__file__).resolve().parents[2] / program).exists()
