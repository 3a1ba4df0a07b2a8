"""Scripts: lines with their numbers, and which failure ends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shell import script
from shell.script import Line, LineUnreadable
from tests.fakes.manager import FakeManager
from tests.fakes.shells import Shell


def run(shell: Shell, *lines: str) -> int:
    return script.run(shell.session, script.lines(f"{line}\n".encode() for line in lines), "stdin")


def write(directory: Path, name: str, *lines: str) -> str:
    path = directory / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_lines_have_numbers_and_continued_ones_that_of_the_first() -> None:
    raw = [b"a\n", b"b \\\n", b"c\n", b"# x \\\n", b"d"]
    assert list(script.lines(raw)) == [Line("a", 1), Line("b \\\nc", 2), Line("# x \\", 4), Line("d", 5)]


def test_a_byte_order_mark_and_crlf_are_accepted() -> None:
    raw = [b"\xef\xbb\xbfecho a\r\n", b"echo b \\\r\n", b"c\r\n"]
    assert list(script.lines(raw)) == [Line("echo a", 1), Line("echo b \\\nc", 2)]


@pytest.mark.parametrize("bad", [b"echo \xff\n", b"echo \0\n"])
def test_a_line_that_is_no_text_is_named(bad: bytes) -> None:
    with pytest.raises(LineUnreadable) as unreadable:
        list(script.lines([b"ps\n", bad]))
    assert unreadable.value.number == 2


def test_the_next_line_is_read_only_when_the_former_is_done(shell: Shell) -> None:
    seen: list[str] = []

    def typed() -> Iterator[bytes]:
        for word in ("a", "b"):
            seen.append(shell.out.getvalue())
            yield f"echo {word}\n".encode()

    assert script.run(shell.session, script.lines(typed()), "stdin") == 0
    assert seen == ["", "a\n"]


def test_a_script_stops_at_the_first_failure_with_its_code(shell: Shell) -> None:
    assert run(shell, "echo a", "ps", "echo b") == 3
    assert shell.out.getvalue() == "a\n"
    assert shell.err.getvalue().startswith('stdin:2: error: the cloud "default" is down\n')


def test_with_errexit_off_it_goes_on_and_the_code_is_1(shell: Shell) -> None:
    assert run(shell, "set errexit off", "ps", "echo b") == 1
    assert shell.out.getvalue() == "b\n"


def test_a_tolerated_failure_does_not_count(shell: Shell) -> None:
    assert run(shell, "-ps", "echo b") == 0


def test_an_error_names_the_line_of_its_word(shell: Shell) -> None:
    assert run(shell, "", "echo a \\", "  $nosuch") == 2
    assert shell.err.getvalue().startswith('stdin:3: error: variable "nosuch" is not set\n         $nosuch\n')


def test_a_quote_goes_on_over_lines_and_the_next_command_is_counted_right(shell: Shell) -> None:
    assert run(shell, "echo 'a", "b'; echo \"c", 'd"', "$nosuch") == 2
    assert shell.out.getvalue() == "a\nb\nc\nd\n"
    assert shell.err.getvalue().startswith("stdin:4: error:")


def test_a_quote_that_is_never_closed_is_told_where_it_began(shell: Shell) -> None:
    assert run(shell, "echo a", 'echo b "c', "echo d") == 2
    assert shell.out.getvalue() == "a\n"
    assert shell.err.getvalue().startswith(
        'stdin:2: error: unterminated " quote\n       echo b "c\n              ^^\n'
    )


def test_nothing_follows_a_last_backslash(shell: Shell) -> None:
    assert run(shell, "echo a \\") == 2
    assert "stdin:1: error: nothing follows the last backslash" in shell.err.getvalue()


def test_exit_ends_a_script_well(shell: Shell) -> None:
    assert run(shell, "echo a", "exit", "nosuch") == 0


def test_a_file_is_checked_whole_before_anything_runs(shell: Shell, tmp_path: Path) -> None:
    path = write(tmp_path, "demo.sc", "echo a", "", "scale web=3 --wiat")
    assert script.run_file(shell.session, path) == 2
    assert shell.out.getvalue() == ""
    assert shell.err.getvalue() == (
        "demo.sc:3: error: scale has no option --wiat (did you mean --wait?)\n"
        "       scale web=3 --wiat\n"
        "                   ^^^^^^\n"
        "hint:  scale web=3 --wait\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "sacle",
        "echo 'a",
        "sleep soon",
        "ps $x --nosuch",
        "expect web redy == 3",
        "expect web ready ~ 3",
        "-sacle",
        "source",
    ],
)
def test_check_finds_what_cannot_be_right(shell: Shell, tmp_path: Path, line: str) -> None:
    assert script.run_file(shell.session, write(tmp_path, "x.sc", line), check_only=True) == 2
    assert shell.err.getvalue().startswith("x.sc:1: error: ")


def test_check_runs_nothing_and_knows_no_variables(shell: Shell, tmp_path: Path) -> None:
    path = write(tmp_path, "x.sc", "echo a", "scale web=$n", "$verb web", "expect error 'x' sacle --y")
    assert script.run_file(shell.session, path, check_only=True) == 0
    assert shell.out.getvalue() == ""


def test_a_script_can_source_another(shell: Shell, tmp_path: Path) -> None:
    inner = write(tmp_path, "inner.sc", "set n 3")
    outer = write(tmp_path, "outer.sc", f"source {inner}", "echo $n")
    assert script.run_file(shell.session, outer) == 0
    assert shell.out.getvalue() == "3\n"


def test_a_failure_in_a_sourced_script_is_told_once_and_ends_both(shell: Shell, tmp_path: Path) -> None:
    inner = write(tmp_path, "inner.sc", "ps")
    outer = write(tmp_path, "outer.sc", f"source {inner}", "echo never")
    assert script.run_file(shell.session, outer) == 3
    assert shell.out.getvalue() == ""
    assert shell.err.getvalue().count("error:") == 1


def test_a_script_that_sources_itself_is_refused(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "a.sc"
    path.write_text(f"source {path}\n")
    assert script.run_file(shell.session, str(path)) == 1
    assert f"a.sc:1: error: {path} sources itself" in shell.err.getvalue()


def test_a_script_that_is_a_link_to_itself_is_refused(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "a.sc"
    path.symlink_to(path)
    assert shell.run(f"source {path}") == 2
    assert f"cannot open {path}: Too many levels of symbolic links" in shell.err.getvalue()


def test_scripts_source_each_other_only_so_deep(shell: Shell, tmp_path: Path) -> None:
    for number in range(script.MAX_DEPTH + 1):
        write(tmp_path, f"{number}.sc", f"source {tmp_path}/{number + 1}.sc")
    assert script.run_file(shell.session, str(tmp_path / "0.sc")) == 1
    assert "more than 16 deep" in shell.err.getvalue()


def test_a_file_that_cannot_be_read_is_a_usage_error(shell: Shell, tmp_path: Path) -> None:
    assert shell.run(f"source {tmp_path}/nosuch.sc") == 2
    assert "there is no file" in shell.err.getvalue()


def test_a_command_of_a_script_sees_the_lines_before_it(shell: Shell, manager: FakeManager) -> None:
    assert run(shell, "set n 5", "scale web=$n", "expect web ready == 3") == 0
    assert manager.methods() == ["scale", "apps"]


def test_what_is_typed_and_goes_well_is_recorded_as_a_script(shell: Shell, tmp_path: Path) -> None:
    path, sourced = tmp_path / "session.sc", write(tmp_path, "inner.sc", "echo inner")

    code = run(
        shell,
        f"record {path}",
        "set n 3; echo $n",
        "-nonsense",
        f"source {sourced}",
        "record off",
        "echo after",
    )

    assert code == 0
    assert path.read_text().splitlines() == ["set n 3", "echo $n", f"source {sourced}"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_recording_overwrites_nothing_and_there_is_one_at_a_time(shell: Shell, tmp_path: Path) -> None:
    kept = write(tmp_path, "kept.sc", "echo kept")

    assert run(shell, f"record {kept}") == 1
    assert f"hint:  record {kept}.new" in shell.err.getvalue()
    assert run(shell, f"record {tmp_path}/a", f"record {tmp_path}/b") == 2
    assert "hint:  record off" in shell.err.getvalue()
    assert not (tmp_path / "b").exists()
    shell.session.close()


def test_record_alone_tells_what_is_recorded(shell: Shell, tmp_path: Path) -> None:
    run(shell, "record", f"record {tmp_path}/a", "record", "record off")

    assert shell.out.getvalue() == f"recording nothing\nrecording {tmp_path}/a\n"
