"""What `describe` and `stats` say of workers that run, end and carry requests."""

from __future__ import annotations

import re
import signal
from typing import Any

from tests.real.cloud import LAUNCHER, Apps, Cloud, eventually, inside
from tests.real.terminal import on_terminal


def test_stats_have_what_the_kernel_counts(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2, "--memory", "64M")
    cloud.ok("load", name, "--rps", "20", "--for", "1s")

    lines = eventually(lambda: measured(cloud, name), what="that both are measured")

    assert [line["name"] for line in lines] == [f"{name}.1", f"{name}.2"]
    for line in lines:
        assert line["memory_limit_bytes"] == 64 * 2**20
        assert 2**20 < line["memory_bytes"] < 64 * 2**20
        assert line["pids"] >= 1
        counted = inside(cloud.container(line["name"]), "cat", "/sys/class/net/eth0/statistics/rx_bytes")
        assert 0 < line["received_bytes"] <= int(counted.stdout)


def measured(cloud: Cloud, app: str) -> list[dict[str, Any]]:
    """Return the lines of `stats` when nobody's CPU is unknown, as it is before a second look."""
    lines = cloud.ok("stats", app, "-o", "json").items
    return lines if all(line["cpu_cores"] is not None for line in lines) else []


def test_stats_of_one_worker_and_of_one_that_is_not_there(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)

    assert cloud.ok("stats", f"{name}.2", "-q").stdout == f"{name}.2\n"
    missing = cloud.run("stats", f"{name}.7")
    assert missing.code == 1
    assert missing.stderr.startswith(f"error: {name} has no worker 7\n")
    assert missing.stderr.endswith(f"\nhint:  ps {name} -a\n")


def test_stats_are_refreshed_on_a_terminal_and_printed_once_elsewhere(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    assert cloud.ok("stats", name).stdout.count("WORKER") == 1
    with on_terminal(LAUNCHER, "--cloud", cloud.name, "stats", name, "--no-stream") as terminal:
        terminal.wait_for("WORKER")
        assert terminal.process.wait(60) == 0
    with on_terminal(LAUNCHER, "--cloud", cloud.name, "stats", name) as terminal:
        for _ in range(3):
            terminal.wait_for("WORKER")
        terminal.type("\x03")
        assert terminal.process.wait(60) == 128 + signal.SIGINT


def test_an_app_is_described_with_how_its_worker_ended(apps: Apps, cloud: Cloud) -> None:
    command = ("sh", "-c", "echo oh no; sleep 1; exit 3")
    name = apps.run(*command, options=("--detach", "-e", "TOKEN=hidden"))
    eventually(lambda: f"{name}.1: exit code 3" in events(cloud, name), 15, "the event of its end")
    eventually(lambda: "last ending" in cloud.here("describe", name).stdout, what="a look that found it")

    for target in (name, f"{name}.1"):
        text = cloud.ok("describe", target).stdout
        assert re.search(rf"last ending\n  {name}.1, \d+s ago: exit code 3\n    \| oh no\n", text), text
        assert re.search(rf"last events\n(.*\n)*.*{name}.1  exit code 3", text), text
        assert "hidden" not in text


def events(cloud: Cloud, app: str) -> list[str]:
    """Return each event of the app with its worker, up to where a next try is told."""
    items = cloud.ok("events", "--app", app, "-o", "json").items
    return [f"{item['worker']}: {item['text'].partition(';')[0]}" for item in items]


def test_a_description_is_data_too(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    app = cloud.ok("describe", name, "-o", "json").json
    worker = cloud.ok("describe", f"{name}.1", "-o", "json").json

    assert (app["kind"], worker["kind"]) == ("AppDescription", "WorkerDescription")
    assert app["spec"]["template"]["port"] == 8000
    assert [item["name"] for item in app["workers"]] == [f"{name}.1"]
    assert app["ending"] is worker["ending"] is None
    assert worker["state"] == "ready"
