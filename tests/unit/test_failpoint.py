"""A process with a failpoint dies where the file says, once; without one nothing stands between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from manager import failpoint
from manager.failpoint import VARIABLE

PROGRAM = """
from manager import failpoint

class Edge:
    def look(self): return "looked"
    def create(self, number): print(number, flush=True)

edge = failpoint.on(Edge())
for number in range(1, 5):
    assert edge.look() == "looked"
    edge.create(number)
"""


def effects_of_a_process(file: Path) -> tuple[int, list[str]]:
    """Return how a process with four effects ended, and which of them it had."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, VARIABLE: str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout.split()


@pytest.mark.parametrize(("words", "done"), [("3 before", ["1", "2"]), ("3 after", ["1", "2", "3"])])
def test_a_process_dies_before_or_after_the_effect_that_is_named(
    words: str, done: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "failpoint"
    file.write_text(words)

    assert effects_of_a_process(file) == (-signal.SIGKILL, done)
    assert not file.exists()


def test_a_failpoint_that_is_not_reached_waits_for_the_effects_to_come(tmp_path: Path) -> None:
    file = tmp_path / "failpoint"
    file.write_text("6 after")

    assert effects_of_a_process(file) == (0, ["1", "2", "3", "4"])
    assert effects_of_a_process(file) == (-signal.SIGKILL, ["1", "2"])
    assert effects_of_a_process(file) == (0, ["1", "2", "3", "4"])


def test_without_a_failpoint_an_edge_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    edge = object()

    assert failpoint.on(edge) is edge
