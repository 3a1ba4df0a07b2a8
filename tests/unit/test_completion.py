"""What bash completes, in a bash, and what the program tells it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from manager.api.documents import document, listing
from manager.api.errors import UsageError
from manager.api.places import Places
from shell.manual import completion
from shell.prompt import outside
from shell.prompt.outside import candidates
from tests.fakes.manager import PlacesAt
from tests.fakes.replies import Answer, Replies, app, image, serving, worker

DIRECTORIES = {
    "": ["demos/", "notes.txt"],
    "demos/": ["a tour.sc"],
}
CLOUDS = ["default/", "other/", "a.lock"]
LISTINGS: dict[str, Answer] = {
    "apps": lambda _: listing("AppList", [app("web", revision=3, environment=["DEBUG"]), app("api")]),
    "ps": lambda _: listing("WorkerList", [worker("web.1")]),
    "images": lambda _: listing("ImageList", [image("tools")]),
    "secret": lambda _: listing("SecretList", []),
    "history": lambda _: document("RevisionList", {"items": [{"revision": number} for number in (1, 2)]}),
    "explain": lambda _: document("Decision", {"id": 211, "kept": [{"id": 211}, {"id": 180}]}),
    "status": lambda _: document("Status", {"etcd": {"members": [{"name": "etcd1"}, {"name": "etcd2"}]}}),
}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A manager answers there, for whom a busy machine may have no time at once."""
    monkeypatch.setattr(outside, "_ANSWER_S", 60.0)
    with serving(tmp_path, Replies(LISTINGS)):
        yield tmp_path


def offered(line: str, directory: Path) -> list[str]:
    """Return what is offered behind `simplecloud`, where the manager of the cloud `other` answers."""

    def find(cloud: str | None) -> Places:
        if cloud == "Bad":
            raise UsageError('"Bad" is not a cloud\'s name')
        return PlacesAt(cloud or "default", directory=directory / ("nowhere" if cloud is None else ""))

    directories = {**DIRECTORIES, str(directory): CLOUDS}
    return candidates(f"./simplecloud {line}", find, lambda name: directories.get(name, []))


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("rm w", ["web"]),
        ("logs w", ["web", "web.1"]),
        ("logs web.1 w", ["web"]),
        ("ps --qui", ["--quiet"]),
        ("ps --output=js", ["--output=json", "--output=jsonl"]),
        ("ps --columns worker,sta", ["worker,state"]),
        ("wait web re", ["ready", "req/s", "revision", "reaches"]),
        ("scale 'w", ["web"]),
        ("run new no", ["notes.txt"]),
        ("run new demos/", ["demos/a tour.sc"]),
        ("run -e A='x y' --image t", ["tools"]),
        ("watch rm ", []),
        ("watch logs ", []),
        ("history ", ["web", "api"]),
        ("rollback web --to ", ["2", "1"]),
        ("rollback web --to=", ["--to=2", "--to=1"]),
        ("explain web --decision ", ["211", "180"]),
        ("crash etcd ", ["1", "2"]),
        ("update web --no-env ", ["DEBUG"]),
        ("rollback api --to ", []),
        ("secret ", ["ls", "set", "rm"]),
        ("sca", ["scale"]),
        ("up --bi", ["--bind"]),
    ],
)
def test_what_can_stand_there_is_offered_in_whole_words(
    typed: str, completed: list[str], directory: Path
) -> None:
    found = offered(f"--cloud other {typed}", directory)

    assert found[: len(completed) or None] == completed


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("--cl", ["--cloud"]),
        ("--cloud ", ["default", "other"]),
        ("-k --cloud=other -x rm w", ["web"]),
        ("-f ", ["demos/", "notes.txt"]),
        ("-f demos/", ["demos/a tour.sc"]),
        ("-f notes.txt rm w", []),
        ("-c ", []),
        ("--bogus sca", []),
        ("--cloud Bad sca", []),
        ("rm w", []),
        ("sacle w", []),
        ("secret ls --qu", ["--quiet"]),
    ],
)
def test_the_options_of_the_program_come_first_and_a_cloud_that_is_down_has_no_names(
    typed: str, completed: list[str], directory: Path
) -> None:
    assert offered(typed, directory) == completed


def test_in_place_of_a_verb_only_options_of_the_program_begin_with_a_dash(directory: Path) -> None:
    assert offered("-", directory) == ["--cloud", "--file", "--check", "--help", "--version"]


def test_options_are_offered_to_who_begins_one_or_where_nothing_else_can_stand(directory: Path) -> None:
    assert offered("--cloud other ps ", directory) == ["web", "api"]
    assert {"--since", "--follow"} < set(offered("--cloud other events ", directory))


def in_bash(line: str, told: Sequence[str], directory: Path) -> tuple[list[str], str]:
    """Return what bash completes when the program tells these words, and the line that it was given."""
    program = directory / "simplecloud"
    words = " ".join(f"'{word}'" for word in told)
    program.write_text(f'#!/bin/sh\nprintf %s "$*" >"{directory}/asked"\nprintf "%s\\n" {words}\n')
    program.chmod(0o755)
    asked = f"COMP_LINE='{line} behind' COMP_POINT={len(line)}; _simplecloud '{program}'"
    done = subprocess.run(
        ["bash", "-c", f'{completion.script("bash")}\n{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"'],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines(), (directory / "asked").read_text()


@pytest.mark.parametrize(
    ("line", "told", "completed"),
    [
        ("simplecloud sca", ["scale"], ["scale"]),
        ("simplecloud ps --output=js", ["--output=json", "--output=jsonl"], ["json", "jsonl"]),
        ("simplecloud cp web.1:", ["web.1:"], [""]),
        ("simplecloud run ./my", ["./my file"], ["./my file"]),
    ],
)
def test_bash_asks_for_the_line_up_to_the_cursor_and_replaces_what_its_word_is(
    line: str, told: list[str], completed: list[str], tmp_path: Path
) -> None:
    assert in_bash(line, told, tmp_path) == (completed, f"--complete {line}")


def test_zsh_does_the_same_by_its_emulation_of_bash() -> None:
    assert completion.script("zsh").endswith(completion.script("bash"))


def test_no_offset_in_the_script_is_a_modifier_to_zsh() -> None:
    offsets = re.findall(r"\$\{\w+:([^}]*)\}", completion.script("bash"))

    assert offsets == ["0:$COMP_POINT", "- "]
