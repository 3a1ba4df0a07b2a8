"""A command inside a worker that nobody listens to any more, told from what Docker says of it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from manager.engine.connection import Connection
from manager.engine.execs import DockerExecs

HANDED_OVER: Mapping[str, object] = {"Running": False, "ExitCode": None, "Pid": 0}
BEGUN: Mapping[str, object] = {"Running": True, "ExitCode": None, "Pid": 0}


class Telling:
    """A Docker that says one thing after the other of a command, and the last for ever."""

    def __init__(self, *told: Mapping[str, object]) -> None:
        self.told = list(told)

    @contextmanager
    def borrow(self, doing: str) -> Iterator[Telling]:
        yield self

    def exec_inspect(self, execution_id: str) -> Mapping[str, object]:
        return self.told.pop(0) if len(self.told) > 1 else self.told[0]


def hang_up(*told: Mapping[str, object]) -> None:
    DockerExecs(cast(Connection, Telling(*told)), Path("never-asked")).hang_up("1")


@pytest.mark.parametrize("before", [[], [BEGUN], [HANDED_OVER, BEGUN]], ids=["runs", "begins", "to begin"])
def test_a_command_that_is_hung_up_on_as_it_starts_is_told(before: list[Mapping[str, object]]) -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            hang_up(*before, {"Running": True, "ExitCode": None, "Pid": process.pid})
            process.wait(60)
        finally:
            process.kill()

    assert process.returncode == -signal.SIGHUP


def test_a_command_that_has_ended_is_not_waited_for() -> None:
    hang_up({"Running": False, "ExitCode": 0, "Pid": 4711})
