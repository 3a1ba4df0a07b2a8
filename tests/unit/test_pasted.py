"""A hint is ready to paste where it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.errors import AppNotFound
from shell.pasted import pasted
from tests.fakes.shells import TerminalText, shell_at


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLECLOUD_PROGRAM", "./simplecloud")
    monkeypatch.delenv("SIMPLECLOUD_CLOUD", raising=False)


@pytest.mark.parametrize(
    ("hint", "for_people"),
    [
        ("apps", "./simplecloud --cloud test apps"),
        ("logs x    (or: ps)", "./simplecloud --cloud test logs x    (or: ./simplecloud --cloud test ps)"),
        ("simplecloud up", "./simplecloud --cloud test up"),
        ("simplecloud --cloud other up", "./simplecloud --cloud other up"),
        (
            "tar -c FILE | simplecloud cp - web.1:/tmp",
            "tar -c FILE | ./simplecloud --cloud test cp - web.1:/tmp",
        ),
        ("su -c 'simplecloud up'", "su -c './simplecloud --cloud test up'"),
        ("update w sh -c 'exec x'", "./simplecloud --cloud test update w sh -c 'exec x'"),
        ("chmod +x ./server.py", "chmod +x ./server.py"),
        ("ls -l ./server.py", "ls -l ./server.py"),
        ("sudo usermod -aG simplecloud $USER", "sudo usermod -aG simplecloud $USER"),
        ("did you mean ./server.py?", "did you mean ./server.py?"),
        ("", ""),
    ],
)
def test_outside_of_the_cloud_every_hint_calls_the_program(hint: str, for_people: str) -> None:
    assert pasted(hint, "test", outside=True) == for_people


def test_inside_only_what_is_not_of_the_prompt_calls_the_program() -> None:
    assert pasted("apps", "test", outside=False) == "apps"
    assert pasted("simplecloud secret set x < FILE", "test", outside=False) == (
        "./simplecloud --cloud test secret set x < FILE"
    )


@pytest.mark.parametrize(
    ("hint", "typed"),
    [
        ("simplecloud up", "up"),
        ("simplecloud --cloud test ps web", "ps web"),
        ("simplecloud --cloud other ps web", "./simplecloud --cloud other ps web"),
        (
            "simplecloud secret set x < FILE",
            "secret set x    (or: ./simplecloud --cloud test secret set x < FILE)",
        ),
        ("simplecloud secret set x < key.txt", "./simplecloud --cloud test secret set x < key.txt"),
        ("simplecloud apps -q | cat", "./simplecloud --cloud test apps -q | cat"),
        ("sudo usermod -aG simplecloud $USER", "sudo usermod -aG simplecloud $USER"),
        ("apps", "apps"),
    ],
)
def test_at_the_prompt_the_program_is_called_only_for_another_cloud_or_shell(hint: str, typed: str) -> None:
    assert pasted(hint, "test", outside=False, at_prompt=True) == typed


def test_a_cloud_that_the_environment_names_is_not_named_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLECLOUD_CLOUD", "test")

    assert pasted("simplecloud up", "test", outside=False) == "./simplecloud up"
    assert pasted("simplecloud up", "default", outside=False) == "./simplecloud --cloud default up"


@pytest.mark.parametrize(("one_shot", "hint"), [(True, "./simplecloud apps"), (False, "apps")])
def test_a_person_who_gave_one_command_is_answered_with_commands_of_that_shell(
    one_shot: bool, hint: str, tmp_path: Path
) -> None:
    shell = shell_at(tmp_path)
    shell.session.one_shot, shell.session.err = one_shot, (terminal := TerminalText())
    shell.session.tell(AppNotFound('no app is named "web"', hint="apps"))

    assert f"  {hint}\n" in terminal.getvalue()
