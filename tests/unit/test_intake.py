"""An image that is not here: refused, or fetched when the operator says so."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from manager.api.arguments import Arguments, bind
from manager.api.commands import known
from manager.api.errors import CloudError, EngineError, ImageNotFound, ProgramRejected, UsageError
from manager.programs.store import Programs
from manager.secrets import INSIDE, Secrets
from manager.service.intake import Intake, OfferedFile
from manager.state.templates import Health, Mount, Template, wanted_template
from shell.language.parsing import parse
from tests.fakes.engine import FakeEngine, fake_image

TOOLS = fake_image("tools:1", {"/bin/sleep": (0o755, b"")})
BASE = Template(command=("sleep", "9"), image="tools:1", egress=True, reach=("api",))


class Desk:
    """An intake over an engine without images, whose registry has the tools."""

    def __init__(self, directory: Path) -> None:
        self.engine = FakeEngine(now=lambda: 0.0)
        self.engine.images.registry["tools:1"] = TOOLS
        self.secrets = Secrets(directory / "kept", directory / "lent")
        self.told: list[str] = []
        self._intake = Intake(self.engine, Programs(directory), self.secrets)

    def run(self, line: str, files: Sequence[OfferedFile] = ()) -> Template:
        return self._intake.template(self._bound("run", line), files, self.told.append)

    def update(self, line: str, base: Template, files: Sequence[OfferedFile] = ()) -> Template:
        return self._intake.template(self._bound("update", line), files, self.told.append, base)

    def _bound(self, verb: str, line: str) -> Arguments:
        row = known(verb)
        return bind(row, parse(row, shlex.split(line)))

    @property
    def images(self) -> list[str]:
        return [name for image in self.engine.images.list() for name in image.references]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_nothing_is_pulled_unless_the_operator_says_so(desk: Desk) -> None:
    with pytest.raises(ImageNotFound):
        desk.run("--image tools:1 web sleep 9")

    assert (desk.images, desk.told) == ([], [])


def test_a_missing_image_is_pulled_with_its_progress_told(desk: Desk) -> None:
    assert desk.run("--pull --image tools:1 web sleep 9").image == "tools:1"

    assert desk.images == ["tools:1"]
    assert desk.told == ["pulling tools:1", "Pulling from tools:1"]


def test_an_image_that_is_here_is_not_pulled_again(desk: Desk) -> None:
    desk.run("--pull --image tools:1 web sleep 9")
    desk.told.clear()

    desk.run("--pull --image tools:1 web sleep 9")

    assert desk.told == []


def test_an_image_that_cannot_be_pulled_is_named(desk: Desk) -> None:
    with pytest.raises(EngineError, match="cannot pull image other:1"):
        desk.run("--pull --image other:1 web sleep 9")

    assert desk.images == []


def test_more_cores_than_the_machine_has_are_refused_at_once(desk: Desk) -> None:
    with pytest.raises(UsageError, match=r"--cpus 100 is more than this machine has: from 0\.01 to 2"):
        desk.run("--cpus 100 --pull --image tools:1 web sleep 9")

    assert desk.images == []
    assert desk.run("--cpus 2 --pull --image tools:1 web sleep 9").cpus == 2


def test_more_memory_than_the_machine_has_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError, match=r"--memory is more than this machine has: from 6M to 8192M"):
        desk.run("--memory 9G --pull --image tools:1 web sleep 9")

    assert desk.run("--memory 8G --pull --image tools:1 web sleep 9").memory_bytes == 8 << 30


def test_a_dry_run_pulls_nothing(desk: Desk) -> None:
    with pytest.raises(ImageNotFound):
        desk.run("--dry-run --pull --image tools:1 web sleep 9")

    assert desk.images == []


def test_a_copied_script_is_checked_against_the_image_that_an_update_gives_it(
    desk: Desk, tmp_path: Path
) -> None:
    desk.engine.images.registry["python:1"] = fake_image("python:1", {"/usr/bin/python3": (0o755, b"")})
    script = tmp_path / "serve.py"
    script.write_text("#!/usr/bin/python3\n")
    script.chmod(0o755)
    with script.open("rb") as file:
        offered = OfferedFile("./serve.py", "command", "/app/serve.py", file.fileno())
        base = desk.run("--pull --image python:1 web ./serve.py", [offered])

    with pytest.raises(ProgramRejected, match="tools:1"):
        desk.update("--pull --image tools:1 web", base)

    assert desk.update("-e A=1 web", base).environment == {"A": "1"}


def test_a_file_that_an_update_replaces_need_not_run_in_its_image(desk: Desk, tmp_path: Path) -> None:
    desk.engine.images.registry["python:1"] = fake_image("python:1", {"/usr/bin/python3": (0o755, b"")})
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_text("#!/usr/bin/python3\n")
    after.write_text("#!/bin/sleep\n")
    with before.open("rb") as old, after.open("rb") as new:
        offered = [OfferedFile("app", "copy", "/app/app", file.fileno()) for file in (old, new)]
        base = desk.run("--pull --image python:1 --copy app:/app/app web /app/app", offered[:1])
        desk.run("--pull --image tools:1 web sleep 9")

        updated = desk.update("--image tools:1 --copy app:/app/app web", base, offered[1:])

    assert [mount.path for mount in updated.mounts] == ["/app/app"]
    assert updated.mounts != base.mounts


def test_a_file_that_is_gone_is_told_with_the_option_that_brings_one(desk: Desk) -> None:
    base = replace(BASE, command=("/app/app",), image="python:1", mounts=(Mount("0" * 64, "/app/app"),))
    desk.run("--pull --image tools:1 web sleep 9")

    with pytest.raises(ProgramRejected, match=r"^/app/app is gone from this machine$") as told:
        desk.update("--image tools:1 web", base)

    assert told.value.hint == "--copy FILE:/app/app"


def test_a_file_copied_by_an_option_and_run_is_checked_as_one_that_is_the_command(
    desk: Desk, tmp_path: Path
) -> None:
    desk.run("--pull --image tools:1 web sleep 9")
    app, data = tmp_path / "app.py", tmp_path / "data.txt"
    app.write_text("import os\n")
    data.write_text("#!nothing\n")
    with app.open("rb") as program, data.open("rb") as text:
        offered = OfferedFile("app.py", "copy", "/app/app", program.fileno())
        beside = OfferedFile("data.txt", "copy", "/app/data.txt", text.fileno())
        with pytest.raises(ProgramRejected, match=r"^app\.py is neither an ELF program nor a script"):
            desk.run("--image tools:1 --copy app.py:/app/app web /app/app", [offered, beside])

        assert desk.run("--image tools:1 --copy app.py:/app/app web sleep 9", [offered, beside]).mounts


def test_an_empty_file_that_is_copied_by_an_option_and_run_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.run("--pull --image tools:1 web sleep 9")
    (tmp_path / "nothing").touch()
    with (tmp_path / "nothing").open("rb") as file:
        offered = OfferedFile("nothing", "copy", "/app/nothing", file.fileno())
        with pytest.raises(ProgramRejected, match=r"^nothing is empty"):
            desk.run("--image tools:1 --copy nothing web /app/nothing", [offered])

        assert desk.run("--image tools:1 --copy nothing web sleep 9", [offered]).mounts


def refused(desk: Desk, line: str, *places: str) -> CloudError:
    """Return the error for files that are copied to these places of workers of `tools:1`."""
    with open(os.devnull, "rb") as file:
        offered = [OfferedFile(f"./{place}", "copy", place, file.fileno()) for place in places]
        with pytest.raises(CloudError) as told:
            desk.run(f"--pull --image tools:1 {line}", offered)
    return told.value


def test_no_file_is_copied_onto_a_directory_of_the_image(desk: Desk) -> None:
    told = refused(desk, "web sleep 9", "/bin")

    assert str(told) == "/bin is a directory in image tools:1: no file can be copied there"
    assert told.hint == "--copy FILE:/bin/"


@pytest.mark.parametrize("places", [("/bin/sleep/x",), ("/x/y", "/x")], ids=["of the image", "copied"])
def test_no_file_is_copied_below_another(places: tuple[str, ...], desk: Desk) -> None:
    assert " would be below " in str(refused(desk, "web sleep 9", *places))


@pytest.mark.parametrize("place", [INSIDE, f"{INSIDE}/db"])
def test_no_file_is_copied_to_where_secrets_are(place: str, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    with (tmp_path / "secret").open("rb") as file:
        desk.secrets.put("db", file.fileno())

    told = refused(desk, "--secret db web sleep 9", place)

    assert str(told) == f"with --secret {INSIDE} has secrets only, so {place} cannot be there"


def updated(line: str, base: Template = BASE) -> Template:
    row = known("update")
    return wanted_template(bind(row, parse(row, shlex.split(line))), base)


def test_an_update_keeps_gives_and_takes_what_may_be_reached() -> None:
    assert updated("web") == BASE
    assert updated("--reach db --reach cache --reach db web").reach == ("cache", "db")
    assert updated("--no-reach web").reach == ()
    assert not updated("--no-egress web").egress


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        ((7000, "tcp"), "7001", (7001, "tcp")),
        ((7000, "tcp"), "7001/http", (7001, "http")),
        ((8000, "http"), "8001", (8001, "http")),
        ((8000, "http"), "8001/tcp", (8001, "tcp")),
        ((None, "http"), "8001", (8001, "http")),
    ],
)
def test_an_update_of_the_port_keeps_the_protocol_unless_it_says_another(
    before: tuple[int | None, Literal["http", "tcp"]], asked: str, after: tuple[int, str]
) -> None:
    port, protocol = before

    made = updated(f"-p {asked} web", replace(BASE, port=port, protocol=protocol))

    assert (made.port, made.protocol) == after


def test_an_update_takes_variables_away_by_name() -> None:
    base = replace(BASE, environment={"A": "1", "B": "2", "C": "3"})

    assert updated("--no-env A --no-env C -e D=4 web", base).environment == {"B": "2", "D": "4"}
    assert updated("--no-env NOSUCH web", base).environment == base.environment


@pytest.mark.parametrize("line", ["-e A web", "--env-file app.env web"])
def test_a_variable_whose_value_only_who_asks_knows_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="the shell gives the values"):
        updated(line)


def test_another_port_is_asked_as_the_former_was() -> None:
    base = replace(BASE, port=8000, health=Health("path", "/ok"))

    assert updated("-p 8001 web", base).health == Health("path", "/ok")
    assert updated("-p 8001/tcp web", base).health == Health("tcp")
    assert updated("-p 8001 web").health == Health("http")
