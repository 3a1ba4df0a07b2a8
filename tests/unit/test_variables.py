"""Variables by name and from a file: the shell gives their values, and the manager is told NAME=VALUE."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.errors import UsageError
from shell.variables import given

HERE = {"HOME": "/root", "EMPTY": ""}


def test_a_variable_by_its_name_alone_has_the_value_that_it_has_here() -> None:
    assert given({"env": ["A=1", "HOME", "EMPTY"]}, HERE) == {"env": ["A=1", "HOME=/root", "EMPTY="]}


def test_a_variable_that_has_no_value_here_is_refused() -> None:
    with pytest.raises(UsageError, match="the variable NOSUCH has no value here"):
        given({"env": ["NOSUCH"]}, HERE)


def test_a_file_sets_variables_before_those_that_are_typed(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text('# a comment\n\nA=1 # and no comment\nB="two"\nHOME\nNOSUCH\n')

    params = given({"env_file": [str(file)], "env": ["B=2"], "name": "web"}, HERE)

    assert params == {"name": "web", "env": ["A=1 # and no comment", 'B="two"', "HOME=/root", "B=2"]}


def test_a_line_that_sets_no_variable_is_named(tmp_path: Path) -> None:
    file = tmp_path / "app.env"
    file.write_text("A=1\n1B=2\n")

    with pytest.raises(UsageError, match="line 2: '1B=2' is not NAME=VALUE"):
        given({"env_file": [str(file)]}, HERE)


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UsageError, match="cannot read /nosuch: No such file"):
        given({"env_file": ["/nosuch"]}, HERE)
