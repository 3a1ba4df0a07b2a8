"""What `doctor` makes of what it sees: a state, a fact, and a fix that can be pasted."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from itertools import count
from pathlib import Path

import pytest

from manager.api.errors import SetupFailed
from manager.api.places import Places
from manager.host import checks
from manager.host.checks.finding import Finding, fail, ok
from manager.host.checks.leftovers import leftovers, marks_by_cloud
from manager.host.checks.machine import clock, docker, names, newest_change, programs, room
from manager.host.checks.parts import alarm_finding, network, subnet
from manager.host.checks.processes import Processes, check_processes, processes_now
from manager.host.dockerd import SOCKET, State
from manager.host.doctor import mend
from manager.host.liveness import end_stuck, is_up
from manager.host.packages import TOOLS
from manager.host.processes import end_lost
from manager.host.remains import LeftBehind
from manager.host.settings import Settings
from manager.host.turn import our_turn
from manager.store.alarms import Alarm
from netsetup.survey import Survey
from tests.fakes.manager import FakeManager, PlacesAt
from tests.fakes.processes import process_of

PLACES = Places("nowhere")
SETTINGS = Settings(8080, 9000, 9015, 23000, ((23001, 23002),), "10.200.0.0/22")
UP = Processes(True, True, (10,), (11, 12), True, True)
OWN = IPv4Network("10.200.0.0/22")


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLECLOUD_PROGRAM", raising=False)
    monkeypatch.delenv("SIMPLECLOUD_CLOUD", raising=False)


def states(findings: list[Finding]) -> dict[str, str]:
    return {finding.view.name: finding.view.state for finding in findings}


@pytest.mark.parametrize(
    ("state", "fact"),
    [
        ("absent", "Docker is not installed"),
        ("stopped", "dockerd does not answer"),
    ],
)
def test_two_reasons_why_docker_does_not_answer_are_told_apart(state: State, fact: str) -> None:
    found = docker(state, None, SOCKET)

    assert (found.view.state, found.view.fact) == ("FAIL", fact)
    assert found.view.fix


def test_a_docker_that_its_user_may_not_ask_is_no_fault() -> None:
    found = docker("forbidden", None, SOCKET)

    assert (found.view.state, found.mend) == ("warn", None)
    assert found.view.fact == f"{SOCKET} is for root and the group docker: not looked at"


def test_a_fix_of_the_machine_calls_the_program_as_it_was_called_and_for_this_cloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIMPLECLOUD_PROGRAM", "./simplecloud")

    found = docker("forbidden", None, SOCKET).for_cloud(PLACES)

    fix = "sudo ./simplecloud --cloud nowhere doctor    (or: sudo usermod -aG docker $USER)"
    assert found.view.fix == fix


def test_a_missing_program_has_a_line_of_its_own_and_the_package_that_brings_it() -> None:
    etcd = [tool for tool in TOOLS if tool.program == "etcd"]

    found = list(programs(etcd))

    assert [(finding.view.name, finding.view.state) for finding in found] == [
        ("etcd", "FAIL"),
        ("programs", "ok"),
    ]
    assert found[0].view.fix == "apt-get install etcd-server"
    assert found[0].mend is not None


def test_names_that_do_not_resolve_are_a_warning_that_can_be_mended() -> None:
    assert names(True).view.state == "ok"
    assert names(False).view.fix == "apt-get install libnss-myhostname"
    assert names(False).mend is not None


@pytest.mark.parametrize(("free", "state"), [(100 * 2**30, "ok"), (2 * 2**30, "warn"), (2**20, "FAIL")])
def test_little_room_is_told_before_etcd_stops(free: int, state: str) -> None:
    assert room(free, [Path("/var/lib/docker")]).view.state == state


def test_a_clock_that_was_set_back_is_told() -> None:
    def now() -> float:
        return 1000.0

    assert clock(900.0, now, True).view.state == "ok"
    assert clock(None, now, None).view.state == "ok"
    assert clock(1090.0, now, False).view.fact.startswith("is 90 s behind the newest record")


def test_a_record_that_is_written_while_the_newest_is_looked_for_is_not_ahead_of_the_clock() -> None:
    times = count(1000.0, 5.0)

    assert clock(next(times), partial(next, times), True).view.state == "ok"


def test_the_newest_change_is_that_of_any_file_below(tmp_path: Path) -> None:
    assert newest_change(tmp_path) is None

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").touch()

    assert newest_change(tmp_path) == (tmp_path / "deep" / "file").stat().st_mtime


def test_a_cloud_that_is_up_has_a_keeper_managers_and_a_socket() -> None:
    assert states(list(check_processes(PLACES, UP))) == {"keeper": "ok", "managers": "ok", "socket": "ok"}


def test_a_cloud_that_is_down_is_well() -> None:
    down = Processes(True, False, (), (), False, False)

    (found,) = check_processes(PLACES, down)

    assert found.view.state == "ok"
    assert "down; simplecloud --cloud nowhere up starts it" in found.view.fact


@contextmanager
def slow_manager(directory: Path) -> Iterator[tuple[Places, socket.socket, Future[list[int]]]]:
    """Lend a cloud whose manager does not answer, its socket, and whom `end_stuck` ends: not the manager."""
    places = PlacesAt("slow", directory=directory)
    with process_of(places, "manager", directory) as manager, ThreadPoolExecutor() as pool:
        with socket.socket(socket.AF_UNIX) as slow:
            slow.bind(str(places.socket))
            slow.listen()
            yield places, slow, pool.submit(end_stuck, places)
        assert manager.poll() is None


def test_a_manager_that_takes_longer_than_a_moment_to_answer_is_not_stuck(tmp_path: Path) -> None:
    with slow_manager(tmp_path) as (places, slow, ended):
        asked, _ = slow.accept()
        assert not is_up(places)  # who asks later gives up before
        with asked:
            asked.sendall(b"{}\n")
            assert ended.result() == []


def test_a_manager_that_takes_its_time_to_begin_is_not_stuck(tmp_path: Path) -> None:
    with slow_manager(tmp_path) as (places, slow, ended):
        slow.accept()[0].close()  # asked, and no answer
        slow.close()
        places.socket.unlink()
        with FakeManager(places):
            assert ended.result() == []


def test_dead_managers_and_a_stale_socket_are_told_with_what_brings_them_back() -> None:
    dead = Processes(True, True, (), (), True, False)

    found = list(check_processes(PLACES, dead))

    assert states(found) == {"keeper": "FAIL", "managers": "FAIL", "socket": "FAIL"}
    assert {finding.view.fix for finding in found} == {"simplecloud --cloud nowhere doctor --fix"}
    assert all(finding.mend for finding in found)


def test_processes_that_a_signal_has_stopped_do_not_run_and_are_told() -> None:
    asleep = replace(UP, keepers=(), managers=(11,), stopped=(10, 12))

    found = list(check_processes(PLACES, asleep))

    assert states(found) == {"keeper": "FAIL", "managers": "warn", "socket": "ok", "stopped": "FAIL"}
    assert [finding.view.fact for finding in found if finding.view.name == "managers"] == [
        "1 of 2 run: processes 11"
    ]
    assert found[-1].view.fact.endswith(": 10, 12")
    assert found[-1].mend


def test_managers_that_a_drill_holds_down_are_told_with_until_when() -> None:
    held = replace(UP, managers=(), answers=False, held_s=42.0)

    [_, found, _] = check_processes(PLACES, held)

    assert (found.view.name, found.view.state) == ("managers", "FAIL")
    assert found.view.fact == "0 of 2 run; a drill holds them down for 42 s more"
    assert found.mend


def test_more_managers_than_a_leader_and_a_standby_are_a_fault_that_can_be_mended() -> None:
    crowded = replace(UP, managers=(11, 12, 13, 14))

    [_, found, _] = check_processes(PLACES, crowded)

    assert (found.view.name, found.view.state) == ("managers", "FAIL")
    assert found.view.fact.startswith("4 of 2 run: processes 11, 12, 13, 14; ")
    assert found.mend


def test_looking_at_a_cloud_makes_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("grp.getgrnam", unknown)
    monkeypatch.setenv("PATH", "")  # what would make one is not found, and raises

    assert processes_now(PlacesAt("test", directory=tmp_path), known=True).access == ""


@pytest.mark.parametrize(("there", "runs"), [(True, True), (False, False)], ids=["there", "removed"])
def test_processes_of_a_cloud_end_where_its_directory_was_removed(
    tmp_path: Path, there: bool, runs: bool
) -> None:
    places = PlacesAt(f"lost-{os.getpid()}", directory=tmp_path / "run")
    if there:
        places.run.mkdir()

    with process_of(places, "keeper", tmp_path) as process:
        end_lost(places)

        assert (process.poll() is None) == runs


def test_a_full_etcd_can_be_mended_and_a_corrupt_one_cannot() -> None:
    full = alarm_finding(PLACES, SETTINGS, [Alarm("1", "NOSPACE")])
    corrupt = alarm_finding(PLACES, SETTINGS, [Alarm("1", "CORRUPT")])

    assert alarm_finding(PLACES, SETTINGS, []).view.state == "ok"
    assert full.mend is not None
    assert (corrupt.view.state, corrupt.mend) == ("FAIL", None)


@pytest.mark.parametrize(
    ("taken", "running", "state"),
    [
        ([], False, "ok"),
        ([OWN, IPv4Network("10.200.0.1/32"), IPv4Network("10.200.3.255/32")], True, "ok"),
        ([OWN], False, "warn"),
        ([IPv4Network("10.0.0.0/8")], True, "warn"),
        ([IPv4Network("192.168.0.0/24")], True, "ok"),
    ],
)
def test_only_a_network_of_others_overlaps(taken: list[IPv4Network], running: bool, state: str) -> None:
    assert subnet(OWN, taken, running=running).view.state == state


def test_marks_are_counted_by_cloud_and_tables_of_nobody_by_their_name() -> None:
    mine = Places("mine").tag
    network = Survey({"mine": 3}, {"mine": 1}, {mine: 2, "ffff": 2})

    found = marks_by_cloud({"mine": ["a", "b"], "yours": ["c"]}, network, {"mine"})

    assert found == {
        "mine": LeftBehind(2, 3, 3),
        "yours": LeftBehind(1, 0, 0),
        "sc_ffff": LeftBehind(0, 0, 2),
    }


def test_only_leftovers_of_a_cloud_that_is_known_are_removed_unasked() -> None:
    marks = {"nowhere": LeftBehind(2, 0, 0), "stranger": LeftBehind(1, 0, 0), "sc_ffff": LeftBehind(0, 0, 2)}

    found = list(leftovers({**marks, "clean": LeftBehind(0, 0, 0)}, {"nowhere"}))

    assert [(finding.view.state, finding.mend is not None) for finding in found] == [
        ("FAIL", True),
        ("warn", False),
        ("warn", False),
    ]
    assert found[0].view.fix == "simplecloud --cloud nowhere down"
    assert found[0].view.fact == 'the cloud "nowhere" is down, and left 2 containers'


def test_a_cloud_that_runs_without_its_directory_has_left_nothing(tmp_path: Path) -> None:
    cloud = f"runs-on-{os.getpid()}"
    marks = {cloud: LeftBehind(2, 0, 0)}

    with process_of(Places(cloud), "keeper", tmp_path):
        meanwhile = list(leftovers(marks, {cloud}))

    assert meanwhile == []
    assert states(list(leftovers(marks, {cloud}))) == {"leftovers": "FAIL"}


def test_a_cloud_that_is_on_its_way_down_without_its_directory_has_left_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, marks = PlacesAt("going", directory=tmp_path / "going"), {"going": LeftBehind(2, 0, 0)}
    monkeypatch.setattr(checks.leftovers, "places_of", lambda _: going)

    with our_turn(going, print):
        meanwhile = list(leftovers(marks, {"going"}))

    assert meanwhile == []
    assert states(list(leftovers(marks, {"going"}))) == {"leftovers": "FAIL"}


@pytest.mark.parametrize("has_directory", [True, False], ids=["directory", "turn"])
def test_a_cloud_that_goes_down_during_the_look_has_left_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_directory: bool
) -> None:
    going = PlacesAt("going", directory=tmp_path / "going")
    way_down = ExitStack()
    if has_directory:
        going.run.mkdir()
        way_down.callback(going.run.rmdir)
    else:
        way_down.enter_context(our_turn(going, print))

    def seen_as_it_goes(_: Path) -> dict[str, list[str]]:
        way_down.close()
        return {"going": ["sc_going_web_1_1"]}

    monkeypatch.setattr(checks.leftovers, "containers_by_cloud", seen_as_it_goes)
    monkeypatch.setattr(checks.leftovers, "survey", lambda: Survey({}, {}, {}))

    [found] = checks.leftovers.check_leftovers(PlacesAt("test", directory=tmp_path / "test"), SOCKET)

    assert found.view.state == "ok"


def test_what_cannot_be_mended_does_not_keep_the_rest_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()

    def refuse() -> str:
        raise SetupFailed("no mirror answers")

    def succeed() -> str:
        done.set()
        return "made"

    tried = mend([ok("a", ""), fail("b", "", "", refuse), fail("c", "", "", succeed)])

    assert tried
    assert done.is_set()
    assert capsys.readouterr().err.splitlines() == ["b: not mended: no mirror answers", "c: made"]


def test_nothing_to_mend_is_no_reason_to_look_again() -> None:
    assert not mend([ok("a", "well"), fail("b", "", "ask somebody")])


def test_a_network_that_is_not_known_to_be_intact_is_repaired(tmp_path: Path) -> None:
    places = PlacesAt("mine", directory=tmp_path)

    (found,) = network(places, intact=False)

    assert (found.view.state, found.mend is not None) == ("FAIL", True)
    assert "net --repair" in found.view.fix
    assert [finding.view.state for finding in network(places, intact=True)] == ["ok"]
    assert not list(network(places, intact=None))
