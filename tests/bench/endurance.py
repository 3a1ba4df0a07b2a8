"""`python -m tests.bench.endurance [--commands N]`: what both managers and a shell use during N commands.

Most commands are cheap looks, over one kept connection or from one kept shell in turns; some come from a new
shell, some change an app. Who keeps nothing of what is done stays where it was once it is warm.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path
from socket import socket
from typing import IO

from tests.chaos.samples import Sample, sample
from tests.real.cloud import LAUNCHER, SERVER, Cloud, running_cloud
from tests.real.line import answer, ask, line_to

APP, PASSING = "steady", "passing"
LOOKS: Sequence[tuple[str, Mapping[str, object]]] = (
    ("apps", {}),
    ("ps", {}),
    ("routes", {}),
    ("inspect", {"target": APP}),
    ("ps", {"app": [APP], "all": True}),
    ("history", {"app": APP}),
    ("status", {}),
    ("events", {}),
)
LINES = (
    "apps",
    "ps -a -o wide",
    "routes -o json",
    f"describe {APP}",
    "status",
    f"history {APP}",
    "apps nosuch",
)
SHELL_EVERY, CHANGE_EVERY = 50, 25
FROM_SHELLS = (("apps",), ("describe", APP), ("ps", "-o", "json"), ("stats", "--no-stream"), ("net",))
CHANGES = (
    ("scale", f"{APP}=3"),
    ("scale", f"{APP}=1"),
    ("run", "-p", "8000", PASSING, SERVER, "8000"),
    ("update", APP, "-e", "MARK=1"),
    ("rm", PASSING, "-y", "--now"),
    ("update", APP, "-e", "MARK=2"),
)
MARK = "that was it"
WARM, REPORT_EVERY = 4000, 500  # commands; by then every bounded history is full

WHO = ("leader", "standby", "shell")

Command = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Kept:
    """A shell that reads its commands from a pipe and goes on after errors."""

    pid: int
    given: IO[str]
    printed: IO[str]

    def carry_out(self, line: str) -> None:
        """The command is done, and what it printed has been read."""
        self.given.write(f"{line}\necho {MARK}\n")
        self.given.flush()
        while (printed := self.printed.readline()) != f"{MARK}\n":
            assert printed, "the shell has ended"


@contextmanager
def kept_shell(cloud: Cloud) -> Iterator[Kept]:
    """Lend a shell on the cloud; it has come to its end afterwards."""
    with subprocess.Popen(
        [LAUNCHER, "--cloud", cloud.name, "-k"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Kept(process.pid, process.stdin, process.stdout)
        process.stdin.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.endurance", description=__doc__)
    parser.add_argument(
        "--commands", type=int, default=10_000, metavar="N", help=f"how many, after {WARM} that warm (10000)"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running_cloud(Path(directory)) as cloud:
        cloud.ok("run", "-p", "8000", APP, SERVER, "8000")
        with line_to(cloud) as line, kept_shell(cloud) as shell:
            courses = measured(cloud, line, shell, WARM + asked.commands)
    for who, course in zip(WHO, courses, strict=True):
        print(growth(who, course))


def measured(cloud: Cloud, line: socket, shell: Kept, total: int) -> list[list[Sample]]:
    """Return what each of WHO used at intervals of the commands; told as it goes."""
    pids, began_at = [*cloud.manager_pids(), shell.pid], time.monotonic()
    courses: list[list[Sample]] = [[] for _ in pids]
    for number, command in enumerate(islice(commands(cloud, line, shell), total + 1)):
        if number % REPORT_EVERY == 0:
            for course, pid in zip(courses, pids, strict=True):
                seen = sample(pid, time.monotonic() - began_at)
                course += [seen] if seen is not None else []
            _tell(number, [course[-1] for course in courses])
        command()
    return courses


def commands(cloud: Cloud, line: socket, shell: Kept) -> Iterator[Command]:
    """Yield the commands, endlessly: looks, and every so often a new shell or a change."""
    looks, lines, shells, changes = cycle(LOOKS), cycle(LINES), cycle(FROM_SHELLS), cycle(CHANGES)
    for number in count(1):
        if number % SHELL_EVERY == 0:
            yield partial(cloud.ok, *next(shells))
        elif number % CHANGE_EVERY == 0:
            yield partial(cloud.ok, *next(changes))
        elif number % 2:
            yield partial(shell.carry_out, next(lines))
        else:
            yield partial(_look, line, *next(looks))


def _look(line: socket, method: str, params: Mapping[str, object]) -> None:
    ask(line, method, params)
    answer(line)


def _tell(number: int, seen: Sequence[Sample]) -> None:
    used = "; ".join(
        f"{who} {each.descriptors} descriptors, {each.threads} threads, {each.rss_kib / 1024:.1f} MiB"
        for who, each in zip(WHO, seen, strict=True)
    )
    print(f"{seen[0].at_s:6.0f} s {number:6d} commands: {used}", file=sys.stderr, flush=True)


def growth(who: str, course: Sequence[Sample]) -> str:
    """Return by how much a process grew from when it was warm to the end."""
    warm, last = course[WARM // REPORT_EVERY], course[-1]
    return (
        f"{who}: {last.descriptors - warm.descriptors:+d} descriptors, "
        f"{last.threads - warm.threads:+d} threads, {(last.rss_kib - warm.rss_kib) / 1024:+.1f} MiB "
        f"in {last.at_s - warm.at_s:.0f} s"
    )


if __name__ == "__main__":
    main()
