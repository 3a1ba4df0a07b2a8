"""What the tests on real parts share: one cloud for all of them, and apps that are gone after each test."""

from __future__ import annotations

import gc
import signal
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from xdist.scheduler import LoadScopeScheduling

from tests.turns import LONG, Share, share_of, turn

# How long an example takes says how busy the machine is; each test has a limit of its own.
# The examples are the same each time: `python -m tests.fuzz` is for finding new ones.
settings.register_profile("simplecloud", deadline=None, derandomize=True)
settings.load_profile("simplecloud")
# Else words of all modules that a process has imported by then are among them: other ones in each run.
# tests/unit/test_examples.py tells when another version keeps them elsewhere.
_NO_WORDS = Constants()
providers._get_local_constants = lambda: _NO_WORDS

TESTS = Path(__file__).parent

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


def only_unit(config: pytest.Config) -> bool:
    """Return whether all unit tests are asked for, and nothing else."""
    return {Path(arg).resolve() for arg in config.args} == {TESTS / "unit"}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes share the tests, 0 for none beside this one.

    Collecting the unit tests costs each process 1.5 s of CPU, and they wait for as long as they work: four
    processes keep two cores busy. Those on the machine mostly wait, and each process of them has a cloud.
    """
    if only_unit(config):
        return 4
    return 0 if config.args_source is pytest.Config.ArgsSource.ARGS or config.getoption("chaos") else 3


class InTurns(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps together what a process does after each other: all that needs the machine alone, else a file.

    Each simulation is by itself, as they are few and long.
    """

    def _split_scope(self, nodeid: str) -> str:
        if share_of(nodeid) is Share.ALL:
            return "alone on the machine"
        return nodeid if nodeid.startswith("tests/simulation/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> InTurns:
    """Have the unit tests begin with the files of most tests, so that none is left with one of them."""
    config.option.loadscopereorder = only_unit(config)
    return InTurns(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """While one process begins with what needs the machine alone, the others do what needs none of it.

    The files that take longest are begun first, so that at the end no process waits long for the others.
    """
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (share_of(item.nodeid), not item.nodeid.startswith(LONG), -tests[item.path]))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of the time limit of the test
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with turn(share_of(item.nodeid)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: to look through it for garbage costs a fifth of the unit tests' time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who is started in the background ignores it
    if config.getoption("chaos") is not None and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = ["tests/chaos"]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud that the tests share; each leaves it running, and without its own apps."""
    from tests.real.cloud import running_cloud

    with running_cloud(tmp_path_factory.mktemp("operator")) as cloud:
        yield cloud


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud for one test alone: it loses the state of everything in it, or goes down with it."""
    from tests.real.cloud import running_cloud

    with running_cloud(tmp_path) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def refused_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The name of a cloud, for all tests of a file that are refused and begin nothing."""
    from tests.real.cloud import named_cloud

    with named_cloud(tmp_path_factory.mktemp("refused")) as cloud:
        yield cloud


@pytest.fixture
def apps(cloud: Cloud) -> Iterator[Apps]:
    """Runs apps on the shared cloud; they are gone after the test, whatever it did."""
    from tests.real.cloud import apps_on

    with apps_on(cloud) as apps:
        yield apps
