"""What a person waits for: the first prompt, and the menu of completions."""

from __future__ import annotations

from functools import partial

from shell.prompt.complete import complete
from shell.prompt.directory import entries
from shell.prompt.named import Named
from shell.prompt.snapshot import Snapshot
from tests.bench.table import Result
from tests.bench.work import seconds_of
from tests.real.cloud import LAUNCHER, Cloud
from tests.real.terminal import on_terminal

NAMES = 500


def prompt(cloud: Cloud, rounds: int) -> list[Result]:
    """The launcher to its prompt, on a terminal; a keystroke to what can stand there, with 500 workers."""
    many = Snapshot(workers=tuple(Named(f"web.{slot}", "ready 10.200.0.4") for slot in range(1, NAMES + 1)))
    typed = "restart we"
    return [
        Result("launcher to first prompt", [_first_s(cloud) for _ in range(5 * rounds)], aim="<= 0.35 s"),
        Result(
            f"completing one of {NAMES} workers",
            [seconds_of(partial(complete, typed, len(typed), many, entries)) for _ in range(50 * rounds)],
            unit="ms",
            aim="<= 15 ms",
        ),
    ]


def _first_s(cloud: Cloud) -> float:
    with on_terminal(LAUNCHER, "--cloud", cloud.name) as terminal:
        taken_s = seconds_of(partial(terminal.wait_for, f"{cloud.places.prompt.strip()}"))
        terminal.type("exit\r")
        terminal.process.wait(20)
    return taken_s
