"""The program: its arguments, its ways to run, its exit codes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from manager.api.errors import UsageError
from manager.api.places import places_of
from shell.asked import parse
from shell.host import ROOT
from shell.main import main
from tests.fakes.manager import FakeManager, PlacesAt

PROGRAM = (sys.executable, "-P", "-S", str(ROOT / "shell/__main__.py"))  # as the launcher starts it
MODULE = (sys.executable, "-m", "shell")  # as who has its packages starts it
_NOWHERE = ("--cloud", "no-such-cloud-here")


def start(
    *arguments: str, stdin: int = subprocess.DEVNULL, program: Sequence[str] = PROGRAM
) -> subprocess.Popen[str]:
    """Start the program as a process of its own, with its output in pipes."""
    return subprocess.Popen(
        [*program, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )


def run(*arguments: str, script: str | None = None, program: Sequence[str] = PROGRAM) -> tuple[int, str, str]:
    """Run the program to its end and return its code and what it wrote to stdout and stderr."""
    stdin = subprocess.DEVNULL if script is None else subprocess.PIPE
    running = start(*arguments, stdin=stdin, program=program)
    out, err = running.communicate(script, timeout=60)
    return running.returncode, out, err


def test_from_the_verb_on_all_arguments_are_the_commands() -> None:
    asked = parse(["--cloud", "test", "run", "-e", "A=1", "w", "sh", "-c", "-k"])
    assert (asked.cloud, asked.text, asked.keep_going) == ("test", None, False)
    assert asked.command == ("run", "-e", "A=1", "w", "sh", "-c", "-k")


def test_a_value_may_stand_behind_an_equals_sign() -> None:
    asked = parse(["--cloud=a=b", "-c=set n=3"])
    assert (asked.cloud, asked.text, asked.command) == ("a=b", "set n=3", ())


def test_options_of_the_program_come_first() -> None:
    asked = parse(["--cloud=test", "-k", "-x", "-f", "a.sc", "--check"])
    assert (asked.cloud, asked.file, asked.check, asked.keep_going, asked.echo) == (
        "test",
        "a.sc",
        True,
        True,
        True,
    )


def test_letters_of_the_program_may_stand_behind_one_dash() -> None:
    asked = parse(["-kx", "--check", "-xkf", "a.sc"])
    assert (asked.file, asked.check, asked.keep_going, asked.echo) == ("a.sc", True, True, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nosuch"],
        ["-f"],
        ["--check", "ps"],
        ["-kz"],
        ["-f", "a", "-c", "b"],
        ["-c", "ps", "ps"],
        ["--cloud"],
        ["-k=no"],
        ["-f", "a", "-f=b"],
    ],
)
def test_arguments_that_fit_nothing_are_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--etcd-members", "1", "up"], "simplecloud up --etcd-members 1"),
        (["--etcd-members=1"], "simplecloud up --etcd-members=1"),
        (["--http-port", "81", "status"], "simplecloud up --http-port 81"),
        (["--systemd"], "simplecloud up --systemd"),
        (["-n", "3", "run", "web", "echo a"], "simplecloud run -n 3 web 'echo a'"),
        (["--nosuch", "up"], "simplecloud --help"),
    ],
)
def test_an_option_ahead_of_the_verb_is_hinted_behind_it(arguments: list[str], hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(arguments)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("arguments", "variable", "hinted"),
    [
        (["--check", "ps"], "test", "simplecloud -f FILE --check"),
        (["--cloud", "test", "--check", "ps"], "", "simplecloud --cloud test -f FILE --check"),
        (["--cloud", "test", "--check", "ps"], "test", "simplecloud -f FILE --check"),
        (["--check", "my tour.sc"], "", "simplecloud -f 'my tour.sc' --check"),
        (["--cloud", "default", "--check", "ps"], "test", "simplecloud --cloud default -f FILE --check"),
    ],
)
def test_what_is_hinted_for_arguments_that_are_off_is_for_the_same_cloud(
    arguments: list[str],
    variable: str,
    hinted: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SIMPLECLOUD_CLOUD", variable)
    monkeypatch.setenv("SIMPLECLOUD_PROGRAM", "simplecloud")

    assert main(arguments) == 2
    assert capsys.readouterr().err == f"error: --check needs a script\nhint:  {hinted}\n"


@pytest.mark.parametrize("arguments", [("--cloud", "", "version"), ("--cloud=", "version")])
def test_an_empty_name_is_no_cloud_and_not_the_default_one(arguments: Sequence[str]) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert err.startswith('error: "" is not a cloud\'s name')
    with pytest.raises(UsageError):
        places_of("")


def test_one_command_prints_its_result(
    places: PlacesAt, manager: FakeManager, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apps", "-o", "json"], lambda _: places) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["name"] == "web"


def test_one_command_does_not_start_the_cloud() -> None:
    code, out, err = run(*_NOWHERE, "ps")
    assert (code, out) == (3, "")
    assert err == (
        'error: the cloud "no-such-cloud-here" is down\nhint:  simplecloud --cloud no-such-cloud-here up\n'
    )


def test_one_command_leaves_no_load_behind() -> None:
    code, _, said = run("load", "web", "--detach")

    assert code == 2
    assert "would end here with this one" in said


@pytest.mark.parametrize("program", [PROGRAM, MODULE], ids=["launcher", "module"])
@pytest.mark.parametrize("arguments", [("--version",), ("version",), ("help",), ("--help",), ("-h",)])
def test_what_needs_no_cloud_needs_no_cloud(program: Sequence[str], arguments: Sequence[str]) -> None:
    code, out, err = run(*_NOWHERE, *arguments, program=program)
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize(("arguments", "script"), [(("-c", ""), None), ((), ""), ((), "# nothing\n")])
def test_an_empty_script_starts_nothing(arguments: Sequence[str], script: str | None) -> None:
    assert run(*_NOWHERE, *arguments, script=script) == (0, "", "")


def test_a_command_string_is_a_script() -> None:
    assert run(*_NOWHERE, "-c", "set n 3; echo $n\necho 'a;b'") == (0, "3\na;b\n", "")


def test_a_command_string_is_checked_before_it_runs() -> None:
    code, out, err = run(*_NOWHERE, "-c", "echo a; sacle web=3")
    assert (code, out) == (2, "")
    assert err.startswith('-c:1: error: unknown command "sacle"\n')


def test_keep_going_and_echo_are_options_of_the_program() -> None:
    code, out, err = run(*_NOWHERE, "-k", "-x", script="sacle\necho b\n")
    assert (code, out) == (1, "b\n")
    assert "cloud:no-such-cloud-here> echo b\n" in err


def test_a_script_file_can_be_checked_only(tmp_path: Path) -> None:
    path = tmp_path / "demo.sc"
    path.write_text("echo a\nps --nosuch\n")
    code, out, err = run(*_NOWHERE, "-f", str(path), "--check")
    assert (code, out) == (2, "")
    assert err.startswith("demo.sc:2: error: ps has no option --nosuch\n")


def test_a_piped_script_runs_as_its_lines_come() -> None:
    with start(*_NOWHERE, stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for word in ("first", "second"):
            program.stdin.write(f"echo {word}\n")
            program.stdin.flush()
            assert program.stdout.readline() == f"{word}\n"
        program.stdin.close()
        assert program.wait(timeout=30) == 0


def test_a_reader_that_hangs_up_is_no_error() -> None:
    with start(*_NOWHERE, stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        program.stdin.write("echo a\n")
        program.stdin.close()
        assert program.wait(timeout=30) == 141
        assert program.stderr.read() == ""


def test_a_script_from_standard_input_can_be_checked_whole_first() -> None:
    assert run(*_NOWHERE, "-f", "-", script="echo a\necho b\n") == (0, "a\nb\n", "")
    assert run(*_NOWHERE, "--check", script="echo a\necho b\n") == (0, "", "")
    for option in (("-f", "-"), ("--check",)):
        code, out, err = run(*_NOWHERE, *option, script="echo a\nsacle web=3\n")
        assert (code, out) == (2, "")
        assert err.startswith('stdin:2: error: unknown command "sacle"\n')


def test_a_terminal_is_no_script_to_check() -> None:
    keyboard, stdin = os.openpty()
    try:
        with start(*_NOWHERE, "--check", stdin=stdin) as program:
            _, err = program.communicate(timeout=60)
    finally:
        os.close(keyboard)
        os.close(stdin)

    assert program.returncode == 2
    assert err.startswith("error: --check needs a script\n")


def test_a_line_is_completed_for_the_systems_shell() -> None:
    assert run("--complete", "./simplecloud --cloud no-such-cloud-here sca") == (0, "scale\n", "")
    assert run("--complete", "./simplecloud --cloud no-such-cloud-here rm w") == (0, "", "")


def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, *_NOWHERE, "-c", "echo a"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: cannot go on: No space left on device\n")


def test_a_quick_command_loads_neither_what_packages_start_nor_what_nothing_uses() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *PROGRAM[1:], "version"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert done.stdout.startswith("simplecloud ")
    assert "dataclasses" in loaded
    assert loaded.isdisjoint(
        {"inspect", "ast", "ipaddress", "selectors", "site", "tabulate", "prompt_toolkit"}
    )


def test_what_is_put_off_is_there_as_soon_as_it_is_used() -> None:
    program = "import inspect, signal, sys; print(inspect.getdoc(signal.signal)[:3], inspect.__spec__.name)"
    late = "from shell.late import Late; import sys; sys.modules['inspect'] = Late('inspect'); "
    done = subprocess.run(
        [sys.executable, "-P", "-S", "-c", late + program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "Set inspect\n"


def test_a_stream_without_a_character_shows_it_written_out() -> None:
    done = subprocess.run(
        [*PROGRAM, *_NOWHERE, "echo", "é"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"\\xe9\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_changes_nothing_else(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" "$@" {closed}', *PROGRAM, *_NOWHERE, "sacle"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_interrupting_ends_a_script_with_130() -> None:
    with start(*_NOWHERE, "-k", "-c", "echo begun; sleep 60s; echo never") as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == "begun\n"
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=30) == 130
        assert program.stdout.read() == ""
        assert program.stderr.read() == "error: interrupted\n"


def test_interrupting_what_is_being_loaded_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "dataclasses.py").write_text("import time; print('loading', flush=True); time.sleep(60)")
    with subprocess.Popen(
        [*PROGRAM, "ps"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == "loading\n"
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=30) == -signal.SIGINT
        assert program.stderr.read() == ""


def test_a_script_asks_nobody_and_its_loads_end_with_it(
    places: PlacesAt,
    manager: FakeManager,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"load web --for 1h --detach\nrm web\n")))
    assert main([], lambda _: places) == 2
    assert "hint:  rm web -y" in capsys.readouterr().err


def test_an_unknown_cloud_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cloud", "No Name", "ps"]) == 2
    assert "is not a cloud's name" in capsys.readouterr().err
