"""Long output goes through a pager only where that was asked for, and only when it is too long."""

from __future__ import annotations

import io
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from shell import pager
from shell.dispatch import perform
from shell.session import Session
from tests.fakes.manager import PlacesAt

LINES = [f"line {number}" for number in range(10)]


@pytest.fixture
def paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that a pager writes what it got into."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("PAGER", f"cat > {tmp_path}/paged")
    return tmp_path / "paged"


@contextmanager
def terminal(rows: int) -> Iterator[tuple[TextIO, int]]:
    """Lend a terminal to write to, and the descriptor that what is shown on it can be read from."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (rows, 80))
    with os.fdopen(slave, "w") as out, os.fdopen(master, "rb"):
        yield out, master


def shown(out: TextIO, master: int, directory: Path, *, wanted: bool = True) -> str:
    session = Session(PlacesAt("default", directory=directory), perform, out=out, err=io.StringIO())
    session.options.pager = wanted
    pager.show(session, LINES)
    print("end", file=out, flush=True)
    text = ""
    while "end\r\n" not in text:
        text += os.read(master, 4096).decode()
    return text.replace("\r\n", "\n").removesuffix("end\n")


def test_what_is_longer_than_the_terminal_goes_through_the_pager(paged: Path, tmp_path: Path) -> None:
    with terminal(rows=10) as (out, master):
        assert shown(out, master, tmp_path) == ""

    assert paged.read_text().splitlines() == LINES


def test_what_fits_is_printed(paged: Path, tmp_path: Path) -> None:
    with terminal(rows=11) as (out, master):
        assert shown(out, master, tmp_path).splitlines() == LINES

    assert not paged.exists()


def test_nothing_is_paged_unless_it_is_wanted(paged: Path, tmp_path: Path) -> None:
    with terminal(rows=5) as (out, master):
        assert shown(out, master, tmp_path, wanted=False).splitlines() == LINES

    assert not paged.exists()


def test_nothing_is_paged_off_a_terminal(paged: Path, tmp_path: Path) -> None:
    session = Session(PlacesAt("default", directory=tmp_path), perform, out=io.StringIO(), err=io.StringIO())
    session.options.pager = True

    pager.show(session, LINES * 100)

    assert not paged.exists()


def test_a_pager_that_is_not_there_loses_nothing(
    paged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager 2>/dev/null")
    with terminal(rows=5) as (out, master):
        assert shown(out, master, tmp_path).splitlines() == LINES
