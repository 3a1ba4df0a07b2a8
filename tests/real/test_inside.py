"""Inside the workers of a real cloud: exec as docker's users know it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.real.cloud import LAUNCHER, Apps, Cloud, apps_on, eventually, inside
from tests.real.terminal import on_terminal

FOREVER = ("sleep", "1000")


@pytest.fixture(scope="module")
def app(cloud: Cloud) -> Iterator[str]:
    """Lend an app that each test leaves as it was."""
    with apps_on(cloud) as apps:
        yield apps.run(*FOREVER)


def given(cloud: Cloud, content: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Return what one command does that has something to read."""
    words = (LAUNCHER, "--cloud", cloud.name, *words)
    return subprocess.run(words, input=content, capture_output=True, timeout=60, check=False)


def test_a_command_has_its_own_streams_and_exit_code(app: str, cloud: Cloud) -> None:
    outcome = cloud.run("exec", app, "sh", "-c", "echo out; echo err >&2; exit 7")

    assert (outcome.code, outcome.stdout, outcome.stderr) == (7, "out\n", "err\n")


def test_where_no_shell_keeps_the_exit_code_it_is_told(app: str, cloud: Cloud) -> None:
    outcome = cloud.script(f"exec {app}.1 sh -c 'exit 3'")

    assert outcome.code == 3
    assert outcome.stderr == f"note: the command in {app}.1 ended with exit code 3\n"


def test_words_arrive_as_they_were_typed(app: str, cloud: Cloud) -> None:
    odd = ("", " ", "a b", "$HOME", "'", "*", "--help", "-it", "ä")

    outcome = cloud.ok("exec", app, "sh", "-c", 'for word in "$@"; do echo "[$word]"; done', "sh", *odd)

    assert outcome.stdout.splitlines() == [f"[{word}]" for word in odd]


def test_user_environment_and_directory_are_as_asked(app: str, cloud: Cloud) -> None:
    asked = ("-u", "1", "-w", "/tmp", "-e", "A=b c")

    outcome = cloud.ok("exec", *asked, app, "sh", "-c", "id -u; pwd; echo $A")

    assert outcome.stdout == "1\n/tmp\nb c\n"


def test_bytes_go_in_and_come_out_unchanged(app: str, cloud: Cloud) -> None:
    content = os.urandom(2_000_000)

    assert given(cloud, content, "exec", "-i", app, "cat").stdout == content
    assert given(cloud, content, "exec", app, "cat").stdout == b""


def test_a_script_s_command_does_not_read_the_script(app: str, cloud: Cloud) -> None:
    outcome = cloud.script(f"exec -i {app} cat\necho $(exec {app} echo two)\n")

    assert (outcome.code, outcome.stdout) == (0, "two\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("APP", "nosuch"), 127, 'has no command "nosuch"'),
        (("APP", "/etc"), 126, 'cannot run "/etc": permission denied'),
        (("-w", "/nosuch", "APP", "ls"), 126, "has no directory /nosuch"),
        (("-u", "nosuch", "APP", "ls"), 126, 'has no user "nosuch"'),
        (("APP.9", "ls"), 1, "has no worker 9"),
        (("nosuch", "ls"), 1, 'no app is named "nosuch"'),
        (("-it", "APP", "sh"), 2, "exec -t -i needs a terminal"),
        (("APP", "-it", "sh"), 2, "-it stands behind"),
        (("APP",), 2, "exec needs COMMAND"),
        (("-e", "A", "APP", "ls"), 2, "the variable A has no value here"),
    ],
)
def test_what_cannot_be_run_is_an_error(
    words: tuple[str, ...], code: int, message: str, app: str, cloud: Cloud
) -> None:
    outcome = cloud.run("exec", *(word.replace("APP", app) for word in words))

    assert (outcome.code, outcome.stdout) == (code, "")
    assert message in outcome.stderr
    assert "\nhint:  " in outcome.stderr


def test_a_command_that_there_is_not_is_pointed_at_in_a_script(app: str, cloud: Cloud) -> None:
    outcome = cloud.script(f"exec {app} nosuch\n")

    assert outcome.code == 127
    assert outcome.stderr.startswith(f'stdin:1: error: {app}.1 has no command "nosuch"\n')
    assert " ^^^^^^\n" in outcome.stderr


def test_an_app_of_several_workers_means_the_first_and_says_so(apps: Apps, cloud: Cloud) -> None:
    app = apps.run(*FOREVER, options=("-n", "2"))

    outcome = cloud.ok("exec", app, "hostname")

    assert outcome.stdout == f"{app}.1\n"
    assert outcome.stderr == f"note: {app} has 2 workers, this is {app}.1\n"
    assert cloud.ok("exec", f"{app}.2", "hostname").stdout == f"{app}.2\n"


def test_a_container_s_id_will_do(app: str, cloud: Cloud) -> None:
    number = cloud.ok("inspect", f"{app}.1").json["engine"]["id"]

    assert cloud.ok("exec", number[:12], "hostname").stdout == f"{app}.1\n"


def test_a_command_goes_on_while_the_manager_dies(app: str, cloud: Cloud) -> None:
    words = [
        LAUNCHER,
        "--cloud",
        cloud.name,
        "exec",
        "-i",
        app,
        "sh",
        "-c",
        "echo a; read x; echo $x; exit 5",
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"a\n"
        os.kill(cloud.manager_pids()[0], signal.SIGKILL)

        process.stdin.write(b"b\n")
        process.stdin.close()

        assert process.stdout.read() == b"b\n"
        assert process.wait(60) == 5
    cloud.manager_pids()  # as soon as there are both


def test_a_worker_that_dies_ends_its_commands(apps: Apps, cloud: Cloud) -> None:
    app = apps.run(*FOREVER)
    words = [LAUNCHER, "--cloud", cloud.name, "exec", app, "sh", "-c", "echo a; sleep 1000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"a\n"

        cloud.ok("crash", f"{app}.1", "-y")

        assert process.wait(60) != 0


def test_nothing_goes_on_when_nobody_listens(app: str, cloud: Cloud) -> None:
    words = [LAUNCHER, "--cloud", cloud.name, "exec", app, "sh", "-c", "echo a; exec sleep 999"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"a\n"
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == 130
        assert b"was told to end" in process.stderr.read()
    container = cloud.container(f"{app}.1")
    eventually(lambda: "sleep 999" not in commands_of(container), within_s=10)


def commands_of(container: str) -> str:
    listing = "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file; echo; done"
    return inside(container, "sh", "-c", listing).stdout


def test_a_terminal_is_a_terminal_inside_too(app: str, cloud: Cloud) -> None:
    with on_terminal(LAUNCHER, "--cloud", cloud.name, "exec", "-it", app, "sh") as terminal:
        terminal.wait_for("# ")
        terminal.type("until [ \"$(stty size)\" = '24 80' ]; do sleep 0.05; done; echo rea''dy\r")
        terminal.wait_for("ready")

        terminal.resize(30, 100)
        terminal.type("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.05; done; echo resi''zed\r")
        terminal.wait_for("resized")

        terminal.type("sh -c 'echo be\"\"gun; exec sleep 1000'\r")
        terminal.wait_for("begun")
        terminal.type("\x03")
        terminal.type("echo code $?\r")
        terminal.wait_for("code 130")

        assert not terminal.is_as_before()
        terminal.type("exit 3\r")
        assert terminal.process.wait(60) == 3
        assert terminal.is_as_before()


def test_who_starts_a_shell_that_has_nothing_to_read_is_told_how_to_go_in(app: str, cloud: Cloud) -> None:
    with on_terminal(LAUNCHER, "--cloud", cloud.name, "exec", "-u", "0", app, "sh") as terminal:
        terminal.wait_for(f"and ends at once: exec -it --user 0 {app} sh\r\n")
        assert terminal.process.wait(60) == 0

    with on_terminal(LAUNCHER, "--cloud", cloud.name, "exec", "-t", app, "sh") as terminal:
        terminal.wait_for(f"and waits for ever: exec -it {app} sh\r\n")
        terminal.type("\x03")
        assert terminal.process.wait(60) == 130


def test_the_prompt_is_in_order_after_a_terminal_inside(app: str, cloud: Cloud) -> None:
    with on_terminal(LAUNCHER, "--cloud", cloud.name) as terminal:
        terminal.wait_for(f"cloud:{cloud.name}>")
        terminal.type(f"exec -it {app} sh\r")
        terminal.wait_for("# ")
        terminal.type("echo in''side; exit\r")
        terminal.wait_for("inside")
        terminal.wait_for(f"cloud:{cloud.name}>")
        terminal.type("echo out''side\r")
        terminal.wait_for("outside\r\n")


def test_a_shell_that_is_ended_leaves_the_terminal_in_order(app: str, cloud: Cloud) -> None:
    with on_terminal(LAUNCHER, "--cloud", cloud.name, "exec", "-it", app, "sh") as terminal:
        terminal.wait_for("# ")
        terminal.type("echo rea''dy\r")
        terminal.wait_for("ready")
        terminal.process.terminate()

        assert terminal.process.wait(60) == 128 + signal.SIGTERM
        assert terminal.is_as_before()


def test_the_processes_of_a_worker_are_listed(app: str, cloud: Cloud) -> None:
    table = cloud.ok("top", app).stdout.splitlines()
    chosen = cloud.ok("top", f"{app}.1", "-o", "pid,cmd").stdout.splitlines()

    assert table[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [line for line in table if line.endswith("  sleep 1000")] != []
    assert chosen[0].split() == ["PID", "CMD"]
    assert cloud.ok("top", "-o", "json", app).json["headers"][1] == "PID"


def test_what_ps_does_not_know_is_an_error(app: str, cloud: Cloud) -> None:
    outcome = cloud.run("top", app, "--nosuch")

    assert outcome.code == 1
    assert f"cannot list the processes of {app}.1: ps: error: unknown gnu long option" in outcome.stderr
    assert f"hint:  top {app}.1\n" in outcome.stderr
