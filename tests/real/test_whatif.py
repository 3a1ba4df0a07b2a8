"""What a real autoscaled app was seen under is kept, also through a manager's death, and replays exactly."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.real.cloud import Apps, Cloud, eventually

BUSY = "/?cpu=15"


def serve_scaled(apps: Apps, *options: str) -> str:
    return apps.serve(1, "--cpus", "0.2", "--max", "3", *options)


def load(cloud: Cloud, app: str, rate: str = "20", span: str = "10s") -> None:
    cloud.ok("load", app, "--rps", rate, "--for", span, "--path", BUSY)


def whatif(cloud: Cloud, app: str, *options: str) -> Any:
    return cloud.ok("whatif", app, *options, "-o", "json").json


def segments(cloud: Cloud, app: str) -> list[Path]:
    return sorted((cloud.places.state / "load" / app).glob("*"))


def begun(cloud: Cloud, app: str) -> set[str]:
    """Return when each segment was begun, whether it is packed by now or not."""
    return {path.name.partition(".")[0] for path in segments(cloud, app)}


def test_todays_policy_reproduces_every_real_decision(apps: Apps, cloud: Cloud) -> None:
    name = serve_scaled(apps)
    load(cloud, name, span="15s")

    found = whatif(cloud, name, "--max", "1")

    assert found["decisions"] >= 4
    assert found["same"] == found["compared"] == found["decisions"]
    really, today, asked = found["policies"]
    assert today["mean_workers"] == pytest.approx(really["mean_workers"])
    assert asked["max_workers"] == 1


def test_a_killed_manager_loses_no_minute_of_the_record(apps: Apps, cloud: Cloud) -> None:
    name = serve_scaled(apps)
    load(cloud, name)
    before, kept = whatif(cloud, name)["decisions"], begun(cloud, name)

    leader = cloud.manager_pids()[0]
    os.kill(leader, signal.SIGKILL)
    eventually(lambda: cloud.is_led_by_another(leader), within_s=15, what="another leader")
    load(cloud, name)

    found = whatif(cloud, name)
    assert found["decisions"] >= before + 2
    assert found["same"] == found["compared"] == found["decisions"]
    assert kept
    assert kept < begun(cloud, name)


def test_damaged_records_are_left_out_and_counted(apps: Apps, cloud: Cloud) -> None:
    name = serve_scaled(apps)
    load(cloud, name, span="6s")
    path = eventually(lambda: segments(cloud, name), within_s=10, what="a record of the load")[0]
    with path.open("ab") as file:
        file.write(b'[1,[17, "half a li')
    (path.parent / "0.jsonl").write_bytes(os.urandom(64).replace(b"\n", b" "))

    found = cloud.ok("whatif", name, "--replay", "24h")

    assert "damaged records are left out" in found.stderr
    assert "today's policy reproduces" in found.stdout


def test_an_app_without_requests_costs_nothing(apps: Apps, cloud: Cloud) -> None:
    name = serve_scaled(apps)
    eventually(lambda: cloud.decisions(name) >= 3, within_s=20)

    refused = cloud.run("whatif", name)

    assert refused.code == 1
    assert f"no load of {name} is recorded in the last 1 h" in refused.stderr
    assert f"hint:  load {name}" in refused.stderr
    assert segments(cloud, name) == []
