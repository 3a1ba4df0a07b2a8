"""The JSON that programs read has the contract's fields, each with a value of its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tests.real.cloud import Apps, Cloud, Outcome, eventually

Kind = type | tuple[type, ...]

NUMBER_OR_NONE = (int, float, type(None))
APP_FIELDS: Mapping[str, Kind] = {
    "name": str, "command": list, "image": str, "revision": int, "want": int, "ready": int,
    "min": (int, type(None)), "max": (int, type(None)), "scaling": str, "slo_s": NUMBER_OR_NONE,
    "rate_rps": NUMBER_OR_NONE, "p95_s": NUMBER_OR_NONE, "error_ratio": NUMBER_OR_NONE,
    "cpu_cores": NUMBER_OR_NONE, "memory_bytes": (int, type(None)), "urls": list, "created_at": str,
    "note": str,
}  # fmt: skip
WORKER_FIELDS: Mapping[str, Kind] = {
    "name": str, "app": str, "slot": int, "revision": int, "state": str, "address": str, "port": int,
    "container": str, "pid": int, "started_at": str, "restarts": int, "rate_rps": NUMBER_OR_NONE,
    "p95_s": NUMBER_OR_NONE, "inflight": (int, type(None)), "cpu_cores": NUMBER_OR_NONE,
    "memory_bytes": (int, type(None)), "reason": str,
}  # fmt: skip
STATES = {"starting", "ready", "unready", "draining", "backoff", "failed", "stopped", "spare"}


def test_an_app_list_has_the_fields_of_the_contract(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)

    listed = cloud.ok("apps", name, "-o", "json").json

    assert (listed["apiVersion"], listed["kind"]) == ("simplecloud/v1", "AppList")
    [app] = listed["items"]
    assert [field for field, kind in APP_FIELDS.items() if not isinstance(app[field], kind)] == []
    port = cloud.settings.http_port
    assert app["urls"] == [f"http://{name}.localhost:{port}/", f"http://127.0.0.1:{port}/{name}/"]
    assert (app["name"], app["want"], app["ready"], app["revision"], app["scaling"]) == (
        name,
        2,
        2,
        1,
        "manual",
    )
    assert is_recent(app["created_at"])


def test_a_worker_list_has_the_fields_of_the_contract(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)

    listed = cloud.ok("ps", name, "-o", "json").json

    assert (listed["apiVersion"], listed["kind"]) == ("simplecloud/v1", "WorkerList")
    for number, worker in enumerate(listed["items"], start=1):
        assert {
            field for field, kind in WORKER_FIELDS.items() if not isinstance(worker[field], kind)
        } == set()
        assert (worker["name"], worker["app"], worker["slot"]) == (f"{name}.{number}", name, number)
        assert worker["state"] in STATES
        assert is_recent(worker["started_at"])


def test_rates_latencies_and_usage_appear_under_load(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    cloud.ok("load", name, "--rps", "40", "--for", "3s", "--path", "/?ms=20")

    app = cloud.app(name)
    assert app.rate_rps
    assert app.p95_s is not None
    assert 0.02 <= app.p95_s < 0.2
    assert app.error_ratio == 0
    assert app.memory_bytes is not None
    assert app.memory_bytes > 2**20
    worker = eventually(lambda: used(cloud, f"{name}.1"), within_s=3)
    assert worker is not None
    assert 0 < worker < 1


def used(cloud: Cloud, worker: str) -> float | None:
    return cloud.worker(worker).cpu_cores


def test_the_status_has_the_fields_of_the_contract(cloud: Cloud) -> None:
    status = cloud.ok("status", "-o", "json").json

    assert (status["apiVersion"], status["kind"]) == ("simplecloud/v1", "Status")
    assert status["manager"].keys() >= {"pid", "started_at", "role"}
    assert status["manager"]["role"] == "leader"
    assert [standby.keys() >= {"pid", "started_at"} for standby in status["standbys"]] == [True]
    assert status["etcd"]["healthy"] is True
    assert len(status["etcd"]["members"]) == 1
    assert status["proxy"] == {"url": f"http://127.0.0.1:{cloud.settings.http_port}", "healthy": True}
    assert status["docker"].keys() >= {"version", "live_restore"}
    assert status["network"].keys() >= {"bridge", "subnet", "gateway"}
    assert status["host"].keys() >= {"cores", "memory_bytes"}
    assert [type(status[field]) for field in ("converged", "apps", "workers")] == [bool, int, int]


def test_an_error_has_kind_message_and_hint(cloud: Cloud) -> None:
    outcome = cloud.run("ps", "nosuch", "-o", "json")

    assert outcome.code == 1
    error = json.loads(outcome.stderr or outcome.stdout)["error"]
    assert error == {"kind": "app-not-found", "message": "no app is named 'nosuch'", "hint": "apps"}


def test_a_listing_can_be_filtered_sorted_cut_and_named(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000", options=("-n", "3"))

    names = cloud.ok("ps", name, "-q", "--sort", "-slot").stdout.split()
    filtered = cloud.ok("ps", name, "--filter", f"worker={name}.2", "-o", "name").stdout.split()
    csv = cloud.ok("ps", name, "-o", "csv", "--columns", "worker,state").stdout.splitlines()
    lines = cloud.ok("ps", name, "-o", "jsonl").stdout.splitlines()

    assert names == [f"{name}.3", f"{name}.2", f"{name}.1"]
    assert filtered == [f"{name}.2"]
    assert len(csv) == 4
    assert csv[1] == f"{name}.1,ready"
    assert [json.loads(line)["slot"] for line in lines] == [1, 2, 3]


def test_a_table_has_the_contract_s_columns_and_no_colour_off_a_terminal(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    apps_table, workers_table = cloud.ok("apps"), cloud.ok("ps", name)

    assert header(apps_table) == "APP READY WANT SCALING REQ/S P95 ERRORS CPU MEMORY ROUTE AGE NOTE"
    assert header(workers_table) == "WORKER STATE ADDRESS CPU MEMORY REQ/S P95 INFLIGHT RESTARTS AGE REASON"
    assert "\x1b" not in apps_table.stdout + workers_table.stdout


def header(table: Outcome) -> str:
    return " ".join(table.stdout.splitlines()[0].split())


def is_recent(moment: str) -> bool:
    """Return whether an RFC 3339 time in UTC is of the last five minutes."""
    assert moment.endswith("Z")
    return timedelta() <= datetime.now(UTC) - datetime.fromisoformat(moment) < timedelta(minutes=5)
