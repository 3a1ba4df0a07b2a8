"""What `export` names by its hash is copied from the files that the cloud still has."""

from __future__ import annotations

from pathlib import Path

import pytest

from shell.apps.entry import Entry
from shell.apps.kept import from_kept

SHA256, PLACE = "a" * 64, "/app/server.py"
WANTED = Entry({"name": "web", "command": [PLACE]}, {PLACE: SHA256})


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (tmp_path / SHA256).write_bytes(b"#!/bin/sh\n")
    return tmp_path


def test_a_file_that_the_cloud_still_has_is_copied_from_there(kept: Path) -> None:
    made = from_kept(WANTED, None, kept)

    assert made == Entry({**WANTED.params, "copy": [f"{kept}/{SHA256}:{PLACE}"]})


@pytest.mark.parametrize("named", ["b" * 64, "../x", ""])
def test_a_file_that_the_cloud_does_not_have_is_left_to_be_told_of(kept: Path, named: str) -> None:
    wanted = Entry(WANTED.params, {PLACE: named})

    assert from_kept(wanted, None, kept) is wanted


def test_a_file_that_the_app_has_or_that_is_copied_from_here_is_not_copied_from_there(kept: Path) -> None:
    from_here = Entry({**WANTED.params, "copy": [f"./server.py:{PLACE}"]}, WANTED.files)

    assert from_kept(WANTED, WANTED, kept) is WANTED
    assert from_kept(from_here, None, kept) is from_here
