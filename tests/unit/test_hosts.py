"""The files of names: written in place, so that who has one mounted sees what is written later."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.loop.hosts import HostsFiles
from manager.state.model import WorkerKey
from netsetup.errors import NetworkError

KEY = WorkerKey("web-1", 2, 3)


@pytest.fixture
def hosts(tmp_path: Path) -> HostsFiles:
    return HostsFiles(tmp_path / "hosts")


def test_before_anything_was_written_there_is_nothing(hosts: HostsFiles) -> None:
    assert hosts.read() == {}
    hosts.remove(KEY)


def test_what_was_written_is_read_back(hosts: HostsFiles) -> None:
    hosts.write(KEY, "one\n")

    assert hosts.read() == {KEY: "one\n"}


@pytest.mark.parametrize("text", ["", "a\n", "a much longer text than before\n"])
def test_who_has_the_file_open_sees_what_is_written_later(hosts: HostsFiles, text: str) -> None:
    hosts.write(KEY, "some text\n")
    with hosts.path(KEY).open() as mounted:
        hosts.write(KEY, text)

        assert mounted.read() == text


def test_every_user_inside_may_read_it(hosts: HostsFiles) -> None:
    hosts.write(KEY, "")

    assert hosts.path(KEY).stat().st_mode & 0o777 == 0o644
    assert hosts.directory.stat().st_mode & 0o777 == 0o700


def test_a_removed_file_is_gone_and_others_stay(hosts: HostsFiles) -> None:
    other = WorkerKey("web", 1, 3)
    hosts.write(KEY, "")
    hosts.write(other, "x\n")

    hosts.remove(KEY)

    assert hosts.read() == {other: "x\n"}


def test_what_is_no_worker_s_file_is_not_looked_at(hosts: HostsFiles) -> None:
    hosts.write(KEY, "")
    (hosts.directory / "notes").write_text("mine")

    assert hosts.read() == {KEY: ""}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a file where the directory should be")

    with pytest.raises(NetworkError, match="cannot keep the names in"):
        HostsFiles(tmp_path / "hosts").write(KEY, "")
