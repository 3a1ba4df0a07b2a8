"""Whoever of the cloud's own processes dies, and however: workers run on, requests pass, the cloud scales."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from manager.host.holds import hold_file
from manager.host.keeper import keeper_pid_file
from manager.host.liveness import is_up
from manager.procfs import state_of
from tests.real.cloud import Apps, Cloud, containers_of, eventually, processes_of
from tests.real.line import answer, ask, line_to
from tests.real.traffic import Traffic
from tests.stopping import stop


@pytest.fixture
def apps(apps: Apps, cloud: Cloud) -> Iterator[Apps]:
    """The apps stay until the cloud has its leader, its standby and its keeper again."""
    yield apps
    eventually(lambda: is_whole(cloud), within_s=20)


def is_whole(cloud: Cloud) -> bool:
    return bool(cloud.both_managers()) and keeper(cloud) in processes_of(cloud)


def keeper(cloud: Cloud) -> int:
    """Return the keeper's pid as its file tells it, 0 while there is none or it is being written."""
    file = keeper_pid_file(cloud.places)
    return int(file.read_text() or 0) if file.exists() else 0


def kill(*pids: int) -> None:
    """The processes are killed at one moment, before one can see that another has died; none is left."""
    assert all(pids), f"{pids}: 0 would be this very process and its like"
    stop(*pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        eventually(partial(_is_gone, pid), within_s=5, what=f"the end of process {pid}")


def _is_gone(pid: int) -> bool:
    return not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    return state_of(pid) not in ("", "Z")


def the_leader(cloud: Cloud) -> tuple[int, ...]:
    return (cloud.manager_pids()[0],)


def the_standby(cloud: Cloud) -> tuple[int, ...]:
    return (cloud.manager_pids()[1],)


def both_managers(cloud: Cloud) -> tuple[int, ...]:
    return tuple(cloud.manager_pids())


def the_keeper(cloud: Cloud) -> tuple[int, ...]:
    return (keeper(cloud),)


def the_keeper_and_the_leader(cloud: Cloud) -> tuple[int, ...]:
    return (keeper(cloud), *the_leader(cloud))


Victims = Callable[[Cloud], tuple[int, ...]]


@pytest.mark.parametrize("victims", [the_leader, both_managers, the_keeper_and_the_leader])
def test_no_worker_changes_and_no_request_fails_when_they_are_killed(
    victims: Victims, apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(3)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        kill(*victims(cloud))
        traffic.flows_on(50)
        eventually(lambda: is_whole(cloud), within_s=20)
        after = containers_of(cloud)
        cloud.ok("scale", f"{name}=4")
        traffic.flows_on()

    assert after == before
    assert traffic.failures == {}
    assert cloud.is_ready(name, 4)
    assert before.items() <= containers_of(cloud).items()


def test_a_manager_that_has_just_begun_tells_logs_and_refuses_what_there_is_not(
    apps: Apps, cloud: Cloud
) -> None:
    name = apps.serve(1)

    kill(*both_managers(cloud))
    printed = cloud.run("logs", name).stdout
    kill(*both_managers(cloud))
    refused = cloud.run("logs", "nosuch")

    assert "listens on port 8000" in printed
    assert (refused.code, 'no app is named "nosuch"' in refused.stderr) == (1, True)


def test_killed_in_turn_again_and_again_the_cloud_stays_as_it_was(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        for victims in (the_standby, the_keeper, the_leader, the_leader):
            kill(*victims(cloud))
            eventually(lambda: is_whole(cloud), within_s=20)

    assert containers_of(cloud) == before
    assert traffic.failures == {}


def test_nothing_of_a_cloud_without_any_manager_is_missed_by_its_clients(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        kill(keeper(cloud), *cloud.manager_pids())
        traffic.flows_on(200)
        assert processes_of(cloud) == {}
        cloud.ok("expect", "manager", "down")
        told = cloud.run("scale", f"{name}=3")
        cloud.ok("up")
        traffic.flows_on()

    assert told.code == 3
    assert re.search(r"^hint: .* up\b", told.stderr, re.MULTILINE)
    assert containers_of(cloud) == before
    assert traffic.failures == {}


def test_a_command_that_waits_is_answered_by_the_next_manager(apps: Apps, cloud: Cloud) -> None:
    name = apps.name()
    listen_later = "sleep 4; exec python3 -m http.server 8000"
    cloud.ok("run", "-d", "-p", "8000", name, "sh", "-c", listen_later)

    with line_to(cloud) as line:
        ask(line, "scale", {"change": [f"{name}=2"], "request": "answered-by-the-next"})
        eventually(lambda: cloud.app(name).want == 2, within_s=10)
        kill(*the_leader(cloud))
    outcome = cloud.ok("scale", f"{name}=2")

    assert "2 of 2 workers ready" in outcome.stdout
    assert cloud.is_ready(name, 2)


def test_a_change_whose_answer_was_lost_is_made_once_when_it_is_sent_again(apps: Apps, cloud: Cloud) -> None:
    name = apps.run("sleep", "1000")
    change: dict[str, object] = {"change": [name, "+1"], "request": f"once-{name}"}
    with line_to(cloud) as lost:
        ask(lost, "scale", change)
        eventually(lambda: cloud.app(name).want == 2, within_s=10)
        kill(*the_leader(cloud))

    for _ in range(3):
        eventually(lambda: is_whole(cloud), within_s=20)
        with line_to(cloud) as line:
            ask(line, "scale", change)
            answer(line)

    assert cloud.app(name).want == 2
    assert cloud.is_ready(name, 2)


def test_a_run_whose_answer_was_lost_is_not_refused_as_its_own_double(apps: Apps, cloud: Cloud) -> None:
    name = apps.name()
    order: dict[str, object] = {"name": name, "command": ["sleep", "1000"], "request": f"run-{name}"}
    with line_to(cloud) as lost:
        ask(lost, "run", order)
        eventually(lambda: name in cloud.app_names(), within_s=10)
        kill(*the_leader(cloud))
    eventually(lambda: is_whole(cloud), within_s=20)

    with line_to(cloud) as line:
        ask(line, "run", order)
        answer(line)

    assert cloud.is_ready(name, 1)


def test_a_frozen_leader_is_ended_and_the_standby_leads(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    leader, standby = cloud.manager_pids()
    before = containers_of(cloud)

    with Traffic(cloud, name) as traffic:
        stop(leader)
        eventually(lambda: leads(cloud, standby), within_s=8, what=f"that {standby} leads after {leader}")
        cloud.ok("scale", f"{name}=3")

    assert not is_alive(leader)
    assert traffic.failures == {}
    assert before.items() <= containers_of(cloud).items()


def test_managers_that_are_frozen_all_at_once_are_said_not_to_answer(cloud: Cloud) -> None:
    pids = [keeper(cloud), *cloud.manager_pids()]  # the keeper would end the others soon
    stop(*pids)

    try:
        outcome = cloud.run("ps")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    assert outcome.code == 3
    assert "error: the manager does not answer" in outcome.stderr
    assert outcome.stderr.rstrip().endswith(" doctor")
    eventually(lambda: is_whole(cloud), within_s=30)


def leads(cloud: Cloud, pid: int) -> bool:
    """Return whether the manager with this pid answers; one that is frozen hangs up when it is ended."""
    try:
        with line_to(cloud) as line:
            ask(line, "status", {})
            status = answer(line)
    except (OSError, EOFError):
        return False
    manager = status["manager"]
    return isinstance(manager, dict) and manager["pid"] == pid


def test_sigterm_ends_a_manager_within_five_seconds_and_touches_no_worker(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    before, leader = containers_of(cloud), cloud.manager_pids()[0]

    os.kill(leader, signal.SIGTERM)

    eventually(partial(_is_gone, leader), within_s=5, what="the end of the leader")
    eventually(lambda: is_whole(cloud), within_s=20)
    assert containers_of(cloud) == before
    assert cloud.get(name).status == 200


def test_the_drill_proves_it_and_says_so(apps: Apps, cloud: Cloud) -> None:
    apps.serve(2)
    before = containers_of(cloud)

    outcome = cloud.ok("crash", "manager", "--prove", "-y")

    assert containers_of(cloud) == before
    assert re.search(r"\b0 failed", " ".join(outcome.stdout.split()))


def test_up_of_a_cloud_whose_manager_answers_returns_once_that_leads(cloud: Cloud) -> None:
    for _ in range(3):
        kill(*both_managers(cloud))
        eventually(lambda: is_up(cloud.places), within_s=20)

        cloud.ok("up")
        status = cloud.status()

        assert status["manager"]["role"] == "leader"
        assert status["network"]["intact"] is True
        assert len(status["standbys"]) == 1


def test_up_ends_a_drill_that_holds_the_managers_down(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(1)
    before = containers_of(cloud)

    cloud.ok("crash", "manager", "--for", "10m", "-y")
    up = cloud.ok("up")

    assert "a drill would have held the managers down for" in up.stderr
    eventually(lambda: is_whole(cloud), within_s=20)
    assert containers_of(cloud) == before
    assert cloud.get(name).status == 200


def test_a_worker_that_dies_while_no_manager_lives_is_replaced_by_the_next(apps: Apps, cloud: Cloud) -> None:
    name = apps.serve(2)
    victim = cloud.worker(f"{name}.1").pid
    assert victim is not None

    try:
        cloud.ok("-c", "crash manager --for 10m -y; expect manager down")
        os.kill(victim, signal.SIGKILL)
    finally:
        hold_file(cloud.places).unlink()

    eventually(lambda: is_whole(cloud), within_s=20)
    # the first look of the next manager may be of before Docker has seen the end
    eventually(lambda: cloud.worker(f"{name}.1").restarts and cloud.is_ready(name, 2), 10, "another worker")
    assert cloud.worker(f"{name}.1").pid != victim
