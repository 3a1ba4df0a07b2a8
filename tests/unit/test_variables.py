"""Variables by name and from a file: the shell gives their values, and the manager is told NAME=VALUE."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from manager.api.commands import known
from manager.api.errors import AppNotFound, UsageError
from manager.api.typed import Params
from shell import variables
from tests.fakes.replies import a_cloud, serving
from tests.fakes.shells import shell_at

HERE = {"HOME": "/root", "EMPTY": ""}


def given(params: Params) -> Params:
    return variables.given(known("run"), params, HERE)


def test_a_variable_by_its_name_alone_has_the_value_that_it_has_here() -> None:
    assert given({"env": ["A=1", "HOME", "EMPTY"]}) == {"env": ["A=1", "HOME=/root", "EMPTY="]}


def test_a_variable_that_has_no_value_here_is_refused() -> None:
    with pytest.raises(UsageError, match="the variable NOSUCH has no value here") as refused:
        given({"env": ["A=1", "NOSUCH", "HOME", "NONE"], "name": "web", "command": ["ls"]})

    assert refused.value.hint == "run --env A=1 --env NOSUCH=VALUE --env HOME --env NONE=VALUE web ls"


def test_a_file_sets_variables_before_those_that_are_typed(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text('# a comment\n\nA=1 # and no comment\nB="two"\nHOME\nNOSUCH\n')

    params = given({"env_file": [str(file)], "env": ["B=2"], "name": "web"})

    assert params == {"name": "web", "env": ["A=1 # and no comment", 'B="two"', "HOME=/root", "B=2"]}


def test_a_line_that_sets_no_variable_is_named(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text("A=1\n1B=2\n")

    with pytest.raises(UsageError, match="line 2, is not NAME=VALUE"):
        given({"env_file": [str(file)]})


def test_a_line_ends_where_editors_end_it_and_a_mark_of_utf_8_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_bytes("\ufeffA=one\u2028line\r\nB=a\fpage\n".encode())

    assert given({"env_file": [str(file)]}) == {"env": ["A=one\u2028line", "B=a\fpage"]}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\xff")
    for path in ("/nosuch", str(tmp_path), str(tmp_path / "picture")):
        with pytest.raises(UsageError, match=path):
            given({"env_file": [path]})


def test_a_command_in_a_worker_is_given_the_value_of_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(params: Mapping[str, object]) -> Mapping[str, object]:
        raise AppNotFound(str(params["env"]))

    monkeypatch.setenv("HERE", "a b")
    shell = shell_at(tmp_path)

    with serving(tmp_path, a_cloud(exec=asked)):
        shell.run("exec -e HERE -e B=1 web env")

    assert "error: ['HERE=a b', 'B=1']" in shell.err.getvalue()
