"""`cp`: where things go is docker's habit, and nothing out of a worker leaves the place made for it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from manager.api.copying import Copy, Found, copy_of, placed
from manager.api.errors import CloudError, NotAllowed, UsageError
from shell.text.document import Document
from shell.worker import archives
from shell.worker.packing import move, pack, unpack
from tests.fakes.shells import Shell, shell_at


@pytest.mark.parametrize(
    ("words", "copy"),
    [
        (("./f", "web.1:/tmp/f"), Copy("./f", "web.1", "/tmp/f", inwards=True)),
        (("web:tmp/f", "f"), Copy("f", "web", "/tmp/f", inwards=False)),
        (("./a:b", "web:/x"), Copy("./a:b", "web", "/x", inwards=True)),
        (("-", "web:/d"), Copy("-", "web", "/d", inwards=True)),
        (("web:/d", "-"), Copy("-", "web", "/d", inwards=False)),
        (("web:/a:b", "/x:y"), Copy("/x:y", "web", "/a:b", inwards=False)),
    ],
)
def test_a_worker_s_side_has_a_target_and_a_path(words: tuple[str, str], copy: Copy) -> None:
    assert copy_of(*words) == copy


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a", "b"), 'neither "a" nor "b"'),
        (("web:/a", "api:/b"), "not between workers"),
        (("a", "web:"), '"web:" has no path'),
        (("-", "-"), 'neither "-" nor "-"'),
        (("a", "Web:/b"), '"Web" is neither an app'),
    ],
)
def test_other_words_are_refused_with_an_example(words: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        copy_of(*words)
    assert refused.value.hint.startswith("cp ")


def test_nothing_is_copied_to_where_no_worker_would_see_it() -> None:
    for path in ("/proc/x", "proc", "/dev/shm/x", "/tmp/../sys/x"):
        with pytest.raises(NotAllowed, match="would be seen by none") as refused:
            copy_of("./f", f"web.1:{path}")
        assert (refused.value.word, refused.value.hint) == (f"web.1:{path}", "cp ./f web.1:/tmp/")

    assert copy_of("web.1:/proc/x", "./f").inside == "/proc/x"
    assert copy_of("./f", "web.1:/process").inside == "/process"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("d/conf.json", "web:"), "cp d/conf.json web:/tmp/conf.json"),
        (("web.1:", "./x"), "cp web.1:/tmp/file ./x"),
    ],
)
def test_a_path_that_is_missing_is_offered_with_what_was_typed(words: tuple[str, str], hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        copy_of(*words)
    assert refused.value.hint == hint


THERE, FILE, NOTHING = Found("/d", is_directory=True), Found("/d", is_file=True), Found("/d")


@pytest.mark.parametrize(
    ("source", "is_directory", "found", "path"),
    [
        ("f", False, NOTHING, "/d"),
        ("f", False, FILE, "/d"),
        ("a/f", False, THERE, "/d/f"),
        ("dir", True, NOTHING, "/d"),
        ("a/dir/", True, THERE, "/d/dir"),
        ("dir/.", True, THERE, "/d"),
        (".", True, THERE, "/d"),
        ("..", True, THERE, "/d"),
    ],
)
def test_a_copy_goes_into_over_or_under_a_new_name(
    source: str, is_directory: bool, found: Found, path: str
) -> None:
    assert placed(source, "/d", found, "", is_directory=is_directory) == path


def test_what_cannot_be_there_is_refused() -> None:
    with pytest.raises(CloudError, match="/d is a file") as file:
        placed("dir", "/d", FILE, "exec web.1 ", is_directory=True)
    with pytest.raises(CloudError, match="there is no directory /d/") as missing:
        placed("f", "/d/", NOTHING, "", is_directory=False)
    assert (file.value.hint, missing.value.hint) == ("exec web.1 ls -l /d", "mkdir -p /d/")


def archive(*members: tuple[str, bytes, str]) -> io.BytesIO:
    """Return an archive of (name, type, content or target of a link)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o4755
            if kind == tarfile.REGTYPE:
                member.size = len(content)
            else:
                member.linkname = content
            tar.addfile(member, io.BytesIO(content.encode()))
    return packed


FILE_TYPE, DIRECTORY, LINK, HARD_LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
TREE = (("d", DIRECTORY, ""), ("d/s", DIRECTORY, ""), ("d/s/f", FILE_TYPE, "new"), ("d/l", LINK, "/etc"))


def test_a_tree_comes_out_as_it_was(tmp_path: Path) -> None:
    left_out = unpack(archive(*TREE, ("d/fifo", tarfile.FIFOTYPE, "")), "d", tmp_path / "x")

    assert (tmp_path / "x/s/f").read_text() == "new"
    assert (tmp_path / "x/s/f").stat().st_mode & 0o7777 == 0o755
    assert os.readlink(tmp_path / "x/l") == "/etc"
    assert left_out == ["d/fifo"]


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", FILE_TYPE, "x")],
        [("d", DIRECTORY, ""), ("d/../../evil", FILE_TYPE, "x")],
        [("d", DIRECTORY, ""), ("/evil", FILE_TYPE, "x")],
        [("evil", FILE_TYPE, "x")],
        [("d", DIRECTORY, ""), ("d/l", LINK, ".."), ("d/l/evil", FILE_TYPE, "x")],
        [("d", DIRECTORY, ""), ("d/h", HARD_LINK, "../evil")],
        [("d", DIRECTORY, ""), ("d/h", HARD_LINK, "/etc/passwd")],
        [("d", LINK, "."), ("d/evil", FILE_TYPE, "x")],
        [("d", FILE_TYPE, "x"), ("d", FILE_TYPE, "y")],
    ],
)
def test_no_archive_writes_outside_of_its_place(
    members: list[tuple[str, bytes, str]], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()

    with pytest.raises(CloudError, match="not part of what was asked for"):
        unpack(archive(*members), "d", tmp_path / "in" / "x")

    assert [*tmp_path.rglob("evil")] == []


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="cannot be read"):
        unpack(io.BytesIO(b"no archive" * 100), "d", tmp_path / "x")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_archive_that_breaks_off_is_an_error(
    compress: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compress(archive(*TREE).read())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(whole[:20])))
    session = shell_at(tmp_path).session
    session.gives_stdin = True

    with (
        pytest.raises(CloudError, match="no tar archive"),
        archives.given(session, Copy("-", "web.1", "/tmp", inwards=True)),
    ):
        pass


def test_what_is_packed_belongs_to_root_and_has_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/f").write_text("content")
    os.mkfifo(tmp_path / "old/fifo")
    packed = io.BytesIO()

    pack(str(tmp_path / "old"), "new", packed)

    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar:
        assert [(member.name, member.uid, member.gname) for member in tar] == [
            ("new", 0, "root"),
            ("new/f", 0, "root"),
        ]


def test_a_tree_is_moved_into_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "there/s").mkdir(parents=True)
    (tmp_path / "there/s/f").write_text("old")
    (tmp_path / "there/mine").write_text("mine")
    unpack(archive(*TREE), "d", tmp_path / "x")

    move(tmp_path / "x", tmp_path / "there")

    assert (tmp_path / "there/s/f").read_text() == "new"
    assert (tmp_path / "there/mine").read_text() == "mine"


@dataclass(frozen=True, slots=True)
class Worker:
    """A shell whose manager gives this archive for /d of web.1, and the work directories seen meanwhile."""

    shell: Shell
    members: list[tuple[str, bytes, str]]
    seen: list[Path]

    def call(self, _: str, params: Document, files: Sequence[int] = ()) -> Document:
        match params["step"]:
            case {"do": "read"}:
                self.seen.extend(self.work_directories())
                os.write(files[0], archive(*self.members).getvalue())
        return {"path": "/d", "directory": True}

    def work_directories(self) -> list[Path]:
        return [*self.shell.session.places.run.rglob(".simplecloud-cp-*")]


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = Worker(shell_at(tmp_path), list(TREE), [])
    monkeypatch.setattr("shell.client.Client.call", lambda _, *words: worker.call(*words))
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    monkeypatch.chdir(tmp_path / "there")
    return worker


@pytest.mark.parametrize("destination", [".", "../there", "../link", "../link/"])
def test_a_directory_that_is_there_is_all_that_a_copy_writes_to(
    worker: Worker, tmp_path: Path, destination: str
) -> None:
    assert worker.shell.run(f"cp web.1:/d/. {destination}") == 0
    assert (tmp_path / "there/s/f").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    assert [place.parent for place in worker.seen] == [tmp_path / "there"]
    assert worker.work_directories() == []


@pytest.mark.parametrize(("destination", "made"), [("../link", "there/d"), ("../new", "new")])
def test_a_new_name_is_made_beside_what_is_there(
    worker: Worker, tmp_path: Path, destination: str, made: str
) -> None:
    assert worker.shell.run(f"cp web.1:/d {destination}") == 0
    assert (tmp_path / made / "s/f").read_text() == "new"
    assert [place.parent for place in worker.seen] == [(tmp_path / made).parent]
    assert worker.work_directories() == []


@pytest.mark.parametrize(("leads_to", "is_told"), [("../usr/lib/f", True), ("there", False)])
def test_a_copied_link_that_leads_to_nothing_here_is_told_of(
    worker: Worker, leads_to: str, is_told: bool
) -> None:
    worker.members[:] = [("d", LINK, leads_to)]

    assert worker.shell.run("cp web.1:/d ../new") == 0

    assert ("../new is a link that leads to nothing here: cp -L" in worker.shell.err.getvalue()) is is_told


def test_a_copy_that_fails_leaves_a_directory_as_it_was(worker: Worker, tmp_path: Path) -> None:
    worker.members.append(("evil", FILE_TYPE, "x"))
    assert worker.shell.run("cp web.1:/d/. .") == 1
    assert len(worker.seen) == 1
    assert [*(tmp_path / "there").iterdir()] == []


@pytest.mark.parametrize("way", ["link", "file"])
def test_nothing_is_changed_where_something_is_in_the_way(way: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    if way == "link":
        (tmp_path / "there/s").symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / "there/s").touch()
    unpack(archive(*TREE), "d", tmp_path / "x")

    with pytest.raises(CloudError, match="in the way"):
        move(tmp_path / "x", tmp_path / "there")

    assert [*(tmp_path / "elsewhere").iterdir()] == []
    assert [entry.name for entry in (tmp_path / "there").iterdir()] == ["s"]
