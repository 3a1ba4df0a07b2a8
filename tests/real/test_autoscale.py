"""A real app scales itself: its only worker is too busy to answer, or its managers are killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.real.cloud import LAUNCHER, Apps, Cloud, eventually

BUSY = "/?cpu=15"
FIFTH_OF_A_CORE = ("--cpus", "0.2")


@contextmanager
def under_load(cloud: Cloud, app: str, *options: str) -> Iterator[None]:
    """Ask the app without a pause for as long as the block lasts."""
    command = [LAUNCHER, "--cloud", cloud.name, "load", app, *options, "--for", "2m", "--path", BUSY]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as load:
        try:
            yield
        finally:
            load.send_signal(signal.SIGINT)


def test_an_app_whose_only_worker_is_too_busy_to_answer_gets_more(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, *FIFTH_OF_A_CORE, "--max", "2")

    with under_load(cloud, name, "--rps", "60"):
        eventually(lambda: cloud.app(name).want == 2, within_s=30, what="a second worker")


def test_managers_killed_while_the_load_rises_take_no_worker_away(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1, *FIFTH_OF_A_CORE, "--max", "3")
    counts = [1]

    with under_load(cloud, name, "--ramp", "10:90"):
        for _ in range(3):
            leader, _ = cloud.manager_pids()
            before = cloud.decisions(name)
            os.kill(leader, signal.SIGKILL)
            eventually(partial(has_decided, cloud, name, before + 2), within_s=20, what="the next manager")
            counts.append(cloud.app(name).want)
        eventually(lambda: cloud.app(name).want == 3, within_s=60, what="as many workers as it may have")

    assert counts == sorted(counts)


def test_workers_for_which_the_host_has_no_cpu_are_not_started_and_explain_says_so(
    apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(1, "--max", "16")
    said = partial(told_of, cloud, name, "the host has no CPU for more")

    with under_load(cloud, name, "--rps", "300"):
        eventually(said, within_s=60, what="the host's limit")
        assert cloud.app(name).want <= (os.cpu_count() or 1)


def told_of(cloud: Cloud, name: str, sentence: str) -> bool:
    """Return whether the newest decision gives this reason."""
    told = cloud.look("explain", name)
    return told.code == 0 and sentence in told.json["reason"]


def has_decided(cloud: Cloud, name: str, number: int) -> bool:
    return cloud.decisions(name) >= number
