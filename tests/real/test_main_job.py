"""The main job: commands run in N workers, are scaled, stopped, started, replaced and removed by hand."""

from __future__ import annotations

import re

from tests.real.cloud import Apps, Cloud, containers_of, docker_by_hand, eventually


def test_run_returns_when_all_workers_are_ready_and_the_proxy_sends_to_each(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(3)

    answers = [cloud.get(name) for _ in range(12)]

    assert cloud.is_ready(name, 3)
    assert {answer.status for answer in answers} == {200}
    assert {answer.worker for answer in answers} == {f"{name}.1", f"{name}.2", f"{name}.3"}


def test_an_app_that_is_run_twice_is_refused_and_stays_as_it_is(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    again = cloud.run("run", "-n", "2", name, "sleep", "1000")

    assert again.code == 1
    assert f"an app is named {name} already" in again.stderr
    assert f"hint:  update {name} sleep 1000    (or: rm {name} -y)" in again.stderr
    assert cloud.app(name).want == 1


def test_run_detached_returns_before_the_workers_are_ready(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("later")

    outcome = cloud.ok("run", "-d", name, "sleep", "1000")

    assert outcome.stdout == f"{name}: on its way\n"
    eventually(lambda: cloud.is_ready(name, 1), within_s=10)


def test_scale_takes_every_form_and_returns_when_it_is_so(apps: Apps, cloud: Cloud) -> None:
    name, other = apps.run("sleep", "1000"), apps.run("sleep", "1000")

    counts = []
    for words in ([f"{name}=3"], [name, "+1"], [name, "-2"], [name, "5"], [f"{name}=1", f"{other}=2"]):
        cloud.ok("scale", *words)
        counts.append(len(containers_of_app(cloud, name)))

    assert counts == [3, 4, 2, 5, 1]
    assert cloud.is_ready(other, 2)


def test_scale_down_keeps_the_lowest_workers_untouched(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000", options=("-n", "4"))
    before = containers_of_app(cloud, name)

    cloud.ok("scale", f"{name}=2")

    after = containers_of_app(cloud, name)
    assert after == {key: seen for key, seen in before.items() if "_1_1" in key or "_2_1" in key}


def test_an_app_scaled_to_zero_answers_503_under_its_own_name(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)

    cloud.ok("scale", f"{name}=0")

    assert cloud.get(name).status == 503
    assert cloud.get(name, f"/{name}/", host="localhost").status == 503


def test_dry_run_prints_the_plan_and_changes_nothing(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")

    outcome = cloud.ok("scale", f"{name}=3", "--dry-run")

    assert f"{name}.2, {name}.3" in outcome.stdout
    assert cloud.app(name).want == 1
    assert cloud.is_ready(name, 1)


PLANNED = (
    "run --dry-run APP-b sleep 1000",
    "start APP --dry-run",
    "stop APP.1 --dry-run",
    "restart APP --dry-run",
    "update APP -e A=1 --dry-run",
    "autoscale APP --max 3 --dry-run",
    "freeze APP --dry-run",
    "thaw APP --dry-run",
    "adopt --dry-run",
    "rm APP --dry-run",
)


def test_the_plan_of_any_change_asks_nobody_and_leaves_everything_as_it_is(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    before = cloud.ok("export").stdout, cloud.container(f"{name}.1")

    for command in PLANNED:
        assert cloud.ok(*command.replace("APP", name).split()).stdout, command

    assert (cloud.ok("export").stdout, cloud.container(f"{name}.1")) == before
    assert cloud.run("events", "--app", f"{name}-b").code == 1
    assert not cloud.status()["frozen"]


def test_a_dry_run_of_down_tells_how_much_would_go_and_removes_nothing(apps: Apps, cloud: Cloud) -> None:
    apps.serve(1)
    before = containers_of(cloud)

    told = cloud.ok("down", "--purge", "--dry-run").stdout

    assert re.fullmatch(
        r"would remove \d+ containers, [1-9]\d* links?, [1-9]\d* rules?, \d+ mounts?; its state goes too\n",
        told,
    )
    assert containers_of(cloud) == before
    assert eventually(cloud.is_well, 20)


def test_stop_of_one_worker_lowers_want_and_says_so_start_brings_it_back(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(3)

    stopped = cloud.ok("stop", f"{name}.2")
    listed = {worker.name: worker.state for worker in cloud.workers(name, "-a")}
    want = cloud.app(name).want
    cloud.ok("start", f"{name}.2")

    assert f"{name} now wants 2" in stopped.stderr
    assert want == 2
    assert listed == {f"{name}.1": "ready", f"{name}.2": "stopped", f"{name}.3": "ready"}
    assert cloud.is_ready(name, 3)


def test_stop_of_an_app_removes_its_containers_start_brings_as_many_back(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)

    cloud.ok("stop", name)
    running, answer = containers_of_app(cloud, name), cloud.get(name)
    cloud.ok("start", name)

    assert running == {}
    assert answer.status == 503
    assert cloud.is_ready(name, 2)


def test_a_worker_can_be_named_by_its_container(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000", options=("-n", "2"))
    container = cloud.worker(f"{name}.2").container or ""

    cloud.ok("stop", container[:8])

    assert [worker.name for worker in cloud.workers(name)] == [f"{name}.1"]


def test_restart_of_one_worker_replaces_that_one_only(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before = {worker.name: worker.container for worker in cloud.workers(name)}

    cloud.ok("restart", f"{name}.2")

    after = {worker.name: worker.container for worker in cloud.workers(name)}
    assert after[f"{name}.1"] == before[f"{name}.1"]
    assert after[f"{name}.2"] != before[f"{name}.2"]
    assert cloud.is_ready(name, 2)


def test_restart_of_an_app_replaces_every_worker(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before = {worker.container for worker in cloud.workers(name)}

    cloud.ok("restart", name)

    after = {worker.container for worker in cloud.workers(name)}
    assert len(after) == 2
    assert not after & before
    assert cloud.app(name).revision == 2


def test_rm_takes_containers_routes_and_links_of_the_app_and_of_no_other(apps: Apps, cloud: Cloud) -> None:
    name, other = apps.serve(2), apps.serve(1)
    other_before = containers_of_app(cloud, other)

    cloud.ok("rm", name, "-y")

    eventually(lambda: cloud.get(name).status == 404, within_s=5)
    assert containers_of_app(cloud, name) == {}
    assert containers_of_app(cloud, other) == other_before
    assert cloud.get(other).status == 200
    assert name not in cloud.app_names()
    with cloud.store() as store:
        left = [key for key in store.read("apps/", "workers/", "proxy/").entries if name in key]
    assert left == []


def test_rm_needs_yes_where_nobody_can_be_asked(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")

    outcome = cloud.run("rm", name)

    assert outcome.code == 2
    assert f"rm {name} -y" in outcome.stderr
    assert cloud.is_ready(name, 1)


def test_an_app_without_a_port_has_no_route_and_note_says_when_it_listens(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("busybox", "nc", "-ll", "-p", "7000", "-e", "cat")

    eventually(lambda: "listens on port 7000" in cloud.app(name).note, within_s=10, what="the note of a port")

    assert cloud.app(name).urls == []
    assert cloud.get(name).status == 404


def test_logs_are_told_by_worker_and_can_be_cut_and_searched(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sh", "-c", "seq 1 20; exec sleep 1000", options=("-n", "2"))
    eventually(lambda: cloud.here("logs", name).stdout.count("\n") == 40, within_s=5)

    tail = cloud.ok("logs", name, "--tail", "1").stdout
    found = cloud.ok("logs", f"{name}.2", "--grep", "^1[0-1]$").stdout

    assert sorted(line.split() for line in tail.splitlines()) == [[f"{name}.1", "20"], [f"{name}.2", "20"]]
    assert [line.split()[-1] for line in found.splitlines()] == ["10", "11"]


def test_events_tell_what_happened_to_an_app(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")
    cloud.ok("scale", f"{name}=2")

    texts = eventually(lambda: both_started(cloud, name), within_s=5)  # events are written in batches

    assert texts[0] == "run: want 1, revision 1"
    assert any(text.startswith("scale: want 2") for text in texts)


def both_started(cloud: Cloud, name: str) -> list[str]:
    """Return the events of an app, once they say that two workers were started."""
    texts = cloud.events("--app", name)
    return texts if texts.count("started") == 2 else []


def test_a_cloud_that_is_down_is_told_with_exit_3_and_the_command_that_starts_it(cloud: Cloud) -> None:
    down = Cloud(f"{cloud.name}-none", cloud.directory)

    outcome = down.run("ps", "-o", "json")

    assert outcome.code == 3
    assert f"simplecloud --cloud {down.name} up" in outcome.stderr
    assert not down.places.run.exists()


def containers_of_app(cloud: Cloud, app: str) -> dict[str, tuple[str, str]]:
    """Return id and start time of the app's running containers, by name."""
    prefix = f"/sc_{cloud.name}_{app}_"
    return {name: seen for name, seen in containers_of(cloud).items() if name.startswith(prefix)}


def test_every_container_of_the_cloud_carries_its_marks(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")

    with docker_by_hand() as client:
        worker = client.inspect_container(cloud.container(f"{name}.1"))["Config"]["Labels"]
        parts = [client.inspect_container(part)["Config"]["Labels"] for part in part_names(cloud)]

    assert worker["simplecloud.cloud"] == cloud.name
    assert worker["simplecloud.app"] == name
    assert worker["simplecloud.slot"] == worker["simplecloud.revision"] == "1"
    assert [part["simplecloud.part"] for part in parts] == ["etcd", "proxy"]
    assert {part["simplecloud.cloud"] for part in parts} == {cloud.name}


def part_names(cloud: Cloud) -> list[str]:
    return [cloud.part("etcd", 1), cloud.part("proxy")]
