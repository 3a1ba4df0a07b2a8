"""Whether a cloud is up is a matter of its manager alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager.api.commands import COMMANDS
from manager.host.liveness import is_up
from tests.fakes.manager import Answer, FakeCall, FakeManager, PlacesAt


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
