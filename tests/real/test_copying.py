"""cp between this machine and the workers of a real cloud, as docker's users know it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.cloud import SERVER, Apps, Cloud, apps_on, eventually, inside

FOREVER = ("sleep", "1000")


@pytest.fixture(scope="module")
def app(cloud: Cloud) -> Iterator[str]:
    """Lend an app that each test leaves as it was, but for files of its own."""
    with apps_on(cloud) as apps:
        yield apps.run(*FOREVER)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a file, and a directory with a link."""
    (tmp_path / "f").write_bytes(os.urandom(1_500_000))
    (tmp_path / "d/s").mkdir(parents=True)
    (tmp_path / "d/s/x").write_text("x\n")
    (tmp_path / "d/link").symlink_to("s/x")
    return tmp_path


def test_a_file_goes_in_and_comes_out_unchanged(app: str, cloud: Cloud, here: Path) -> None:
    into = cloud.ok("cp", "./f", f"{app}.1:/tmp/g", cwd=here)
    cloud.ok("cp", f"{app}:/tmp/g", "./back", cwd=here)
    cloud.ok("cp", f"{app}:/tmp/g", ".", cwd=here)

    assert (here / "back").read_bytes() == (here / "g").read_bytes() == (here / "f").read_bytes()
    assert (into.stdout, into.stderr) == ("", f"copied ./f to {app}.1:/tmp/g\n")
    assert [entry.name for entry in here.iterdir() if entry.name.startswith(".")] == []


def test_what_a_worker_left_behind_comes_out_after_its_end_and_nothing_goes_in(
    apps: Apps, cloud: Cloud, here: Path
) -> None:
    job = apps.run("sh", "-c", "echo done > /tmp/result", options=("--restart", "no"))
    eventually(lambda: cloud.app(job).done == 1, what=f"the end of {job}")

    cloud.ok("cp", f"{job}.1:/tmp/result", "result", cwd=here)
    refused = cloud.run("cp", "f", f"{job}.1:/tmp/f", cwd=here)

    assert (here / "result").read_text() == "done\n"
    assert (refused.code, f"{job}.1 does not run" in refused.stderr) == (1, True)


def test_a_directory_goes_under_a_new_name_then_into_it_or_its_contents_do(
    app: str, cloud: Cloud, here: Path
) -> None:
    for source in ("d", "d", "d/."):
        cloud.ok("cp", source, f"{app}:/tmp/new", cwd=here)

    found = inside(cloud.container(f"{app}.1"), "sh", "-c", "cd /tmp/new; find . | sort").stdout.split()

    assert found == [".", "./d", "./d/link", "./d/s", "./d/s/x", "./link", "./s", "./s/x"]
    cloud.ok("cp", f"{app}:/tmp/new/d", "out", cwd=here)
    cloud.ok("cp", f"{app}:/tmp/new/d/.", "out", cwd=here)
    assert sorted(str(path.relative_to(here / "out")) for path in (here / "out").rglob("*")) == [
        "link",
        "s",
        "s/x",
    ]
    assert os.readlink(here / "out/link") == "s/x"


def test_a_link_is_copied_and_followed_when_asked(app: str, cloud: Cloud, here: Path) -> None:
    cloud.ok("cp", f"{app}:/bin/sh", "link", cwd=here)
    cloud.ok("cp", "-L", f"{app}:/bin/sh", "file", cwd=here)

    assert (here / "link").is_symlink()
    assert (here / "file").read_bytes()[:4] == b"\x7fELF"


def packed(directory: Path) -> bytes:
    """Return the directory `d` as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(directory / "d", arcname="d")
    return archive.getvalue()


def test_a_dash_is_an_archive_on_standard_input_or_output(app: str, cloud: Cloud, here: Path) -> None:
    came_in = cloud.run("cp", "-", f"{app}:/tmp", given=packed(here))
    went_out = cloud.ok("cp", f"{app}:/tmp/d", "-")

    assert (came_in.code, came_in.stderr) == (0, f"unpacked standard input in {app}:/tmp\n")
    with tarfile.open(fileobj=io.BytesIO(went_out.stdout.encode())) as tar:
        assert sorted(tar.getnames()) == ["d", "d/link", "d/s", "d/s/x"]
    assert went_out.stderr == ""


def test_what_is_no_archive_or_no_directory_is_refused(app: str, cloud: Cloud, here: Path) -> None:
    no_archive = cloud.run("cp", "-", f"{app}:/tmp", given=b"no archive")
    no_directory = cloud.run("cp", "-", f"{app}:/none", given=packed(here))

    assert (no_archive.code, no_directory.code) == (1, 1)
    assert "standard input has no tar archive\nhint:  tar -c FILE |" in no_archive.stderr
    assert f"no directory /none in {app}\nhint:  exec {app} mkdir -p /none" in no_directory.stderr


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (("APP:/tmp/nosuch", "."), 1, "there is no /tmp/nosuch in APP.1", "exec APP.1 ls -la /tmp"),
        (("nosuch", "APP:/tmp"), 1, "there is no file nosuch", "help files"),
        (("f", "APP:/none/x"), 1, "there is no directory /none in APP", "exec APP mkdir -p /none"),
        (("f", "APP:/tmp/none/"), 1, "there is no directory /tmp/none/", "exec APP mkdir -p /tmp/none/"),
        (("d", "APP:/etc/passwd"), 1, "/etc/passwd is a file", "exec APP ls -l /etc/passwd"),
        (("f", "APP:/etc/passwd/"), 1, "/etc/passwd/ cannot be reached: what leads there is no", "help cp"),
        (("APP:/etc/passwd", "none/x"), 1, "there is no directory", "mkdir -p "),
        (("APP:/etc", "f"), 1, "f is a file", "help cp"),
        (("APP:/dev/null", "x"), 1, "APP:/dev/null is neither a file nor a directory", "exec APP ls -l"),
        (("APP:/etc/passwd", "/dev/null"), 1, "/dev/null is neither", "help cp"),
        (("f", "nosuch:/tmp"), 1, 'no app is named "nosuch"', "apps"),
        (("f", "APP.9:/tmp"), 1, "APP has no worker 9", "ps APP -a"),
        (("f", "g"), 2, 'neither "f" nor "g" is a path in a worker', "cp f web.1:/tmp/f"),
        (("f",), 2, "cp needs DST", "cp ./f web.1:/tmp/f"),
    ],
)
def test_what_cannot_be_copied_is_an_error_and_changes_nothing(
    words: tuple[str, ...], code: int, message: str, hint: str, app: str, cloud: Cloud, here: Path
) -> None:
    before = {path: path.lstat().st_mtime_ns for path in (here, *here.rglob("*")) if path != here}

    outcome = cloud.run("cp", *(word.replace("APP", app) for word in words), cwd=here)

    assert (outcome.code, outcome.stdout) == (code, ""), outcome
    assert message.replace("APP", app) in outcome.stderr
    assert f"\nhint:  {hint.replace('APP', app)}" in outcome.stderr
    assert {path: path.lstat().st_mtime_ns for path in here.rglob("*")} == before


@pytest.mark.parametrize(
    ("word", "made", "message"),
    [
        ("link", "mkdir", "/tmp/way/link is a directory in the worker: a file cannot replace it"),
        ("f", "mkdir", "/tmp/way/f is a directory in the worker: a file cannot replace it"),
        ("d", "touch", "/tmp/way/d is a file in the worker: a directory cannot replace it"),
    ],
)
def test_what_is_in_the_way_inside_the_worker_is_named(
    word: str, made: str, message: str, app: str, cloud: Cloud, here: Path
) -> None:
    (here / "link").symlink_to("nowhere")
    cloud.ok("exec", app, "mkdir", "/tmp/way")
    cloud.ok("exec", app, made, f"/tmp/way/{word}")

    outcome = cloud.run("cp", word, f"{app}:/tmp/way", cwd=here)
    cloud.ok("exec", app, "rm", "-r", "/tmp/way")

    assert outcome.code == 6
    assert f"error: {message}\nhint:  help cp\n" in outcome.stderr


def test_an_app_of_several_workers_is_not_enough(apps: Apps, cloud: Cloud, here: Path) -> None:
    app = apps.run(*FOREVER, options=("-n", "2"))

    outcome = cloud.run("cp", "f", f"{app}:/tmp/f", cwd=here)

    assert outcome.code == 2
    assert f"{app} has 2 workers: say which" in outcome.stderr
    assert f"hint:  cp f {app}.1:/tmp/f\n" in outcome.stderr


def test_a_program_that_was_copied_in_is_replaced_by_an_update_only(
    apps: Apps, cloud: Cloud, here: Path
) -> None:
    app = apps.serve()

    outcome = cloud.run("cp", "f", f"{app}:{SERVER}", cwd=here)

    assert outcome.code == 6
    assert f"{SERVER} is mounted in the worker" in outcome.stderr
    assert "hint:  help update" in outcome.stderr


def test_a_read_only_worker_takes_no_files(apps: Apps, cloud: Cloud, here: Path) -> None:
    app = apps.run(*FOREVER, options=("--read-only",))

    outcome = cloud.run("cp", "f", f"{app}:/root/f", cwd=here)

    assert outcome.code == 6
    assert "read-only" in outcome.stderr
