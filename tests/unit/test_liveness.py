"""Whether a cloud is up is a matter of its manager alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager.api.commands import COMMANDS
from manager.api.errors import SetupFailed
from manager.host.liveness import has_standby, is_led, is_up, late_apps, network_is_intact
from tests.fakes.manager import Answer, FakeCall, FakeManager, PlacesAt, app_item
from tests.fakes.processes import process_of
from tests.stopping import stop


@pytest.fixture
def places(tmp_path: Path) -> PlacesAt:
    return PlacesAt("test", directory=tmp_path)


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Lend what every verb waits for, as they do for an etcd or a Docker that is frozen."""
    answered = threading.Event()
    yield answered
    answered.set()


def test_a_manager_whose_verbs_all_wait_for_others_is_up(places: PlacesAt, stuck: threading.Event) -> None:
    def wait(call: FakeCall) -> Answer:
        stuck.wait()
        return {}

    with FakeManager(places, verbs={row.verb: wait for row in COMMANDS}):
        assert is_up(places)
        stuck.set()


def test_a_cloud_without_a_manager_is_not_up(places: PlacesAt) -> None:
    with FakeManager(places):
        pass

    assert not is_up(places)


def test_a_manager_that_a_signal_has_stopped_is_no_standby(tmp_path: Path) -> None:
    places = PlacesAt(f"asleep-{os.getpid()}", directory=tmp_path)
    with (
        FakeManager(places),
        process_of(places, "manager", tmp_path),
        process_of(places, "manager", tmp_path) as standby,
    ):
        assert has_standby(places)

        stop(standby.pid)

        assert not has_standby(places)


def test_apps_that_are_not_ready_in_time_are_late(places: PlacesAt) -> None:
    apps = {"web": app_item("web", 2, 1, frozen=False), "api": app_item("api", 2, 2, frozen=False)}

    with FakeManager(places, apps=apps):
        assert late_apps(places, within_s=0.0) == ["web"]


def test_apps_whose_workers_have_done_their_work_are_waited_for_no_more(places: PlacesAt) -> None:
    apps = {
        "job": app_item("job", 2, 0, frozen=False, done=2),
        "half": app_item("half", 2, 0, frozen=False, done=1),
    }

    with FakeManager(places, apps=apps):
        assert late_apps(places, within_s=0.0) == ["half"]


def test_a_cloud_that_was_taken_down_is_waited_for_no_more(tmp_path: Path) -> None:
    gone = PlacesAt("test", directory=tmp_path / "removed")

    with pytest.raises(SetupFailed, match="taken down"):
        late_apps(gone, within_s=3600.0)


def test_a_cloud_whose_managers_tell_nothing_is_not_up(places: PlacesAt) -> None:
    with pytest.raises(SetupFailed, match="no manager tells"):
        late_apps(places, within_s=0.0)


def test_a_manager_that_has_just_begun_to_lead_may_load_its_rules_first(places: PlacesAt) -> None:
    told = iter([False, False, True])

    with FakeManager(places, verbs={"status": lambda call: {"network": {"intact": next(told)}}}):
        assert network_is_intact(places, within_s=3600.0)


def test_a_network_that_nobody_mends_is_not_intact(places: PlacesAt) -> None:
    with FakeManager(places, verbs={"status": lambda call: {"network": {"intact": False}}}):
        assert network_is_intact(places, within_s=0.0) is False


@pytest.mark.parametrize(
    ("role", "intact", "frozen", "led"),
    [
        ("leader", False, [], False),
        ("leader", False, ["web"], False),
        ("leader", True, [], True),
        ("leader", False, ["all"], True),
        ("standby", True, ["all"], False),
    ],
)
def test_a_manager_leads_once_the_network_is_its_own_unless_all_is_frozen(
    role: str, intact: bool, frozen: list[str], led: bool, places: PlacesAt
) -> None:
    status = {"manager": {"role": role}, "network": {"intact": intact}, "frozen": frozen}

    with FakeManager(places, verbs={"status": lambda call: status}):
        assert is_led(places) is led


def test_no_manager_leads_where_none_answers(places: PlacesAt) -> None:
    assert not is_led(places)
