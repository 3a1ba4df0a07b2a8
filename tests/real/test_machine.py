"""The machine under a cloud: `up` that is cut short, `down` where half is missing, a reboot, `doctor`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from manager.host import keeper
from manager.host.files import locked
from manager.host.parts import rules_mark
from manager.host.processes import Role, processes_of
from manager.host.turn import our_turn
from tests.real.cloud import (
    LAUNCHER,
    PROOF,
    ROOT,
    SERVER,
    Cloud,
    Outcome,
    containers_of,
    docker_by_hand,
    eventually,
    failings_of,
    kill_all,
    listed,
    mend,
    named_cloud,
    running_cloud,
    traces,
)
from tests.stopping import stop
from tests.turns import LEFTOVERS

STEPS, LOOKED_UNTIL = 8, 3  # nothing is changed before that step begins


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Lend one cloud with an app to all tests that leave both as they were."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        cloud.ok("run", "-n", "2", "-p", "8000", "web", SERVER)
        yield cloud


@pytest.fixture
def unborn(tmp_path: Path) -> Iterator[Cloud]:
    with named_cloud(tmp_path) as cloud:
        yield cloud


@contextmanager
def begun_up(cloud: Cloud, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `up` beside the test, its steps readable from stderr."""
    words = [sys.executable, "-P", "-m", "manager", "up", "--cloud", cloud.name, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_step(process: subprocess.Popen[str], number: int) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"[{number}/"):
            return
    raise AssertionError(f"up ended before step {number}")


def hidden_docker(cloud: Cloud, *words: str) -> Outcome:
    """Return what a command does on a machine where dockerd does not answer."""
    line = 'mount --bind /dev/null /run/docker.sock && exec "$0" "$@"'
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", line, str(ROOT / "simplecloud"), "--cloud", cloud.name, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def checks(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Return state and fact of each check of a listing, by its name."""
    return {item["name"]: (item["state"], item["fact"]) for item in outcome.items}


def processes(cloud: Cloud) -> set[int]:
    return {*processes_of(cloud.places, "keeper"), *processes_of(cloud.places, "manager")}


# --- up


@pytest.mark.parametrize("step", range(LOOKED_UNTIL, STEPS + 1))
def test_what_a_killed_up_leaves_the_next_one_completes(unborn: Cloud, step: int) -> None:
    with begun_up(unborn, "--etcd-members", "1") as process:
        wait_for_step(process, step)
        process.kill()

    unborn.ok("up", "--etcd-members", "1")

    assert unborn.status()["converged"]


@pytest.mark.parametrize("step", [LOOKED_UNTIL, 4, 6, 7])
def test_what_a_killed_up_leaves_down_removes(unborn: Cloud, step: int) -> None:
    with begun_up(unborn, "--etcd-members", "1") as process:
        wait_for_step(process, step)
        process.kill()

    down = unborn.run("down")

    assert (down.code, down.stdout.strip()) == (0, PROOF)


@pytest.mark.parametrize("step", [4, 7])
def test_an_interrupted_up_undoes_what_it_began(unborn: Cloud, step: int) -> None:
    with begun_up(unborn, "--etcd-members", "1") as process:
        wait_for_step(process, step)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=120)

    assert code == 130
    assert [left for left in traces(unborn) if not left.startswith("/var/log")] == []


def test_of_two_ups_at_once_one_waits_for_the_other(unborn: Cloud) -> None:
    with begun_up(unborn, "--etcd-members", "1") as first:
        wait_for_step(first, 1)
        stop(first.pid)  # before it can be through
        with begun_up(unborn, "--etcd-members", "1") as second:
            told = second.stderr
            assert told is not None
            assert any("another up or down of the cloud" in line for line in told)
            first.send_signal(signal.SIGCONT)
            codes = first.wait(timeout=120), second.wait(timeout=120)
            assert told.read().strip().endswith("is up")

    assert codes == (0, 0)


def test_a_busy_port_names_its_owner_and_the_option_and_begins_nothing(refused_one: Cloud) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        refused = refused_one.run("up", "--http-port", str(taken.getsockname()[1]))

    assert refused.code == 2
    assert f"(process {os.getpid()})" in refused.stderr
    assert f"simplecloud --cloud {refused_one.name} up --http-port" in refused.stderr


def test_a_port_for_http_that_was_taken_since_is_changed_without_losing_state(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    unborn.ok("run", "-n", "0", "-p", "8000", "web", "sleep", "60")
    port = unborn.settings.http_port
    assert f"this cloud runs with --http-port {port}" in unborn.run("up", "--http-port", "18080").stderr
    unborn.ok("down")

    def moved() -> str:
        """Return the port that was offered and taken, "" when another cloud was given it in between."""
        refused = unborn.run("up")
        offered = re.search(r"up --http-port (\d+)", refused.stderr)
        assert (refused.code, offered is not None) == (1, True), refused
        assert f"port {port} (--http-port), which this cloud has, is in use by" in refused.stderr
        assert offered is not None
        up = unborn.run("up", "--http-port", offered[1])
        assert up.code == 0 or f"port {offered[1]} " in up.stderr, up
        return offered[1] if up.code == 0 else ""

    with closing(socket.create_server(("127.0.0.1", port))):
        other = eventually(moved, what="an `up` with the port that was offered")

    assert f":{other}/" in unborn.ok("apps", "-o", "json").stdout


def test_the_other_tcp_ports_that_are_offered_would_do(refused_one: Cloud) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        refused = refused_one.run("up", "--tcp-ports", f"{port}-{port + 1}")

    assert refused.code == 2
    other = f"--tcp-ports {port + 1000}-{port + 1015}"
    assert f"simplecloud --cloud {refused_one.name} up {other}\n" in refused.stderr


def test_a_port_of_another_cloud_names_that_cloud(refused_one: Cloud, cloud: Cloud) -> None:
    refused = refused_one.run("up", "--http-port", str(cloud.settings.http_port))

    assert refused.code == 2
    assert f'belongs to the cloud "{cloud.name}"' in refused.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--bind", "10.255.255.254"), 2, "10.255.255.254 is no address of this machine"),
        (("--bind", "localhost"), 2, '"localhost" is not an IPv4 address'),
        (("--subnet", "10.0.0.0/8"), 2, "10.0.0.0/8 is not between /16 and /29"),
        (("--subnet", "8.8.8.0/24"), 2, "8.8.8.0/24 is not a private network"),
        (("--tcp-ports", "9000"), 2, '"9000" is not a range of ports'),
        (("--http-port", "18001", "--tcp-ports", "18000-18010"), 2, "both --http-port and one of"),
        (("--etcd", "etcd.local"), 2, "is not https://HOST:PORT,..."),
        (("--etcd", "https://127.0.0.1:1"), 2, "needs --etcd-ca"),
        (("--etcd", "http://127.0.0.1:1", "--etcd-members", "3"), 2, "exclude each other"),
        (("--etcd-ca", "/etc/hostname"), 2, "--etcd-ca goes with --etcd"),
        (("--etcd", "https://127.0.0.1:1", "--etcd-ca", "/nowhere.pem"), 2, "cannot read /nowhere.pem"),
        (("--etcd", "https://127.0.0.1:1", "--etcd-ca", "/etc/hostname"), 2, "is no certificate in PEM"),
        (("--etcd", "http://127.0.0.1:1"), 1, "cannot reach etcd at 127.0.0.1:1: connection refused"),
    ],
)
def test_what_up_cannot_do_is_refused_and_leaves_nothing(
    refused_one: Cloud, options: tuple[str, ...], code: int, message: str
) -> None:
    refused = refused_one.run("up", *options)

    assert refused.code == code, refused
    assert message in refused.stderr
    assert "hint:" in refused.stderr
    assert [left for left in traces(refused_one) if not left.startswith("/var/log")] == []


# --- down


def test_down_without_docker_removes_what_it_can_and_says_what_stays(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")

    down = hidden_docker(unborn, "down")

    assert down.code == 1
    assert "docker does not answer, so what it has of this cloud stays" in down.stderr
    assert down.stdout.strip() == "left behind: something (? containers, 0 links, 0 rules, 0 mounts)"


def test_down_finds_its_processes_without_their_files(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    shutil.rmtree(unborn.places.run)

    down = unborn.ok("down")

    assert down.stdout.strip() == PROOF
    assert processes_of(unborn.places, "keeper") + processes_of(unborn.places, "manager") == []


def test_settings_that_cannot_be_read_do_not_keep_down_from_its_work(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    file = unborn.places.state / "cloud.json"
    file.write_text("{")

    refused = unborn.run("up")
    (fix,) = [item["fix"] for item in unborn.run("doctor", "-o", "json").items if item["name"] == "cloud"]
    down = unborn.ok("down", "--purge", "-y")

    assert refused.code == 1
    assert fix.startswith(f"cat {file} ")  # forgetting all is not what comes first
    assert f"{LAUNCHER} --cloud {unborn.name} down --purge" in fix
    assert fix in refused.stderr
    assert down.stdout.strip() == PROOF


# --- settings that are lost


def test_lost_settings_of_a_cloud_that_is_up_are_written_again(cloud: Cloud) -> None:
    file = cloud.places.state / "cloud.json"
    before = file.read_text()

    file.unlink()

    eventually(file.exists, within_s=60)
    assert file.read_text() == before


@pytest.mark.parametrize("words", [("up",), ("doctor", "--fix")], ids=" ".join)
def test_lost_settings_are_read_back_from_the_parts_while_no_manager_runs(
    cloud: Cloud, words: tuple[str, ...]
) -> None:
    file = cloud.places.state / "cloud.json"
    before, there = file.read_text(), containers_by_hand(cloud)
    kill_all(cloud)
    file.unlink()
    told = eventually(lambda: checks(cloud.run("doctor", "-o", "json")).get("settings", ()), within_s=30)

    with locked(LEFTOVERS):
        cloud.ok(*words)

    assert told[:1] == ("FAIL",)
    assert file.read_text() == before
    assert containers_by_hand(cloud) == there
    assert cloud.get("web").status == 200


def test_down_keeps_the_settings_that_only_the_parts_had(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    file = unborn.places.state / "cloud.json"
    before = file.read_text()
    kill_all(unborn)
    file.unlink()

    unborn.ok("down")

    assert file.read_text() == before


def test_no_settings_are_invented_for_the_data_of_a_cloud(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    unborn.ok("down")
    file = unborn.places.state / "cloud.json"
    file.unlink()

    refused = unborn.run("up")
    told = unborn.run("doctor", "-o", "json")

    assert refused.code == 1
    assert f"{file} is gone, and what was made with it is there: etcd's data" in refused.stderr
    assert checks(told)["settings"][0] == "FAIL"
    assert not file.exists()


def containers_by_hand(cloud: Cloud) -> set[str]:
    """Return the ids of all containers of the cloud, parts and workers, that run."""
    with docker_by_hand() as client:
        found = client.containers(filters={"label": f"simplecloud.cloud={cloud.name}"})
    return {str(item["Id"]) for item in found}


# --- a reboot


def reboot(cloud: Cloud) -> None:
    """Leave of the cloud what a reboot leaves: its state, and containers that have ended."""
    kill_all(cloud)
    with docker_by_hand() as client:
        label = {"label": f"simplecloud.cloud={cloud.name}"}
        for found in client.containers(filters=label):
            client.kill(found["Id"])
        # whoever waits for an end is told of it before the listing is
        eventually(lambda: client.containers(filters=label) == [], what="that no container runs")
    tag = cloud.places.tag
    listed("nft", "delete", "table", "bridge", f"sc_{tag}")
    listed("nft", "delete", "table", "inet", f"sc_{tag}")
    listed("ip", "link", "delete", f"sc{tag}br")
    shutil.rmtree(cloud.places.run)


def test_up_brings_all_back_after_a_reboot(cloud: Cloud) -> None:
    with locked(LEFTOVERS):
        reboot(cloud)

        cloud.ok("up")

    assert cloud.is_ready("web", 2)
    assert cloud.get("web").status == 200


def test_boot_and_a_keeper_bring_all_back_as_systemd_has_them_do(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    unborn.ok("run", "-p", "8000", "web", SERVER)
    with locked(LEFTOVERS):
        reboot(unborn)

        words = [sys.executable, "-P", "-m", "manager", "boot", "--cloud", unborn.name]
        booted = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=90)
        kept = keeper.spawn(unborn.places, "keeper")

    assert booted.returncode == 0
    eventually(lambda: unborn.run("ps").code == 0 and unborn.is_ready("web", 1), 20, "the worker from before")
    unborn.ok("down")
    assert kept.wait(timeout=30) == 0


def test_doctor_tells_and_removes_what_a_cloud_that_is_down_left(unborn: Cloud) -> None:
    unborn.ok("up", "--etcd-members", "1")
    with locked(LEFTOVERS):
        reboot(unborn)

        told = unborn.run("doctor", "-o", "json")
        after = unborn.run("doctor", "--fix", "-o", "json")

    assert told.code == 1
    assert left_by(unborn, told) == ["FAIL"]
    assert f'removed what the cloud "{unborn.name}" had left' in after.stderr
    assert left_by(unborn, after) == []


def left_by(cloud: Cloud, outcome: Outcome) -> list[str]:
    """Return the state of each finding on what the cloud left; others may come and go meanwhile."""
    found = [item for item in outcome.items if item["name"] == "leftovers"]
    return [str(item["state"]) for item in found if f'the cloud "{cloud.name}"' in item["fact"]]


# --- doctor, net and trace on a cloud that is up


def test_doctor_finds_nothing_wrong_with_a_cloud_that_is_well(cloud: Cloud) -> None:
    cloud.manager_pids()

    told = cloud.run("doctor", "-o", "json")

    assert failings_of(cloud, told) == []
    assert checks(told)["managers"][1].startswith("2 of 2 run")


def test_doctor_starts_a_keeper_and_managers_that_were_killed(cloud: Cloud) -> None:
    kill_all(cloud)
    told = cloud.run("doctor", "-o", "json")

    after = mend(cloud, "-o", "json")

    assert told.code == 1
    assert checks(told)["keeper"][0] == checks(told)["socket"][0] == "FAIL"
    assert checks(after)["socket"][0] == "ok"


@pytest.mark.parametrize("words", [("doctor", "--fix"), ("up",)], ids=" ".join)
def test_processes_that_were_stopped_are_replaced(cloud: Cloud, words: tuple[str, ...]) -> None:
    cloud.manager_pids()  # one that is just being started would replace the others
    stopped = processes_of(cloud.places, "keeper") + processes_of(cloud.places, "manager")
    stop(*stopped)
    told = cloud.run("doctor", "-o", "json")

    with locked(LEFTOVERS):
        cloud.ok(*words)

    assert checks(told)["stopped"][0] == checks(told)["keeper"][0] == checks(told)["managers"][0] == "FAIL"
    eventually(lambda: len(cloud.manager_pids()) == 2, within_s=60)
    assert not set(stopped) & processes(cloud)


def test_up_replaces_a_keeper_and_a_standby_that_were_stopped_under_a_leader(cloud: Cloud) -> None:
    leader, standby = cloud.manager_pids()
    stopped = [*processes_of(cloud.places, "keeper"), standby]

    with ExitStack() as turn:
        turn.enter_context(our_turn(cloud.places, print))
        with begun_up(cloud) as up:
            assert up.stderr is not None
            assert any("another up or down of the cloud" in line for line in up.stderr)
            stop(*stopped)  # the leader replaces them soon by itself: an `up` that is yet to load is too late
            turn.close()
            told = up.stderr.read()
            assert up.wait(timeout=120) == 0, told

    assert all(f"process {pid} did not answer: killed" in told for pid in stopped)
    assert not set(stopped) & processes(cloud)
    assert cloud.manager_pids()[0] == leader


@pytest.mark.parametrize("role", ["keeper", "manager"])
def test_a_keeper_or_standby_that_was_stopped_is_replaced_by_itself(cloud: Cloud, role: Role) -> None:
    leader, _ = cloud.manager_pids()
    (still,) = set(processes_of(cloud.places, role)) - {leader}

    stop(still)

    eventually(lambda: still not in processes(cloud), within_s=60)
    eventually(lambda: len(processes_of(cloud.places, "keeper")) == 1, within_s=60)
    assert cloud.manager_pids()[0] == leader


def test_a_standby_that_was_stopped_is_none_and_its_leader_may_die(cloud: Cloud) -> None:
    leader, standby = cloud.manager_pids()
    stop(standby)
    standbys = cloud.status()["standbys"]

    os.kill(leader, signal.SIGKILL)

    eventually(lambda: not {leader, standby} & set(cloud.manager_pids()), within_s=60)
    assert standby not in [one["pid"] for one in standbys]


def test_up_knows_a_part_that_was_renamed_while_no_manager_ran(cloud: Cloud) -> None:
    kill_all(cloud)
    with docker_by_hand() as client:
        proxy = str(client.inspect_container(cloud.part("proxy"))["Id"])
        client.rename(proxy, f"{cloud.part('proxy')}-x")

        cloud.ok("up")

        assert client.inspect_container(cloud.part("proxy"))["Id"] == proxy


def test_a_socket_that_was_removed_is_there_again(cloud: Cloud) -> None:
    before = cloud.manager_pids()

    cloud.places.socket.unlink()

    eventually(cloud.places.socket.exists, within_s=60)
    assert cloud.manager_pids() == before


def test_up_after_the_run_directory_is_gone_leaves_no_process_beside_the_new_ones(cloud: Cloud) -> None:
    before, workers = processes(cloud), containers_of(cloud)
    shutil.rmtree(cloud.places.run)

    cloud.ok("up")

    assert len(cloud.manager_pids()) == 2
    assert not before & processes(cloud)
    assert containers_of(cloud) == workers


def test_doctor_takes_down_nothing_of_a_cloud_that_serves_without_its_directory(cloud: Cloud) -> None:
    workers = containers_of(cloud)
    shutil.rmtree(cloud.places.run)

    after = mend(cloud, "-o", "json")

    assert left_by(cloud, after) == []
    assert checks(after)["managers"][1].startswith("2 of 2 run")
    assert containers_of(cloud) == workers
    assert rules_mark(cloud.places).exists()  # else no part could be started again


def test_doctor_tells_that_docker_is_stopped(cloud: Cloud) -> None:
    told = hidden_docker(cloud, "doctor", "-o", "json")

    assert told.code == 1
    assert checks(told)["docker"] == ("FAIL", "dockerd does not answer")


def test_net_mends_a_cable_that_was_pulled(cloud: Cloud) -> None:
    listed("ip", "link", "delete", cloud.link("web.1"))

    mended = cloud.ok("net", "--repair", "-o", "json")

    assert [item["drift"] for item in mended.items] == ["", "", ""]
    assert eventually(lambda: cloud.is_ready("web", 2), within_s=10)


def test_a_repair_and_its_dry_run_leave_a_frozen_app_as_it_is_and_say_so(cloud: Cloud) -> None:
    cloud.ok("freeze", "web")
    listed("ip", "link", "delete", cloud.link("web.1"))

    planned = cloud.ok("net", "--repair", "--dry-run").stdout
    left = [item["drift"] for item in cloud.ok("net", "web", "-o", "json").items if item["name"] == "web.1"]
    mended = cloud.ok("net", "--repair").stderr
    cloud.ok("thaw", "web")

    assert "leave web.1: its cable is gone (frozen: thaw web)" in planned
    assert "not mended: web.1: its cable is gone (frozen: thaw web)" in mended
    assert left == ["its cable is gone"]
    assert eventually(lambda: cloud.is_ready("web", 2), within_s=10)


def test_trace_follows_the_way_to_every_worker(cloud: Cloud) -> None:
    found = eventually(lambda: well_traced(cloud, "web"), 10, "a trace without a fault")

    assert [name for name in found if not name.startswith("web.")] == [
        "entry point",
        "router",
        "service",
        "bridge",
        "request",
    ]
    assert [name for name in found if name.startswith("web.2")] == [
        "web.2 container",
        "web.2 veth",
        "web.2 namespace",
        "web.2 port",
        "web.2 health",
    ]


def test_trace_without_an_app_follows_the_way_to_each(cloud: Cloud) -> None:
    found = eventually(lambda: well_traced(cloud), 10, "a trace without a fault")

    assert {"web entry point", "web request", "web.1 health"} <= found.keys()


def well_traced(cloud: Cloud, *apps: str) -> dict[str, tuple[str, str]]:
    """Return the hops when all are well; nothing while one is not, as of a proxy that answers late."""
    told = cloud.run("trace", *apps, "-o", "json")
    print(told)  # which hop it was, where none of these is well
    found = checks(told)
    return found if {state for state, _ in found.values()} == {"ok"} else {}


def test_trace_marks_a_program_that_listens_where_nobody_reaches_it(cloud: Cloud) -> None:
    serve = ("python3", "-m", "http.server", "8000", "--bind", "127.0.0.1")
    why = "refused (it listens on 127.0.0.1 only: have it listen on 0.0.0.0)"
    began = cloud.run("run", "--wait=1s", "-p", "8000", "lo", *serve)
    eventually(lambda: why in cloud.worker("lo.1").reason, 20, "the reason why lo.1 is not ready")

    waited = cloud.run("scale", "lo=1", "--wait=1s")
    traced = cloud.run("trace", "lo", "-o", "json")
    cloud.ok("rm", "lo", "-y", "--now")

    assert (began.code, waited.code) == (4, 4)
    assert why in waited.stderr
    assert traced.code == 1
    assert checks(traced)["lo.1 port"][1] == "listens on 127.0.0.1 only, where nobody else reaches it"


def test_trace_marks_a_program_that_listens_on_another_port(cloud: Cloud) -> None:
    cloud.run("run", "-d", "-p", "8000", "other", "python3", "-m", "http.server", "8123")
    eventually(lambda: _port_check(cloud, "other")[1].endswith("but on 8123"), what="that it listens")

    traced = cloud.run("trace", "other", "-o", "json")
    cloud.ok("rm", "other", "-y", "--now")

    assert traced.code == 1
    assert "update other -p 8123" in [item["fix"] for item in traced.items]


def _port_check(cloud: Cloud, app: str) -> tuple[str, str]:
    return checks(cloud.run("trace", app, "-o", "json")).get(f"{app}.1 port", ("", ""))


def test_trace_and_net_of_an_app_that_is_not_there_are_errors(cloud: Cloud) -> None:
    for verb in ("trace", "net"):
        refused = cloud.run(verb, "nosuch")

        assert refused.code == 1
        assert 'no app is named "nosuch"' in refused.stderr
