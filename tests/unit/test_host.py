"""Commands of this host: run as root, as a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from manager.api.commands import known
from manager.api.errors import NotAllowed
from shell.host import ROOT, command_line, items_of, words_of
from shell.language import grammar
from shell.outcome import Told


def test_root_runs_the_manager_package_itself() -> None:
    words = command_line("up", "test", ["--http-port", "8081"], uid=0, sudo=None)
    assert words == [sys.executable, "-P", "-m", "manager", "up", "--cloud", "test", "--http-port", "8081"]


def test_others_do_it_through_sudo_which_keeps_no_environment() -> None:
    words = command_line("down", "test", [], uid=1000, sudo="/usr/bin/sudo")
    assert words[:4] == ["/usr/bin/sudo", "--", "env", f"PYTHONPATH={ROOT}"]
    assert words[4:] == [sys.executable, "-P", "-m", "manager", "down", "--cloud", "test"]


def test_without_sudo_others_may_not() -> None:
    with pytest.raises(NotAllowed) as refused:
        command_line("up", "test", ["--systemd"], uid=1000, sudo=None)
    assert refused.value.exit_code == 6
    assert refused.value.hint == "su -c 'simplecloud up --systemd'"


def test_the_options_of_a_row_become_words_again() -> None:
    row = known("down")
    params = grammar.params_of(row, ["--purge", "-y"])
    assert words_of(row, params) == ["--purge", "--yes"]
    up = known("up")
    assert words_of(up, grammar.params_of(up, ["--etcd-members=1"])) == ["--etcd-members", "1"]


def test_what_a_host_command_finds_is_had_as_it_comes(tmp_path: Path) -> None:
    os.mkfifo(goes_on := tmp_path / "goes on")
    prints = f"print('{{}}', flush=True); open({str(goes_on)!r}).read(); print('{{}}')"
    found = items_of([sys.executable, "-c", prints], interactive=False)

    assert next(found) == {}
    goes_on.write_text("")

    assert [*found] == [{}]


def test_a_host_command_that_finds_nothing_has_failed() -> None:
    with pytest.raises(Told) as told:
        [*items_of([sys.executable, "-c", "raise SystemExit(6)"], interactive=False)]

    assert told.value.code == 6


@pytest.mark.parametrize(
    ("ends", "code"),
    [("raise SystemExit(6)", 6), ("os.kill(os.getpid(), 9)", 137), ("print('{\"state\": ')", 1)],
)
def test_a_host_command_that_dies_half_way_has_failed(ends: str, code: int) -> None:
    found = items_of(
        [sys.executable, "-c", f"import os; print('{{}}', flush=True); {ends}"], interactive=False
    )

    assert next(found) == {}
    with pytest.raises(Told) as told:
        next(found)
    assert told.value.code == code


def test_a_host_command_that_finds_what_is_wrong_has_told_so_itself() -> None:
    prints = 'print(\'{"state": "FAIL"}\'); raise SystemExit(1)'

    assert [*items_of([sys.executable, "-c", prints], interactive=False)] == [{"state": "FAIL"}]
