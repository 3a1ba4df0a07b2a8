"""What the tests on real parts share: one cloud for all of them, and apps that are gone after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says how busy the machine is; each test has a limit of its own.
settings.register_profile("simplecloud", deadline=None)
settings.load_profile("simplecloud")

TESTS = Path(__file__).parent
ON_THE_MACHINE = ("chaos", "contract", "demos", "real")

if TYPE_CHECKING:  # unit tests do without what the real parts import
    from tests.real.cloud import Apps, Cloud


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--chaos", metavar="DURATION", help="play faults for so long, such as 10m, and nothing else"
    )
    parser.addoption("--chaos-seed", type=int, metavar="N", help="which faults, with --chaos")
    parser.addoption(
        "--chaos-without", metavar="RE", help="no faults of these names, such as 'leader|manager'"
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes share the tests, 0 for none beside this one.

    The unit tests mostly wait. Those on the machine come one after the other, the rest of them all meanwhile.
    """
    if {Path(arg).resolve() for arg in config.args} == {TESTS / "unit"}:
        return 4
    return 0 if config.args_source is pytest.Config.ArgsSource.ARGS or config.getoption("chaos") else 2


class OneOnTheMachine(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives the tests that need the machine to one process, in their order, and the rest to any."""

    def _split_scope(self, nodeid: str) -> str:
        return "the machine" if nodeid.split("/")[1] in ON_THE_MACHINE else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneOnTheMachine:
    return OneOnTheMachine(config, log)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("chaos") is not None and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = ["tests/chaos"]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud that the tests share; each leaves it running, and without its own apps."""
    from tests.real.cloud import running_cloud

    with running_cloud(tmp_path_factory.mktemp("operator")) as cloud:
        yield cloud


@pytest.fixture
def apps(cloud: Cloud) -> Iterator[Apps]:
    """Runs apps on the shared cloud; they are gone after the test, whatever it did."""
    from tests.real.cloud import Apps

    apps = Apps(cloud)
    yield apps
    apps.remove()
