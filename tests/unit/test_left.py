"""Who names a file of this machine that workers will not have is told the command with which they have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.commands import known
from shell.language.parsing import parse, typed_again
from shell.left import can_be_copied, left_here, why_lacking, with_copies


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "api").mkdir()
    for name in ("api/api.py", "api/server.py", "a:b.py", "server.py", "conf.json", "plain"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def mended(line: str) -> str:
    verb, *words = line.split()
    params = parse(known(verb), words)
    left = left_here(params, is_new=verb == "run")
    return typed_again(known(verb), with_copies(params, left)) if left else ""


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("run w python3 ./api/api.py", "run --copy ./api/api.py w python3 /app/api.py"),
        ("run w python3 api/api.py 80", "run --copy api/api.py w python3 /app/api.py 80"),
        ("run w python3 server.py", "run --copy server.py w python3 /app/server.py"),
        ("run w ./server.py conf.json", "run --copy conf.json w ./server.py conf.json"),
        ("run --image i w sh ./server.py", "run --image i --copy ./server.py w sh /app/server.py"),
        ("run w cat server.py ./server.py", "run --copy ./server.py w cat /app/server.py /app/server.py"),
        ("run w sh ./a:b.py", "run --copy ./a:b.py:/app/ w sh /app/a:b.py"),
        ("update w sh ./server.py", "update --copy ./server.py w sh /app/server.py"),
        (
            "run w python3 server.py ./conf.json",
            "run --copy server.py --copy ./conf.json w python3 /app/server.py /app/conf.json",
        ),
    ],
)
def test_a_file_that_stays_here_is_told_with_the_command_that_copies_it(line: str, instead: str) -> None:
    assert mended(line) == instead


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("run --copy server.py w python3 server.py", "run --copy server.py w python3 /app/server.py"),
        ("run --copy server.py:/x.py w sh ./server.py", "run --copy server.py:/x.py w sh /x.py"),
    ],
)
def test_a_file_that_is_copied_is_called_as_the_workers_have_it(line: str, instead: str) -> None:
    assert mended(line) == instead


@pytest.mark.parametrize(
    "line",
    [
        "run w cat /app/server.py",
        "run w echo plain",
        "run w python3 nosuch.py",
        "run --image i w python3 server.py",
        "update w python3 server.py",
        "run --copy server.py --workdir /app w python3 server.py",
        "run --copy conf.json w ./server.py ./conf.json",
        "run --image i --copy server.py w python3 ./server.py",
    ],
)
def test_nothing_is_told_of_what_the_workers_have_or_what_need_be_no_file_of_here(line: str) -> None:
    assert mended(line) == ""


@pytest.mark.parametrize(
    ("words", "can"),
    [
        (["./server.py", "./conf.json", "server.py"], True),
        (["./server.py", "./api/server.py"], False),
        (["./api"], False),
    ],
)
def test_only_files_of_different_names_are_offered_to_be_copied(words: list[str], can: bool) -> None:
    assert can_be_copied(words) is can


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "run w sh server.py ./plain",
            "server.py, ./plain stay here, the workers will not have them",
        ),
        ("run --copy server.py w python3 server.py", "the workers have server.py elsewhere"),
        ("run --copy server.py w sh server.py ./plain", "./plain stays here, the workers will not have it"),
    ],
)
def test_only_a_file_that_is_not_copied_is_said_to_stay_here(line: str, why: str) -> None:
    verb, *words = line.split()
    params = parse(known(verb), words)
    assert why_lacking(params, left_here(params, is_new=True)) == why
