"""What the tests on real parts share: one cloud for all of them, and apps that are gone after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is; each test has a limit of its own.
settings.register_profile("simplecloud", deadline=None)
settings.load_profile("simplecloud")

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
    """Return how many processes share the tests: the unit tests mostly wait, others need the machine."""
    unit_tests = Path(__file__).parent / "unit"
    return 4 if {Path(arg).resolve() for arg in config.args} == {unit_tests} else 0


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
