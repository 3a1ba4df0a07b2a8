"""What the tests of several files are lent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from manager.state.world import World
from tests.fakes.manager import FakeManager, PlacesAt, app_item
from tests.fakes.shells import Shell, shell_at
from tests.simulation.worlds import a_worker, an_app, serving


@pytest.fixture
def places(tmp_path: Path) -> PlacesAt:
    return PlacesAt("default", directory=tmp_path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_at(tmp_path)


@pytest.fixture
def manager(places: PlacesAt) -> Iterator[FakeManager]:
    with FakeManager(places, apps={"web": app_item("web", 3, 3)}) as manager:
        yield manager


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys


@pytest.fixture
def world() -> World:
    """A web of two workers, in service."""
    return serving([an_app()], [a_worker(1), a_worker(2)])
