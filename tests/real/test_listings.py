"""The JSON that programs read has the contract's fields, each with a value of its kind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from manager.api.views import AppView
from tests.published import schemas, violations
from tests.real.cloud import Apps, Cloud, Outcome, eventually
from tests.real.traffic import Traffic

DOCUMENTS = {
    "AppList": ("apps", "{app}"),
    "WorkerList": ("ps", "{app}", "-a"),
    "StatsList": ("stats", "{app}", "--no-stream"),
    "RouteList": ("routes", "{app}"),
    "EventList": ("events", "--app", "{app}"),
    "AutoscaleList": ("autoscale",),
    "Whatif": ("whatif", "{app}"),
    "RevisionList": ("history", "{app}"),
    "ImageList": ("images", "ls"),
    "SecretList": ("secret", "ls"),
    "CheckList": ("trace", "{app}"),
    "PortList": ("net", "{app}"),
    "ChangeList": ("diff", "-f", "apps.toml"),
    "Status": ("status",),
    "App": ("inspect", "{app}"),
    "Worker": ("inspect", "{app}.1"),
    "AppDescription": ("describe", "{app}"),
    "WorkerDescription": ("describe", "{app}.1"),
    "LoadReport": ("load", "{app}", "--rps", "5", "--for", "1s"),
    "Decision": ("explain", "{app}"),
}


def test_every_kind_of_document_is_as_published(apps: Apps, cloud: Cloud, tmp_path: Path) -> None:
    name = apps.serve(2, "--max", "3")
    (tmp_path / "apps.toml").write_text(cloud.ok("export", name).stdout.replace("max = 3", "max = 4"))
    cloud.ok("load", name, "--rps", "40", "--for", "3s", "--path", "/?ms=20")
    eventually(lambda: cloud.look("whatif", name).code == 0, within_s=30, what="a decision on recorded load")

    told = {
        kind: violations(
            kind,
            json.loads(
                cloud.run(*(word.format(app=name) for word in words), "-o", "json", cwd=tmp_path).stdout
            ),
        )
        for kind, words in DOCUMENTS.items()
    }

    assert {*DOCUMENTS, "Error"} == set(schemas()["$defs"])
    assert {kind: said for kind, said in told.items() if said} == {}


def test_an_app_list_tells_of_the_app_that_was_run(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)

    listed = cloud.ok("apps", name, "-o", "json").json

    assert (listed["apiVersion"], listed["kind"]) == ("simplecloud/v1", "AppList")
    [app] = listed["items"]
    port = cloud.settings.http_port
    assert app["urls"] == [f"http://{name}.localhost:{port}/", f"http://127.0.0.1:{port}/{name}/"]
    told = (app["name"], app["want"], app["ready"], app["revision"], app["scaling"])
    assert told == (name, 2, 2, 1, "manual")
    assert is_recent(app["created_at"])


def test_a_worker_list_tells_of_each_worker(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)

    workers = cloud.ok("ps", name, "-o", "json").items

    assert [(worker["name"], worker["app"], worker["slot"]) for worker in workers] == [
        (f"{name}.1", name, 1),
        (f"{name}.2", name, 2),
    ]
    assert {worker["state"] for worker in workers} == {"ready"}
    assert all(is_recent(worker["started_at"]) for worker in workers)


def test_rates_latencies_and_usage_appear_under_load(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    with Traffic(cloud, name, path="/?ms=20", rate_rps=40):
        app = eventually(lambda: measured(cloud, name), within_s=10, what="rates and usage of the app")
        used = eventually(lambda: cloud.worker(f"{name}.1").cpu_cores, within_s=15, what="CPU of the worker")

    assert app is not None
    assert app.p95_s is not None
    assert 0.02 <= app.p95_s < 5  # seconds, of answers that take 20 ms
    assert app.error_ratio == 0
    assert app.memory_bytes is not None
    assert app.memory_bytes > 2**20
    assert used is not None
    assert 0 < used < 1


def measured(cloud: Cloud, app: str) -> AppView | None:
    """Return the app once its requests and its memory have been measured."""
    view = cloud.app(app)
    return view if view.rate_rps and view.p95_s is not None and view.memory_bytes else None


def test_the_status_tells_of_every_part(cloud: Cloud) -> None:
    cloud.manager_pids()  # as soon as there are both
    status = cloud.ok("status", "-o", "json").json

    assert [status["manager"]["role"], *(standby["role"] for standby in status["standbys"])] == [
        "leader",
        "standby",
    ]
    assert status["etcd"]["healthy"] is True
    assert len(status["etcd"]["members"]) == 1
    assert status["proxy"] == {"url": f"http://127.0.0.1:{cloud.settings.http_port}", "healthy": True}


def test_an_error_has_kind_message_and_hint(cloud: Cloud) -> None:
    outcome = cloud.run("ps", "nosuch", "-o", "json")

    assert outcome.code == 1
    document = json.loads(outcome.stderr)
    assert violations("Error", document) == []
    assert document["error"] == {
        "kind": "app-not-found",
        "message": 'no app is named "nosuch"',
        "hint": "apps",
    }


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


def test_a_stopped_worker_is_inspected_as_ps_lists_it(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000", options=("-n", "2"))
    cloud.ok("stop", f"{name}.2")

    told = cloud.ok("inspect", f"{name}.2").json
    listed = next(item for item in cloud.ok("ps", "-a", name, "-o", "json").items if item["slot"] == 2)

    assert listed["state"] == "stopped"
    assert listed.items() <= told.items()
    assert (told["record"], told["engine"]) == (None, None)
