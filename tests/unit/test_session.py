"""A session: statements carried out, what they print where, and how they fail."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest

from manager.api import quantities
from manager.api.documents import rfc3339
from manager.api.errors import AppExists, AppNotFound, CloudError, NotConfirmed, ProgramRejected
from shell import host
from shell.attempt import execute_words
from shell.progress import Progress
from tests.eventually import eventually
from tests.fakes.manager import Death, FakeCall, FakeManager, app_item
from tests.fakes.shells import Shell, TerminalText
from tests.fakes.website import Website, serving


def test_results_go_to_stdout_and_nothing_else(shell: Shell, manager: FakeManager) -> None:
    def scale(call: FakeCall) -> dict[str, object]:
        call.emit({"kind": "Progress", "text": "web.4  created 10.200.0.14"})
        call.emit({"kind": "Note", "text": "web is young"})
        return {"kind": "Result", "message": "web: 4 of 4 workers ready (1.4 s)", "notes": ["all well"]}

    manager.verbs["scale"] = scale
    assert shell.run("scale web=4") == 0
    assert shell.out.getvalue() == "web: 4 of 4 workers ready (1.4 s)\n"
    assert shell.err.getvalue() == (
        "web.4  created 10.200.0.14\nnote: web is young\nnote: all well\n"
    )  # fmt: skip


def logs(call: FakeCall) -> dict[str, object]:
    for text in ("hello", "world"):
        call.emit({"kind": "LogLine", "worker": "web.1", "time": "", "stream": "stderr", "text": text})
    return {"kind": "Result", "message": ""}


def test_what_a_host_command_found_before_it_died_is_printed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies = 'print(\'{"name": "docker", "state": "ok", "fact": "20.10", "fix": ""}\'); raise SystemExit(7)'
    monkeypatch.setattr(host, "command_line", lambda *_, **__: [sys.executable, "-c", dies])

    assert shell.run("doctor -q") == 7
    assert shell.out.getvalue() == "docker\n"


def test_a_note_cannot_steer_a_terminal(shell: Shell) -> None:
    shell.session.note("d/\x1b[2J was left out")
    assert shell.err.getvalue() == "note: d/\\x1b[2J was left out\n"


def test_a_backup_that_fails_leaves_no_file_and_none_that_was_there_goes(
    shell: Shell, tmp_path: Path
) -> None:
    path = tmp_path / "cloud.bak"
    assert shell.run(f"backup {path}") == 3
    assert not path.exists()

    path.write_text("of yesterday")
    assert shell.run(f"backup {path}") == 3
    assert path.read_text() == "of yesterday"
    assert os.listdir(tmp_path) == ["cloud.bak"]


def test_a_command_that_only_this_directory_has_is_offered_as_its_file(
    shell: Shell, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(call: FakeCall) -> NoReturn:
        raise ProgramRejected('image i has no command "hello"', hint="images")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello").touch()
    manager.verbs["run"] = run
    assert shell.run("run -n 2 hello hello 'a b'") == 1
    assert shell.err.getvalue().splitlines()[-1] == "hint:  run --workers 2 hello ./hello 'a b'"
    assert 'image i has no command "hello", and here hello is a file' in shell.err.getvalue()


def test_a_command_that_a_directory_below_has_is_offered_as_its_file(
    shell: Shell, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(call: FakeCall) -> NoReturn:
        raise ProgramRejected("image i has no file api/hello", hint="help files")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "api").mkdir()
    (tmp_path / "api/hello").touch()
    manager.verbs["run"] = run
    assert shell.run("run web api/hello") == 1
    assert shell.err.getvalue().splitlines()[-1] == "hint:  run web ./api/hello"


def test_a_run_of_an_app_that_is_there_already_is_offered_as_an_update_of_it(
    shell: Shell, manager: FakeManager
) -> None:
    def run(call: FakeCall) -> NoReturn:
        raise AppExists("an app is named web already", hint="help update    (or: rm web -y)")

    manager.verbs["run"] = run
    assert shell.run("run -n 2 -p 8000 -e A=b web sleep 60") == 1
    assert shell.err.getvalue().splitlines()[-1] == (
        "hint:  update --port 8000 --env A=b web sleep 60    (or: rm web -y)"
    )


def test_the_update_that_is_offered_calls_a_copied_file_as_the_workers_have_it(
    shell: Shell, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(call: FakeCall) -> NoReturn:
        raise AppExists("an app is named web already", hint="help update    (or: rm web -y)")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "server.py").touch()
    manager.verbs["run"] = run
    assert shell.run("run --copy server.py web python3 server.py") == 1
    assert shell.err.getvalue().splitlines()[-1] == (
        "hint:  update --copy server.py web python3 /app/server.py    (or: rm web -y)"
    )


@pytest.mark.parametrize("verb", ["run", "update"])
def test_values_of_the_environment_and_of_files_go_to_the_manager(
    shell: Shell, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("PLACE", "here")
    (tmp_path / "app.env").write_text("PW=hunter2\n")
    assert shell.run(f"{verb} --env-file {tmp_path}/app.env -e PLACE -e A=1 web ls") == 0
    assert manager.calls[0].params["env"] == ["PW=hunter2", "PLACE=here", "A=1"]
    assert "env_file" not in manager.calls[0].params


def test_no_hint_shows_a_value_of_the_environment_or_of_a_file(
    shell: Shell, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(call: FakeCall) -> NoReturn:
        raise ProgramRejected('image i has no command "hello"', hint="images")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACE", "hunter3")
    (tmp_path / "app.env").write_text("PW=hunter2\n")
    (tmp_path / "hello").touch()
    manager.verbs["run"] = run
    assert shell.run("run --env-file app.env -e PLACE web hello") == 1
    assert shell.err.getvalue().splitlines()[-1] == "hint:  run --env PLACE --env-file app.env web ./hello"
    assert "hunter" not in shell.err.getvalue()


@pytest.mark.parametrize(
    ("typed", "noted"),
    [
        ("run web ./x --dry-run", ["--dry-run"]),
        ("update web ls -d --wait=5s", ["-d", "--wait=5s"]),
        ("run web ls --dry-run /x", []),
        ("run web -- --dry-run", []),
        ("run --dry-run web ls", []),
        ("update web --dry-run", []),
    ],
)
def test_last_options_that_belong_to_the_command_of_a_worker_are_noted(
    typed: str,
    noted: list[str],
    shell: Shell,
    manager: FakeManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").touch(mode=0o755)
    manager.verbs |= {verb: lambda call: {"kind": "Result", "message": ""} for verb in ("run", "update")}
    assert shell.run(typed) == 0
    come = f"options of {typed.split()[0]} come before it"
    assert shell.err.getvalue().splitlines() == [f"note: {word} goes to COMMAND: {come}" for word in noted]


def test_who_has_to_confirm_is_offered_the_whole_command(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("crash web.1 --for 5s") == 2
    assert "hint:  crash --for 5s web.1 -y\n" in shell.err.getvalue()


@pytest.mark.parametrize(("kind", "cleared"), [("xterm", "\x1b[H\x1b[2J"), ("dumb", "")])
def test_a_dumb_terminal_is_not_cleared(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: str, cleared: str
) -> None:
    monkeypatch.setenv("TERM", kind)
    shell.session.out = screen = TerminalText()
    assert shell.run("clear") == 0
    assert screen.getvalue() == cleared


def test_log_lines_are_results(shell: Shell, manager: FakeManager) -> None:
    manager.verbs["logs"] = logs
    assert shell.run("logs web") == 0
    assert shell.out.getvalue() == "web.1  hello\nweb.1  world\n"


def test_of_a_log_that_goes_on_at_the_next_manager_no_line_is_left_out(
    shell: Shell, manager: FakeManager
) -> None:
    printed = [(rfc3339(time.time() - 100 + at), f"line {at}") for at in range(4)]

    def logs(call: FakeCall) -> dict[str, object]:
        lasts = call.params.get("tail") == "1"
        for moment, text in printed[:1] if lasts else printed:
            call.emit({"kind": "LogLine", "worker": "web.1", "time": moment, "text": text})
        if lasts:
            raise Death
        return {"kind": "Result", "message": ""}

    manager.verbs["logs"] = logs
    assert shell.run("logs web -f --tail 1") == 0
    assert shell.out.getvalue() == "".join(f"web.1  line {at}\n" for at in range(4))
    since = manager.calls[-1].params["since"]
    assert isinstance(since, str)
    assert 100 <= quantities.seconds(since) < 110


def test_log_lines_are_searched_by_the_shell(shell: Shell, manager: FakeManager) -> None:
    manager.verbs["logs"] = logs
    assert shell.run("logs web --grep '^w.r'") == 0
    assert shell.out.getvalue() == "web.1  world\n"


def test_a_search_for_no_expression_is_refused_before_anything_is_asked(
    shell: Shell, manager: FakeManager
) -> None:
    assert shell.run("logs web --grep '('") == 2
    assert manager.calls == []


def test_an_expression_that_is_none_is_pointed_at(shell: Shell) -> None:
    assert shell.run("logs web --grep [ --tail 1") == 2

    _, line, carets, *_ = shell.err.getvalue().splitlines()
    assert line[carets.index("^") : len(carets)] == "["


def test_a_change_carries_a_request_id_of_its_own(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("scale web=4; scale web=4; apps") == 0
    first, second, listing = (call.params for call in manager.calls)
    assert first["request"] != second["request"]
    assert "request" not in listing


def test_parameters_go_as_the_table_says(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("scale web -1 --wait=5s --dry-run") == 0
    params = dict(manager.calls[0].params)
    del params["request"]
    assert params == {"change": ["web", "-1"], "wait": "5s", "dry_run": True}


def test_what_run_copies_is_read_here(
    shell: Shell, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "server.py").write_text("#!/usr/bin/python3")
    (tmp_path / "server.py").chmod(0o755)
    (tmp_path / "conf.json").write_text("{}")
    assert shell.run("run -p 8000 w ./server.py -x ./conf.json") == 0
    (call,) = manager.calls
    assert call.params["command"] == ["./server.py", "-x", "./conf.json"]
    assert call.params["files"] == [{"word": "./server.py", "role": "command"}]
    assert call.contents == (b"#!/usr/bin/python3",)
    assert (
        "note: ./conf.json stays here, the workers will not have it: "
        "run --copy ./conf.json --port 8000 w ./server.py -x ./conf.json\n"
    ) in shell.err.getvalue()


def test_a_rejected_file_asks_the_manager_nothing(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("run w ./no/such/file") == 1
    assert manager.calls == []


def test_one_shot_arguments_are_never_split_or_filled_in(shell: Shell, manager: FakeManager) -> None:
    assert execute_words(shell.session, ["run", "w", "sh", "-c", "echo $HOSTNAME; ls"]) == 0
    assert manager.calls[0].params["command"] == ["sh", "-c", "echo $HOSTNAME; ls"]


def test_an_unknown_command_says_what_was_meant(shell: Shell) -> None:
    assert shell.run("sacle web=3") == 2
    assert shell.err.getvalue() == (
        'error: unknown command "sacle"\n'
        "       sacle web=3\n"
        "       ^^^^^\n"
        "hint:  scale web=3\n"
    )  # fmt: skip


def test_a_word_that_is_off_is_pointed_at(shell: Shell) -> None:
    assert shell.run("echo hi;  ps --hlep") == 2
    assert "       echo hi;  ps --hlep\n                    ^^^^^^\n" in shell.err.getvalue()


def test_a_missing_word_is_pointed_at_behind_the_others(shell: Shell) -> None:
    assert shell.run("sleep") == 2
    assert "       sleep\n            ^\n" in shell.err.getvalue()


def test_after_a_failure_the_rest_of_a_line_does_not_run(shell: Shell) -> None:
    assert shell.run("echo a; nosuch; echo b") == 2
    assert shell.out.getvalue() == "a\n"


def test_with_errexit_off_it_does(shell: Shell) -> None:
    assert shell.run("set errexit off; nosuch; echo b") == 2
    assert shell.out.getvalue() == "b\n"


def test_a_tolerant_statement_reports_its_failure_and_goes_on(shell: Shell) -> None:
    assert shell.run("-sacle; echo b") == 0
    assert shell.out.getvalue() == "b\n"
    assert 'unknown command "sacle"' in shell.err.getvalue()


def test_variables_fill_in_one_word(shell: Shell) -> None:
    assert shell.run("set n 3 and more; echo $n ${n}x '$n'") == 0
    assert shell.out.getvalue() == "3 and more 3 and morex $n\n"


def test_the_environment_is_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "here")
    assert shell.run("echo $env.PLACE") == 0
    assert shell.out.getvalue() == "here\n"


def test_an_undefined_variable_is_an_error_at_its_place(shell: Shell) -> None:
    assert shell.run('set name x; echo "a $nmae"') == 2
    assert shell.err.getvalue() == (
        'error: variable "nmae" is not set\n'
        '       set name x; echo "a $nmae"\n'
        "                           ^^^^^\n"
        "hint:  did you mean $name?\n"
    )


def test_a_variable_that_only_the_environment_has_is_told_as_it_is_written(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "here")
    assert shell.run("echo $PLACE") == 2
    assert shell.err.getvalue().endswith("hint:  did you mean $env.PLACE?\n")


def test_a_variable_of_the_environment_that_is_not_set_is_set_outside(shell: Shell) -> None:
    assert shell.run("echo $env.NO_SUCH_NAME_HERE") == 2
    assert "hint:  env NO_SUCH_NAME_HERE=VALUE simplecloud ...\n" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("docker ps -a", "ps -a"),
        ("docker run -p 8000 web ./x", "run -p 8000 web ./x"),
        ("kubectl get pods", "ps"),
        ("get deployments", "apps"),
        ("delete web", "rm web"),
        ("ssh web.1", "exec -it web.1 sh"),
        ("info", "status"),
        ("run -it web sh", "help exec"),
        ("run -q web sh", "help run"),
        ("update web -n 3", "scale web=3"),
        ("run -v /x:/y web sh", "run --copy ./config.json ..."),
        ("rnu", "help run"),
        ("bogus", "help"),
        ("run --it web sh", "help run"),
        ("scale", "scale web=5"),
        ("run --host a_b web ./x", "run --host a-b web ./x"),
        ("sleep 20", "sleep 20s"),
        ("scale web=3 --wait=20", "scale web=3 --wait=20s"),
        ("ps web.1", "ps web"),
        ("run -p 8080:80 web ./x", "run -p 80 web ./x"),
        ("run -p 8080:80/tcp web ./x", "run -p 80/tcp web ./x"),
        ("run --memory 10x web ./x", "help run"),
        ("autoscale web --slo abc", "help autoscale"),
        ("autoscale web --max 3 --slo 250,99%", "autoscale web --max 3 --slo 250ms,99%"),
        ("autoscale web --max 3 --slo 100ms,99", "autoscale web --max 3 --slo 100ms,99%"),
        ("autoscale web --max 3 --slo 100,99", "autoscale web --max 3 --slo 100ms,99%"),
        ("load web --for 0", "load web --rps 50 --for 10s"),
        ("watch -n 2 ps", "watch -n 2s ps"),
        ("ps web --sort=stat", "ps web --sort=state"),
        ("ps --sort nosuch", "ps -o wide"),
        ("ps --columns worker,stat", "ps --columns worker,state"),
        ("ps --filter foo", "ps -o wide"),
        ("ps --filter 'state!=ready'", "ps --filter state=ready"),
        ("apps --filter 'memory>5M' -q", "apps --filter memory=5M -q"),
    ],
)
def test_what_was_meant_is_offered_and_nothing_that_does_something_else(
    typed: str, hint: str, shell: Shell
) -> None:
    assert shell.run(typed) == 2
    assert shell.err.getvalue().splitlines()[-1] == f"hint:  {hint}"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("apps | grep web", "simplecloud apps | grep web"),
        ("apps > f.txt", "simplecloud apps > f.txt"),
        ("secret set x < f.txt", "simplecloud secret set x < f.txt"),
        ("echo a && echo b", "echo a; echo b"),
    ],
)
def test_operators_of_other_shells_are_refused_before_anything_is_done(
    typed: str, hint: str, shell: Shell
) -> None:
    assert shell.run(typed) == 2
    assert shell.out.getvalue() == ""
    assert shell.err.getvalue().splitlines()[-1] == f"hint:  {hint}"


def test_quoted_and_in_conditions_operators_are_words(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("echo '|' \">\" a&&b; expect web ready > 2") == 0
    assert shell.out.getvalue() == "| > a&&b\n"


@pytest.mark.parametrize(
    "typed",
    ["cp nosuch web.1:/", "run web ./nosuch", "source ./nosuch", "apply -f nosuch", "import nosuch"],
)
def test_a_missing_file_is_told_in_the_same_words_by_every_command(typed: str, shell: Shell) -> None:
    assert shell.run(typed) != 0
    assert re.search(r"^error: there is no file (\./)?nosuch$", shell.err.getvalue(), re.MULTILINE)
    assert shell.err.getvalue().endswith("hint:  help files\n")


@pytest.mark.parametrize("typed", ["apply -f -", "diff -f -", "import -"])
def test_a_script_has_no_standard_input_for_its_commands(typed: str, shell: Shell) -> None:
    assert shell.run(typed) == 2
    assert "error: a script has no standard input to read a file from" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("typed", "mended"),
    [
        ("run --wait 2s -p 8000 web true", "run --wait=2s -p 8000 web true"),
        ("restart web --wait 5", "restart web --wait=5s"),
        ("scale web=2 -w 500ms", "scale web=2 -w=500ms"),
    ],
)
def test_a_value_that_has_to_be_joined_to_its_option_is_taken_for_nothing_else(
    typed: str, mended: str, shell: Shell
) -> None:
    assert shell.run(typed) == 2
    assert shell.err.getvalue().endswith(f"\nhint:  {mended}\n")


@pytest.mark.parametrize("typed", ["scale web -w 3", "stop --wait 1234", "stop -w 4f3a", "stop --wait web"])
def test_an_operand_behind_such_an_option_is_one(typed: str, shell: Shell, manager: FakeManager) -> None:
    manager.verbs["stop"] = manager.verbs["scale"] = lambda _: {"kind": "Result", "message": "ok"}

    assert shell.run(typed) == 0


@pytest.mark.parametrize("option", ["--cloud test", "--cloud=test"])
def test_a_cloud_that_is_named_behind_the_command_is_put_before_it(option: str, shell: Shell) -> None:
    assert shell.run(f"down {option} -y") == 2
    assert "--cloud comes before the command" in shell.err.getvalue()
    assert "hint:  simplecloud --cloud test down -y\n" in shell.err.getvalue()


def test_a_mistyped_option_is_mended_in_the_command_as_typed(shell: Shell) -> None:
    assert shell.run("scale 'we b=3' --wiat=5s") == 2
    assert "scale has no option --wiat (did you mean --wait?)" in shell.err.getvalue()
    assert "hint:  scale 'we b=3' --wait=5s\n" in shell.err.getvalue()


@pytest.mark.parametrize(
    ("typed", "mended"),
    [
        ("run web -n 2 sleep 9", "run -n 2 web sleep 9"),
        ("run web -n2 sleep 9", "run -n2 web sleep 9"),
        ("run web --read-only sleep 9", "run --read-only web sleep 9"),
        ("run web -w sleep 9", "run -w web sleep 9"),
        ("run web -e 'A=b c' sleep 9", "run -e 'A=b c' web sleep 9"),
        ("run web -x sleep 9", "run web -- -x"),
    ],
)
def test_an_option_that_stands_too_late_is_put_before_the_name(typed: str, mended: str, shell: Shell) -> None:
    assert shell.run(typed) == 2
    assert f"hint:  {mended}\n" in shell.err.getvalue()


def test_the_value_behind_an_equals_sign_is_pointed_at(shell: Shell) -> None:
    assert shell.run("scale web=3 --wait=x") == 2
    assert "scale web=3 --wait=x\n                   ^^^^^^^^\n" in shell.err.getvalue()


def test_a_command_fills_in_what_it_prints(shell: Shell, manager: FakeManager) -> None:
    assert shell.run('echo <$(apps -q)> "$(echo a; echo b)"') == 0
    assert shell.out.getvalue() == "<web> a\nb\n"


def test_each_line_that_a_command_prints_is_an_operand(shell: Shell, manager: FakeManager) -> None:
    manager.apps["api"] = app_item("api", 1, 1)
    assert shell.run("echo $(apps -q) [$(echo a; echo b)] $(echo 'a  b')") == 0
    assert shell.out.getvalue() == "web api [a\nb] a  b\n"
    assert shell.run("rm $(apps -q) nosuch/ -y") == 2
    assert "rm $(apps -q) nosuch/ -y\n                     ^^^^^^^\n" in shell.err.getvalue()
    assert shell.run("rm $(apps -q) -y") == 0
    assert manager.calls[-1].params["app"] == ["web", "api"]


def test_a_command_that_prints_nothing_is_an_empty_word_and_not_all(
    shell: Shell, manager: FakeManager
) -> None:
    assert shell.run("freeze $(apps -q --filter scaling=auto)") == 2
    assert 'APP: "" cannot name an app' in shell.err.getvalue()


def test_a_command_that_fails_inside_another_fails_it(shell: Shell) -> None:
    assert shell.run("echo $(sacle web=3)") == 2
    assert shell.out.getvalue() == ""
    assert "       echo $(sacle web=3)\n              ^^^^^\n" in shell.err.getvalue()


def test_a_failure_is_json_where_json_was_asked_for(shell: Shell) -> None:
    assert shell.run("ps -o json") == 3
    error = json.loads(shell.err.getvalue())["error"]
    assert error == {
        "kind": "manager-unreachable",
        "message": 'the cloud "default" is down',
        "hint": "simplecloud up",
    }
    assert shell.out.getvalue() == ""


def test_set_output_is_the_format_of_listings(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("set output json; apps") == 0
    assert json.loads(shell.out.getvalue())["items"][0]["name"] == "web"


def test_the_exit_code_is_that_of_the_error(shell: Shell, manager: FakeManager) -> None:
    def refuse(_: FakeCall) -> dict[str, object]:
        raise NotConfirmed("not confirmed, it may still be applied", hint="apps")

    manager.verbs["scale"] = refuse
    assert shell.run("scale web=4") == 1
    assert shell.err.getvalue().startswith("error: not confirmed, it may still be applied\n")


@pytest.mark.parametrize("command", ["rm web", "crash web.1", "down --purge"])
def test_what_asks_needs_yes_where_nobody_can_answer(
    shell: Shell, manager: FakeManager, command: str
) -> None:
    assert shell.run(command) == 2
    assert f"hint:  {command} -y\n" in shell.err.getvalue()
    assert all(call.params["dry_run"] is True for call in manager.calls)


@pytest.mark.parametrize("command", ["rm nosuch", "crash nosuch"])
def test_nobody_is_asked_to_confirm_what_is_not_there(
    shell: Shell, manager: FakeManager, command: str
) -> None:
    def refuse(_: FakeCall) -> dict[str, object]:
        raise AppNotFound('no app is named "nosuch"', hint="apps")

    manager.verbs |= {"rm": refuse, "crash": refuse}
    assert shell.run(command) == 1
    assert shell.err.getvalue() == 'error: no app is named "nosuch"\nhint:  apps\n'


def test_who_only_asks_for_the_plan_is_not_asked(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("rm web --dry-run") == 0
    assert manager.calls[-1].params["dry_run"] is True


@pytest.mark.parametrize(
    ("answer", "code", "plans"), [("y\n", 0, [True, False]), ("\n", 1, [True]), ("", 1, [True])]
)
def test_on_a_terminal_a_person_is_asked(
    shell: Shell,
    manager: FakeManager,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    plans: list[bool],
) -> None:
    shell.session.interactive = True
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert shell.run("rm web") == code
    assert "rm web? (y/N) " in shell.err.getvalue()
    assert ["dry_run" in call.params for call in manager.calls] == plans


@pytest.mark.parametrize("answer", ["", "n"])
def test_who_ends_the_input_at_a_question_is_answered_on_a_line_of_its_own(
    shell: Shell, manager: FakeManager, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    shell.session.interactive = True
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert shell.run("rm web") == 1
    assert "rm web? (y/N) \nerror: rm: not confirmed" in shell.err.getvalue()


def test_where_nobody_can_be_asked_the_carets_are_where_the_yes_is_missing(
    shell: Shell, manager: FakeManager
) -> None:
    assert shell.run("rm web; echo a") == 2
    assert "give it -y\n       rm web; echo a\n             ^\nhint:  rm web -y\n" in shell.err.getvalue()


def test_with_confirm_off_nobody_is_asked(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("set confirm off; rm web") == 0


def test_with_timing_on_each_command_tells_how_long_it_took(shell: Shell) -> None:
    assert shell.run("set timing on; echo a") == 0
    assert re.fullmatch(r"\d\.\d\d s\n\d\.\d\d s\n", shell.err.getvalue())


def test_yes_asks_nobody(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("rm web -y") == 0
    assert manager.calls[0].params["yes"] is True


def test_an_interrupted_change_goes_on_and_says_so(shell: Shell, manager: FakeManager) -> None:
    def scale(call: FakeCall) -> dict[str, object]:
        call.emit({"kind": "Progress", "text": "web.4  created"})
        return {"kind": "Result", "message": "late"}

    manager.verbs["scale"] = scale
    shell.session.progress = InterruptingProgress(shell.err)
    assert shell.run("-scale web=4; echo never") == 130
    assert "scale goes on in the cloud" in shell.err.getvalue()
    assert "hint:  events -f" in shell.err.getvalue()
    assert shell.out.getvalue() == ""


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("run web ./x", "ps web"),
        ("restart web.2 web.3 api", "ps web api"),
        ("secret rm db", "events -f"),
        ("restart 3f2a9c11", "events -f"),
        ("rm web -y", "events -f"),
    ],
)
def test_who_interrupts_a_change_is_shown_where_to_see_what_becomes_of_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str, hint: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shell.session, "performer", interrupt)
    assert shell.run(command) == 130
    assert shell.err.getvalue().endswith(f"hint:  {hint}\n")


class Interrupting(TerminalText):
    """A terminal at which a person presses ^C."""

    def readline(self, *_: object) -> NoReturn:
        raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["rm web", "adopt", "crash web.1", "down --purge"])
def test_who_interrupts_a_question_has_not_confirmed(
    shell: Shell, manager: FakeManager, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    shell.session.interactive = True
    monkeypatch.setattr("sys.stdin", Interrupting())
    assert shell.run(f"-{command}; echo never") == 130
    verb = command.split()[0]
    told = f"error: {verb}: not confirmed, nothing was changed\nhint:  {command} -y\n"
    assert shell.err.getvalue().endswith(f"? (y/N) {told}")
    assert all(call.method == "apps" or call.params["dry_run"] is True for call in manager.calls)
    assert shell.out.getvalue() == ""


def test_who_deletes_a_cloud_is_told_how_much_that_is(
    shell: Shell, manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.session.interactive = True
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    shell.run("down --purge")
    assert 'delete the state of the cloud "default", and 1 app with it? (y/N) ' in shell.err.getvalue()


def test_an_interrupted_secret_was_not_set(
    shell: Shell, manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    shell.session.gives_stdin = True
    monkeypatch.setattr("sys.stdin", Interrupting())
    monkeypatch.setattr("getpass.getpass", interrupt)
    assert shell.run("secret set db") == 130
    assert shell.err.getvalue() == "error: secret set db: interrupted, nothing was changed\n"
    assert manager.calls == []


@pytest.mark.parametrize(
    "command",
    [
        *("scale web=4 --dry-run", "rm web --dry-run", "down --purge --dry-run", "scale --help"),
        *("secret ls", "autoscale", "autoscale web"),
        *("apply -f apps.toml", "import compose.yaml"),
    ],
)
def test_what_changes_nothing_does_not_go_on_when_it_is_interrupted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shell.session, "performer", interrupt)
    assert shell.run(command) == 130
    assert shell.err.getvalue() == "error: interrupted\n"


def test_an_interrupted_down_says_what_ends_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shell.session, "performer", interrupt)
    assert shell.run("down --purge -y") == 130
    assert shell.err.getvalue() == ("error: interrupted: down may be done in part\nhint:  down --purge -y\n")


@pytest.mark.parametrize("command", ["secret rm db", "autoscale web off", "autoscale web --max 6"])
def test_a_listing_that_changes_something_goes_on_when_it_is_interrupted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shell.session, "performer", interrupt)
    assert shell.run(command) == 130
    assert "goes on in the cloud" in shell.err.getvalue()


def test_an_interrupted_look_before_a_question_changed_nothing(
    shell: Shell, manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shell.client.Client.call", interrupt)
    assert shell.run("rm web") == 130
    assert shell.err.getvalue() == "error: rm: interrupted, nothing was changed\n"


def test_events_that_are_followed_cannot_be_sorted(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("events -f --sort -age") == 2
    assert "what is followed comes as it happens and cannot be sorted" in shell.err.getvalue()
    assert manager.calls == []


@pytest.mark.parametrize("command", ["logs web -f", "events -f"])
def test_what_lasts_until_it_is_interrupted_ends_without_a_word(
    shell: Shell, manager: FakeManager, command: str
) -> None:
    def follow(call: FakeCall) -> dict[str, object]:
        call.emit({"kind": "Progress", "text": ""})
        return {"kind": "Result", "message": "late"}

    manager.verbs[command.split()[0]] = follow
    shell.session.progress = InterruptingProgress(shell.err)

    assert shell.run(f"-{command}; echo never") == 130
    assert (shell.out.getvalue(), shell.err.getvalue()) == ("", "")


class InterruptingProgress(Progress):
    """A progress line at whose sight a person presses ^C."""

    def show(self, line: str, of: str = "", state: str = "") -> None:
        raise KeyboardInterrupt


def test_echo_on_prints_commands_before_they_run(shell: Shell) -> None:
    assert shell.run("set echo on; echo a; -echo 'b  c'") == 0
    assert shell.err.getvalue() == "cloud> echo a\ncloud> -echo 'b  c'\n"


@pytest.mark.parametrize(
    ("given", "meant"), [("outptu json", "output"), ("errexi off", "errexit"), ("kesy vi", "keys")]
)
def test_a_variable_that_is_called_almost_as_an_option_is_noted(given: str, meant: str, shell: Shell) -> None:
    name = given.split()[0]
    assert shell.run(f"set {given}; echo ${name}") == 0
    assert shell.err.getvalue() == f"note: {name} is a variable, and no option (did you mean {meant}?)\n"


@pytest.mark.parametrize("name", ["n", "o", "count", "out", "time", "app"])
def test_a_variable_with_a_name_of_its_own_is_not(name: str, shell: Shell) -> None:
    assert shell.run(f"set {name} 3") == 0
    assert shell.err.getvalue() == ""


def test_set_alone_shows_options_and_variables(shell: Shell) -> None:
    assert shell.run("set n 3; set") == 0
    assert shell.out.getvalue() == (
        "errexit  on\necho     off\noutput   table\ntiming   off\nconfirm  on\n"
        "pager    off\nkeys     emacs\nn        3\n"
    )


@pytest.mark.parametrize(
    "command",
    ["set 1x 3", "set env 3", "set n=3", "set n", "set errexit maybe", "set output xml", "set keys nano"],
)
def test_what_cannot_be_set_is_refused(shell: Shell, command: str) -> None:
    assert shell.run(command) == 2


def test_help_is_there_for_every_command(shell: Shell) -> None:
    assert shell.run("help; help scale; scale --help") == 0
    assert shell.out.getvalue().count("scale: change the number of workers") == 2


def test_help_for_no_command_says_what_was_meant(shell: Shell) -> None:
    assert shell.run("help sacle") == 2
    assert "hint:  help scale" in shell.err.getvalue()


def test_version_is_that_of_the_project(shell: Shell) -> None:
    assert shell.run("version") == 0
    assert shell.out.getvalue().startswith("simplecloud 0.")


def test_exit_leaves(shell: Shell) -> None:
    assert shell.run("echo a; exit; echo b") == 0
    assert shell.session.leaving
    assert shell.out.getvalue() == "a\n"


def test_clear_writes_nothing_where_there_is_no_screen(shell: Shell) -> None:
    assert shell.run("clear") == 0
    assert shell.out.getvalue() == ""


def test_an_error_of_the_manager_has_no_carets(shell: Shell, manager: FakeManager) -> None:
    def refuse(_: FakeCall) -> dict[str, object]:
        raise CloudError("no", hint="status")

    manager.verbs["scale"] = refuse
    assert shell.run("scale web=4") == 1
    assert shell.err.getvalue() == "error: no\nhint:  status\n"


def test_a_load_that_is_interrupted_reports_what_it_sent_and_the_shell_goes_on(
    shell: Shell, manager: FakeManager
) -> None:
    with serving(Website()) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"
        threading.Thread(target=interrupted_once, args=(website, 5)).start()
        assert shell.run("load web --for 10m -o json") == 130
        shell.session.close()

    assert json.loads(shell.out.getvalue())["ok"] == len(website.requests)
    assert json.loads(shell.err.getvalue())["error"]["kind"] == "interrupted"


def test_what_a_load_has_sent_begins_on_a_line_of_its_own_after_ctrl_c(
    shell: Shell, manager: FakeManager
) -> None:
    shell.session.out = shell.session.err = shell.session.progress.stream = screen = TerminalText()
    with serving(Website()) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"
        threading.Thread(target=interrupted_once, args=(website, 5)).start()
        assert shell.run("load web --for 10m") == 130

    assert re.search(r"(^\n|\x1b\[J)sent ", screen.getvalue())


def interrupted_once(website: Website, requests: int) -> None:
    eventually(lambda: len(website.requests) >= requests, within_s=10.0)
    os.kill(os.getpid(), signal.SIGINT)


def test_a_load_that_cannot_go_on_alone_is_offered_as_it_was_asked_for(shell: Shell) -> None:
    shell.session.one_shot = True
    assert shell.run("load web --rps 7 --for 3s -d") == 2
    assert shell.err.getvalue().endswith("hint:  load --rps 7 --for 3s web\n")


@pytest.mark.parametrize(("content", "noted"), [("key\n", True), ("key", False), ("\n", False)])
def test_a_secret_that_ends_as_a_line_does_is_kept_and_noted(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, noted: bool
) -> None:
    (tmp_path / "key").write_text(content)
    shell.session.gives_stdin = True
    with (tmp_path / "key").open() as given:
        monkeypatch.setattr("sys.stdin", given)
        shell.run("secret set api-key")

    assert ("note: its last byte is a newline" in shell.err.getvalue()) == noted


def test_a_load_that_ends_with_its_shell_is_told(shell: Shell, manager: FakeManager) -> None:
    with serving(Website()) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"
        assert shell.run("load web --rps 50 --for 5s --detach; exit") == 0
        shell.session.close()

    told = shell.err.getvalue().splitlines()[-1]
    assert re.fullmatch(r"note: load of web ended with this shell: [0-9]+ of 250 requests sent", told)


def test_a_load_asks_for_any_path(shell: Shell, manager: FakeManager) -> None:
    with serving(Website()) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"
        assert shell.run("load web --path '/a b/é?q=1' --rps 20 --for 100ms") == 0
    assert website.requests[0].startswith(b"GET /a%20b/%C3%A9?q=1 HTTP/1.1\r\n")


def test_set_output_is_the_format_of_a_load_too_where_it_knows_the_format(
    shell: Shell, manager: FakeManager
) -> None:
    with serving(Website()) as website:
        manager.proxy_url = f"http://127.0.0.1:{website.port}"
        assert shell.run("set output json; load web --rps 20 --for 100ms; wait load web done") == 0
        assert shell.run("set output csv; load web --rps 20 --for 100ms") == 0
    reports = shell.out.getvalue().splitlines()
    assert [json.loads(report)["sent"] for report in reports[:2]] == [2, 2]
    assert reports[2].split() == ["sent", "2"]


def test_a_load_of_no_time_is_refused(shell: Shell, manager: FakeManager) -> None:
    assert shell.run("load web --for 0s") == 2
    assert manager.calls == []


@pytest.mark.parametrize(
    ("typed", "hint"), [("set n=3", "set n 3"), ("set 'n=a b'", "set n 'a b'"), ("set 1n=3", "set n 3")]
)
def test_a_variable_that_is_set_as_in_sh_is_told_how_it_is_here(shell: Shell, typed: str, hint: str) -> None:
    assert shell.run(typed) == 2
    assert shell.err.getvalue().endswith(f"\nhint:  {hint}\n")
