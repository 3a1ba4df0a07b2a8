"""`python -m tests.bench.endurance [--commands N]`: what both managers use while they carry out N commands.

Most commands are cheap looks over one kept connection; some come from a new shell, some change an app. A
manager that keeps nothing of what is done stays where it was once it is warm.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path
from socket import socket

from tests.chaos.samples import Sample, sample
from tests.real.cloud import SERVER, Cloud, running_cloud
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
WARM, REPORT_EVERY = 4000, 500  # commands; by then every bounded history is full

Command = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.endurance", description=__doc__)
    parser.add_argument(
        "--commands", type=int, default=10_000, metavar="N", help=f"how many, after {WARM} that warm (10000)"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running_cloud(Path(directory)) as cloud:
        cloud.ok("run", "-p", "8000", APP, SERVER, "8000")
        with line_to(cloud) as line:
            courses = measured(cloud, line, WARM + asked.commands)
    for course in courses:
        print(growth(course))


def measured(cloud: Cloud, line: socket, total: int) -> list[list[Sample]]:
    """Return what each manager used, the leader first, at intervals of the commands; told as it goes."""
    pids, began_at = cloud.manager_pids(), time.monotonic()
    courses: list[list[Sample]] = [[] for _ in pids]
    for number, command in enumerate(islice(commands(cloud, line), total + 1)):
        if number % REPORT_EVERY == 0:
            for course, pid in zip(courses, pids, strict=True):
                seen = sample(pid, time.monotonic() - began_at)
                course += [seen] if seen is not None else []
            _tell(number, [course[-1] for course in courses])
        command()
    return courses


def commands(cloud: Cloud, line: socket) -> Iterator[Command]:
    """Yield the commands, endlessly: looks, and every so often a new shell or a change."""
    looks, shells, changes = cycle(LOOKS), cycle(FROM_SHELLS), cycle(CHANGES)
    for number in count(1):
        if number % SHELL_EVERY == 0:
            yield partial(cloud.ok, *next(shells))
        elif number % CHANGE_EVERY == 0:
            yield partial(cloud.ok, *next(changes))
        else:
            yield partial(_look, line, *next(looks))


def _look(line: socket, method: str, params: Mapping[str, object]) -> None:
    ask(line, method, params)
    answer(line)


def _tell(number: int, seen: Sequence[Sample]) -> None:
    used = "; ".join(
        f"{who} {each.descriptors} descriptors, {each.threads} threads, {each.rss_kib / 1024:.1f} MiB"
        for who, each in zip(("leader", "standby"), seen, strict=True)
    )
    print(f"{seen[0].at_s:6.0f} s {number:6d} commands: {used}", file=sys.stderr, flush=True)


def growth(course: Sequence[Sample]) -> str:
    """Return by how much a manager grew from when it was warm to the end."""
    warm, last = course[WARM // REPORT_EVERY], course[-1]
    return (
        f"manager {last.pid}: {last.descriptors - warm.descriptors:+d} descriptors, "
        f"{last.threads - warm.threads:+d} threads, {(last.rss_kib - warm.rss_kib) / 1024:+.1f} MiB "
        f"in {last.at_s - warm.at_s:.0f} s"
    )


if __name__ == "__main__":
    main()
