"""The parts of the cloud are kept running, each for itself."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.orders import PartOrder
from manager.host.keeper import keeper_pid_file
from manager.host.processes import STANDSTILL_S
from manager.loop.reconcile import Picture
from manager.state.world import World
from manager.tend import DEAF_S, PUT_BACK_S, REST_S, KeeperTender, PartsTender, ProxyTender
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesAt
from tests.fakes.processes import process_of
from tests.simulation.worlds import NOW, a_worker, an_app, serving
from tests.stopping import stop

TAKEN_UP = serving([an_app()], [a_worker(1), a_worker(2)])
MISSED = replace(TAKEN_UP, live={"web": frozenset({"w_web_1_1"})})


@dataclass(slots=True)
class Proxy:
    """A proxy that runs, and is looked at once a second."""

    engine: FakeEngine
    seen: Picture | None = None
    now: float = NOW
    tender: ProxyTender = field(init=False)

    def __post_init__(self) -> None:
        self.engine.parts.start(PartOrder(name="proxy", part="proxy", image="proxy", command=("run",)))
        self.tender = ProxyTender("proxy", self.engine, lambda: self.seen, lambda: self.now)

    def restarts(self, world: World, for_s: float, trouble: str = "") -> int:
        """Return how often it is restarted while the cloud looks like that."""
        self.seen = Picture(world, 1, converged=False, trouble=trouble)
        return sum(self._looks(for_s))

    def _looks(self, for_s: float) -> Iterator[bool]:
        for _ in range(int(for_s)):
            self.now += 1
            before = self._started_at()
            self.tender.look()
            yield self._started_at() != before

    def _started_at(self) -> float | None:
        [part] = self.engine.parts.list()
        return part.started_at


@pytest.fixture
def proxy() -> Proxy:
    ticks = iter(range(1_000_000))
    return Proxy(FakeEngine(now=lambda: float(next(ticks)), images=[fake_image("proxy")]))


def test_a_proxy_that_takes_up_no_change_is_restarted_once_until_it_does(proxy: Proxy) -> None:
    assert proxy.restarts(MISSED, DEAF_S) == 0
    assert proxy.restarts(MISSED, 10 * DEAF_S) == 1
    assert proxy.restarts(TAKEN_UP, 1) == 0
    assert proxy.restarts(MISSED, 10 * DEAF_S) == 1


def test_a_proxy_that_is_late_with_one_change_after_the_other_is_left_alone(proxy: Proxy) -> None:
    other = replace(TAKEN_UP, live={"web": frozenset({"w_web_2_1"})})

    assert [proxy.restarts(world, DEAF_S / 2) for world in (MISSED, other) * 4] == [0] * 8


def test_a_proxy_is_given_less_time_after_the_store_has_forgotten_changes(proxy: Proxy) -> None:
    assert proxy.restarts(replace(TAKEN_UP, revision=100), 1) == 0
    assert proxy.restarts(replace(TAKEN_UP, revision=7), 1) == 0

    assert proxy.restarts(replace(MISSED, revision=9), PUT_BACK_S) == 0
    assert proxy.restarts(replace(MISSED, revision=9), 1) == 1
    assert proxy.restarts(replace(TAKEN_UP, revision=10), 1) == 0
    assert proxy.restarts(replace(MISSED, revision=11), DEAF_S) == 0


def test_a_proxy_that_hears_although_the_store_has_forgotten_changes_is_given_its_time(proxy: Proxy) -> None:
    assert proxy.restarts(replace(TAKEN_UP, revision=100), 1) == 0
    assert proxy.restarts(replace(MISSED, revision=7), 1) == 0
    assert proxy.restarts(replace(TAKEN_UP, revision=8), 1) == 0

    assert proxy.restarts(replace(MISSED, revision=9), DEAF_S) == 0


def test_a_proxy_whose_word_is_not_heard_is_left_alone(proxy: Proxy) -> None:
    assert proxy.restarts(replace(TAKEN_UP, live=None), 3 * DEAF_S) == 0


def test_a_proxy_is_left_alone_while_the_store_is_away(proxy: Proxy) -> None:
    assert proxy.restarts(MISSED, 3 * DEAF_S, trouble="etcd does not answer") == 0


def test_a_part_that_cannot_start_keeps_no_other_from_starting(tmp_path: Path) -> None:
    engine = FakeEngine(now=time.time, images=[fake_image("proxy")])
    orders = [PartOrder(name=name, part=name, image=name, command=("run",)) for name in ("etcd", "proxy")]
    tender = PartsTender(PlacesAt("test", directory=tmp_path), engine, orders)

    tender.look()

    assert engine.parts.states() == {"proxy": "running"}


def test_a_part_that_was_renamed_is_the_same_under_its_own_name(tmp_path: Path) -> None:
    engine = FakeEngine(now=time.time, images=[fake_image("proxy")])
    order = PartOrder(name="proxy", part="proxy", image="proxy", command=("run",))
    tender = PartsTender(PlacesAt("test", directory=tmp_path), engine, [order])
    tender.look()
    before = engine.parts.list()
    engine.rename(before[0].id, "px")

    tender.look()

    assert engine.parts.list() == before


def test_while_all_parts_run_docker_is_asked_when_a_container_changed_and_seldom_else(tmp_path: Path) -> None:
    engine, now, stirred = FakeEngine(now=time.time, images=[fake_image("proxy")]), [NOW], threading.Event()
    order = PartOrder(name="proxy", part="proxy", image="proxy", command=("run",))
    places = PlacesAt("test", directory=tmp_path)
    tender = PartsTender(places, engine, [order], stirred, lambda: now[0])

    def is_back() -> bool:
        tender.look()
        return engine.parts.states() == {"proxy": "running"}

    tender.look()  # it starts it
    tender.look()  # and sees it run
    engine.parts.remove("proxy")
    assert not is_back()
    stirred.set()
    assert is_back()

    tender.look()
    engine.parts.remove("proxy")
    now[0] += REST_S
    assert is_back()


def at_rest(directory: Path, stirred: threading.Event) -> tuple[FakeEngine, PartsTender]:
    """Return a tender that has seen its proxy run, and the Docker that it asks again when it is stirred."""
    engine = FakeEngine(now=time.time, images=[fake_image("proxy")])
    order = PartOrder(name="proxy", part="proxy", image="proxy", command=("run",))
    tender = PartsTender(PlacesAt("test", directory=directory), engine, [order], stirred, lambda: NOW)
    tender.look()  # it starts it
    tender.look()  # and sees it run
    return engine, tender


def test_a_death_that_docker_lists_only_after_it_told_of_it_is_seen_at_the_next_look(tmp_path: Path) -> None:
    stirred = threading.Event()
    engine, tender = at_rest(tmp_path, stirred)

    stirred.set()
    tender.look()
    engine.parts.remove("proxy")
    tender.look()

    assert engine.parts.states() == {"proxy": "running"}


def test_where_docker_did_not_answer_who_was_told_of_a_death_looks_again_at_once(tmp_path: Path) -> None:
    stirred = threading.Event()
    engine, tender = at_rest(tmp_path, stirred)

    engine.parts.remove("proxy")
    stirred.set()
    engine.away = True
    with pytest.raises(EngineError):
        tender.look()
    engine.away = False
    tender.look()

    assert engine.parts.states() == {"proxy": "running"}


def test_a_part_that_is_started_is_left_to_begin(tmp_path: Path) -> None:
    """An etcd that is killed as it makes its first data never works again."""
    engine = FakeEngine(now=time.time, images=[fake_image("etcd")])
    order = PartOrder(name="etcd", part="etcd", image="etcd", command=("run",))

    PartsTender(PlacesAt("test", directory=tmp_path), engine, [order]).look()

    assert engine.changes == ["start etcd"]


def test_a_keeper_that_a_signal_has_stopped_is_ended_and_another_started(tmp_path: Path) -> None:
    places = PlacesAt("still", directory=tmp_path)
    started: list[tuple[object, ...]] = []
    times = iter((0.0, 1.0, 1.0 + STANDSTILL_S))
    tender = KeeperTender(places, lambda *what: started.append(what), partial(next, times))
    with process_of(places, "keeper", tmp_path) as keeper:
        keeper_pid_file(places).write_text(f"{keeper.pid}\n")
        tender.look()
        stop(keeper.pid)
        tender.look()
        before = keeper.poll(), [*started]
        tender.look()

    assert before == (None, [])
    assert keeper.returncode == -signal.SIGKILL
    assert started == [(places, "keeper")]


@pytest.mark.parametrize(("has_file", "starts"), [(True, 1), (False, 0)])
def test_only_a_keeper_that_left_its_file_has_died_and_is_replaced(
    tmp_path: Path, has_file: bool, starts: int
) -> None:
    places = PlacesAt("still", directory=tmp_path)
    started: list[tuple[object, ...]] = []
    if has_file:
        keeper_pid_file(places).write_text("0\n")

    KeeperTender(places, lambda *what: started.append(what)).look()

    assert len(started) == starts
