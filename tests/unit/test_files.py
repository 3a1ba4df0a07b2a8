"""What `run` hands over to the manager, and what it refuses to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manager.api.errors import CloudError, ProgramRejected, UsageError
from manager.api.typed import Params
from shell import files


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "server.py"
    program.write_text("#!/usr/bin/python3\n")
    program.chmod(0o755)
    (tmp_path / "conf.json").write_text("{}")
    return tmp_path


def described(params: Params) -> list[dict[str, str]]:
    with files.opened(params) as handed:
        return [file.described() for file in handed]


def test_a_command_of_this_directory_is_handed_over() -> None:
    assert described({"command": ["./server.py", "--port", "8000"]}) == [
        {"word": "./server.py", "role": "command"}
    ]


def test_a_command_of_the_image_is_not() -> None:
    assert described({"command": ["python3", "./server.py"]}) == []


def test_an_absolute_command_is_handed_over_where_it_is_here(directory: Path) -> None:
    program = str(directory / "server.py")
    assert described({"command": [program]}) == [{"word": program, "role": "command"}]
    assert described({"command": ["/no/such/program"]}) == []
    assert described({"command": [str(directory)]}) == []


def test_an_absolute_command_that_a_copy_brings_is_not_taken_from_its_own_path_too(directory: Path) -> None:
    program = str(directory / "server.py")
    assert described({"command": [program], "copy": [f"conf.json:{program}"]}) == [
        {"word": "conf.json", "role": "copy", "destination": program}
    ]


def test_copies_follow_the_command_in_their_order() -> None:
    params: Params = {"command": ["./server.py"], "copy": ["conf.json", "conf.json:/etc/x.json"]}
    assert described(params) == [
        {"word": "./server.py", "role": "command"},
        {"word": "conf.json", "role": "copy", "destination": "/app/conf.json"},
        {"word": "conf.json", "role": "copy", "destination": "/etc/x.json"},
    ]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("a/b.json", ("a/b.json", "/app/b.json")),
        ("b.json:/etc/", ("b.json", "/etc/b.json")),
        ("a:b:/etc/c", ("a:b", "/etc/c")),
    ],
)
def test_a_copy_has_a_source_and_a_destination(copy: str, expected: tuple[str, str]) -> None:
    assert files.split_copy(copy) == expected


@pytest.mark.parametrize("copy", ["conf.json:etc/x", "conf.json:", "conf.json:/a/../b"])
def test_a_destination_is_absolute(copy: str) -> None:
    with pytest.raises(UsageError) as refused:
        files.split_copy(copy)

    assert (refused.value.word, refused.value.hint) == (copy, "run --copy conf.json:/app/conf.json ...")


def test_a_missing_file_names_the_one_that_was_meant() -> None:
    with pytest.raises(ProgramRejected) as rejected:
        described({"command": ["./sever.py"]})
    assert rejected.value.message == "there is no file ./sever.py"
    assert rejected.value.hint == "did you mean ./server.py?"


@pytest.mark.parametrize(
    ("name", "why"), [("nosuch", "there is no file {}"), ("dangling", "{} is a link to nothing")]
)
def test_a_path_that_the_image_lacks_was_looked_for_here_too(directory: Path, name: str, why: str) -> None:
    path = f"{directory}/{name}"
    (directory / "dangling").symlink_to("nowhere")

    with pytest.raises(ProgramRejected) as rejected, files.opened({"command": [path]}):
        raise ProgramRejected(f"image i has no file {path}")

    assert rejected.value.message == f"image i has no file {path}, and here {why.format(path)}"


def test_a_file_without_run_bit_is_refused() -> None:
    with pytest.raises(ProgramRejected) as rejected:
        described({"command": ["./conf.json"]})
    assert rejected.value.hint == "chmod +x ./conf.json"


def test_a_file_with_a_blank_is_named_in_quotes_where_it_is_to_be_pasted(directory: Path) -> None:
    (directory / "my file.txt").write_text("#!/bin/sh")

    with pytest.raises(ProgramRejected) as rejected:
        described({"command": ["./my file.txt"]})

    assert rejected.value.hint == "chmod +x './my file.txt'"


@pytest.mark.parametrize("kind", ["a directory", "a FIFO"])
def test_only_regular_files_are_handed_over_and_nothing_is_waited_for(directory: Path, kind: str) -> None:
    if kind == "a FIFO":
        os.mkfifo(directory / "thing")
    else:
        (directory / "thing").mkdir()
    with pytest.raises(ProgramRejected, match=f"./thing is {kind}, not a regular file"):
        described({"command": ["./thing"]})


@pytest.mark.parametrize(
    ("path", "why", "hint"),
    [
        ("/nosuch/x y", "there is no directory /nosuch", "backup 'x y'"),
        ("/dev/null", "it is not a regular file", "backup null"),
        (".", "it is a directory", "help backup"),
        ("./conf.json/x", "Not a directory", "backup x"),
        ("nosuch/", "it is a directory", "help backup"),
        ("n" * 300, "File name too long", "help backup"),
    ],
)
def test_a_file_that_cannot_be_made_says_why_and_hints_where_it_may(path: str, why: str, hint: str) -> None:
    with pytest.raises(CloudError) as refused:
        described({"file": path})
    assert (refused.value.message, refused.value.hint) == (f"cannot write {path}: {why}", hint)


def test_a_backup_takes_the_place_of_what_was_there_once_it_is_whole(directory: Path) -> None:
    (directory / "link").symlink_to("conf.json")
    with files.opened({"file": "link"}) as (handed,):
        os.write(handed.descriptor, b"of today")
        assert (directory / "conf.json").read_bytes() != b"of today"

    assert (directory / "conf.json").read_bytes() == b"of today"
    assert (directory / "link").is_symlink()
    assert not list(directory.glob("*.part"))


def test_a_backup_that_is_killed_leaves_nothing_beside_its_place(directory: Path) -> None:
    before = {*os.listdir(directory)}

    with files.opened({"file": "new"}) as (handed,):
        os.write(handed.descriptor, b"half of it")
        assert {*os.listdir(directory)} == before


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/", "/ is a directory, not a regular file"),
        ("/nosuch/x", "there is no directory /nosuch"),
        ("conf.json/x", "cannot open conf.json/x: Not a directory"),
    ],
)
def test_no_hint_for_a_file_that_cannot_be_read_is_an_alias_of_ours(path: str, why: str) -> None:
    with pytest.raises(ProgramRejected) as rejected:
        described({"backup": path})
    assert (rejected.value.message, rejected.value.hint) == (why, "help files")


def test_files_are_closed_afterwards_also_when_a_later_one_is_refused() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ProgramRejected):
        described({"command": ["./server.py"], "copy": ["conf.json", "nosuch"]})
    described({"command": ["./server.py"]})
    assert os.listdir("/proc/self/fd") == before


def test_more_files_than_a_frame_carries_are_refused() -> None:
    with pytest.raises(UsageError, match="more than 16 files"):
        described({"copy": ["conf.json"] * 17})
