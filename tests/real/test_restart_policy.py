"""A worker that ends is started again as its policy says, less and less often, and ps tells why it ended."""

from __future__ import annotations

import os
import re
import signal
import time
from itertools import pairwise

from manager.api.documents import unix_seconds
from tests.real.cloud import Apps, Cloud, docker_by_hand, eventually

CRASHES = ("sh", "-c", "echo out of luck; sleep 0.1; exit 3")


def reason(cloud: Cloud, worker: str, state: str, within_s: float = 10) -> str:
    """Return the worker's reason once it is in this state."""

    def told() -> str:
        seen = cloud.worker(worker)
        return seen.reason if seen.state == state else ""

    return eventually(told, within_s, f"{worker} {state}")


def test_a_command_that_crashes_is_in_backoff_with_its_reason(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("crasher")
    cloud.ok("run", "-d", name, *CRASHES)

    words = eventually(lambda: backoff_reason(cloud, name), within_s=15)
    counts = eventually(lambda: counts_in_backoff(cloud, name), within_s=15)

    assert "exit code 3" in words
    assert "out of luck" in words
    assert counts == (1, 0)
    eventually(lambda: cloud.worker(f"{name}.1").restarts >= 2, within_s=15)


def backoff_reason(cloud: Cloud, app: str) -> str:
    """Return the reason of a worker that waits for its next start, "" while it does not wait."""
    worker = cloud.worker(f"{app}.1")
    return worker.reason if worker.state == "backoff" and "starts again in" in worker.reason else ""


def counts_in_backoff(cloud: Cloud, app: str) -> tuple[int, ...]:
    """Return how many workers the app wants and has, () while its note tells of none that waits."""
    view = cloud.app(app)
    return (view.want, view.ready) if view.note.startswith(f"{app}.1 backoff: exit code 3") else ()


def test_a_worker_that_was_crashed_is_not_told_of_as_it_was(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")
    killed = cloud.worker(f"{name}.1").container

    cloud.ok("crash", f"{name}.1", "-y")

    after = cloud.worker(f"{name}.1")
    assert (after.state, after.container) != ("ready", killed)


def test_run_tells_at_once_that_a_command_does_not_stay_up(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("crasher")

    outcome = cloud.run("run", "-p", "8000", name, *CRASHES)

    assert outcome.code == 1
    assert f"{name}.1 does not stay up: exit code 3" in outcome.stderr
    assert "out of luck" in outcome.stderr
    assert f"logs {name}" in outcome.stderr.splitlines()[-1]
    assert f"rm {name} -y" in outcome.stderr.splitlines()[-1]
    assert name in cloud.app_names()


def test_run_that_waits_in_vain_ends_with_4_and_keeps_the_app(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("deaf")

    outcome = cloud.run("run", "--wait=1s", "-p", "8000", name, "sleep", "1000")

    assert outcome.code == 4
    assert "not ready within 1 s" in outcome.stderr
    assert f"hint:  logs {name}    (or: rm {name} -y)" in outcome.stderr
    assert name in cloud.app_names()


def test_a_wait_of_no_time_ends_at_once(apps: Apps, cloud: Cloud) -> None:
    outcome = cloud.run("run", "--wait=0s", "-p", "8000", apps.name("never"), "sleep", "1000")

    assert (outcome.code, "not ready within 0 s" in outcome.stderr) == (4, True)


def test_a_worker_that_a_drill_keeps_down_comes_back_when_the_time_is_over(apps: Apps, cloud: Cloud) -> None:
    name, began_at = apps.run("sleep", "1000", options=("-n", "2")), time.time()

    cloud.ok("crash", f"{name}.1", "--for", "3s", "-y")
    cloud.ok("crash", f"{name}.2", "--for", "10m", "-y")

    assert cloud.worker(f"{name}.2").state == "backoff"
    eventually(lambda: cloud.worker(f"{name}.1").state == "ready", within_s=10, what="its return")
    back_at = eventually(lambda: starts(cloud, name)[2:], within_s=5, what="the event of its start")
    assert [at - began_at >= 3 for at in back_at] == [True]
    eventually(
        lambda: re.search("killed; next try in [0-9]{3} s", cloud.ok("events", "--app", name).stdout),
        within_s=5,
        what="the event of the other's end",
    )
    assert cloud.worker(f"{name}.2").state == "backoff"


def test_the_waits_grow_from_none_to_1_to_2_seconds(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("crasher")
    cloud.ok("run", "-d", name, *CRASHES)

    eventually(lambda: len(starts(cloud, name)) >= 4, within_s=15)

    _, second, third, fourth = starts(cloud, name)[:4]
    assert re.findall("next try (.*)", "\n".join(cloud.events("--app", name)))[:3] == [
        "at once",
        "in 1 s",
        "in 2 s",
    ]
    assert third - second >= 1
    assert fourth - third >= 2


def starts(cloud: Cloud, app: str) -> list[float]:
    """Return when the app's workers were started, by the events."""
    items = cloud.seen("events", "--app", app).items
    return [unix_seconds(str(item["at"])) for item in items if item["text"] == "started"]


def test_the_backoff_survives_the_death_of_the_manager(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("crasher")
    cloud.ok("run", "-d", name, *CRASHES)
    eventually(lambda: cloud.worker(f"{name}.1").restarts >= 4, within_s=20, what="the fourth ending")
    eventually(lambda: len(starts(cloud, name)) >= 4, within_s=5, what="the event of the third restart")

    os.kill(cloud.manager_pids()[0], signal.SIGKILL)
    words = reason(cloud, f"{name}.1", "backoff")

    assert "exit code 3" in words
    assert cloud.worker(f"{name}.1").restarts >= 4
    gaps = [later - earlier for earlier, later in pairwise(starts(cloud, name))]
    assert all(gap >= least_s for gap, least_s in zip(gaps, (0, 1, 2, 4, 8, 16), strict=False)), gaps


def test_restart_no_leaves_a_failed_worker_as_it_ended(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("once")
    cloud.ok("run", "-d", "--restart", "no", name, *CRASHES)

    words = reason(cloud, f"{name}.1", "failed")

    assert "exit code 3" in words
    assert cloud.worker(f"{name}.1").restarts == 0
    assert starts(cloud, name) == starts(cloud, name)[:1]


def test_on_failure_gives_up_after_so_many_restarts(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("twice")
    cloud.ok("run", "-d", "--restart", "on-failure:2", name, *CRASHES)

    reason(cloud, f"{name}.1", "failed", within_s=15)

    assert cloud.worker(f"{name}.1").restarts == 2
    eventually(lambda: len(starts(cloud, name)) == 3, within_s=5)  # events are written in batches


def test_a_job_that_did_its_work_is_not_run_again(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("job")
    cloud.ok("run", "-d", "--restart", "on-failure", "-n", "2", name, "sh", "-c", "sleep 0.2; echo done")

    words = reason(cloud, f"{name}.1", "stopped")

    assert words.startswith("exit code 0")
    eventually(lambda: cloud.app(name).note == "2 of 2 workers have done their work", within_s=5)
    eventually(lambda: len(starts(cloud, name)) == 2, within_s=5)


def test_a_worker_that_docker_was_told_to_remove_is_replaced(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    removed = cloud.worker(f"{name}.2").container

    with docker_by_hand() as client:
        client.remove_container(cloud.container(f"{name}.2"), force=True)

    eventually(lambda: cloud.worker(f"{name}.2").container not in (removed, None), within_s=5)
    eventually(lambda: cloud.is_ready(name, 2), within_s=5)


def test_a_worker_that_was_killed_says_so(apps: Apps, cloud: Cloud) -> None:
    name = apps.name("once")
    cloud.ok("run", "--restart", "no", name, "sleep", "1000")

    cloud.ok("crash", f"{name}.1", "-y")

    assert "exit code 137: killed" in reason(cloud, f"{name}.1", "failed")
