"""The parts of the cloud are kept running, each for itself, and a keeper beside the managers."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.orders import PartOrder
from manager.host.holds import hold
from manager.host.keeper import keeper_pid_file
from manager.host.processes import STANDSTILL_S
from manager.tend.keeper import KeeperTender
from manager.tend.parts import AGAIN_S, REST_S, STOPPED_S, PartsTender
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesAt
from tests.fakes.processes import process_of
from tests.simulation.worlds import NOW
from tests.stopping import stop


def tending(
    directory: Path, *names: str, clock: Callable[[], float] = lambda: NOW
) -> tuple[FakeEngine, PartsTender]:
    """Return a Docker that has the image of a proxy alone, and who tends the parts of these names on it."""
    engine = FakeEngine(now=time.time, images=[fake_image("proxy")])
    orders = [PartOrder(name=name, part=name, image=name, command=("run",)) for name in names]
    places = PlacesAt("test", directory=directory)
    return engine, PartsTender(places, engine, orders, lambda _: None, clock=clock)


def test_a_part_that_cannot_start_keeps_no_other_from_starting(tmp_path: Path) -> None:
    engine, tender = tending(tmp_path, "etcd", "proxy")

    tender.look()

    assert engine.parts.states() == {"proxy": "running"}


def test_a_part_that_was_renamed_is_the_same_under_its_own_name(tmp_path: Path) -> None:
    engine, tender = tending(tmp_path, "proxy")
    tender.look()
    before = engine.parts.list()
    engine.rename(before[0].id, "px")

    tender.look()

    assert engine.parts.list() == before


def test_while_all_parts_run_docker_is_asked_when_a_container_changed_and_seldom_else(tmp_path: Path) -> None:
    now = [NOW]
    engine, tender = tending(tmp_path, "proxy", clock=lambda: now[0])

    def is_back() -> bool:
        tender.look()
        return engine.parts.states() == {"proxy": "running"}

    tender.look()  # it starts it
    tender.look()  # and sees it run
    engine.parts.remove("proxy")
    assert not is_back()
    tender.stirred.set()
    assert is_back()

    tender.look()
    engine.parts.remove("proxy")
    now[0] += REST_S
    assert is_back()


def at_rest(directory: Path) -> tuple[FakeEngine, PartsTender]:
    """Return a tender that has seen its proxy run, and the Docker that it asks again when it is stirred."""
    engine, tender = tending(directory, "proxy")
    tender.look()  # it starts it
    tender.look()  # and sees it run
    return engine, tender


def test_a_death_that_docker_lists_only_after_it_told_of_it_is_seen_at_the_next_look(tmp_path: Path) -> None:
    engine, tender = at_rest(tmp_path)

    tender.stirred.set()
    tender.look()
    engine.parts.remove("proxy")
    tender.look()

    assert engine.parts.states() == {"proxy": "running"}


def test_where_docker_did_not_answer_who_was_told_of_a_death_looks_again_at_once(tmp_path: Path) -> None:
    engine, tender = at_rest(tmp_path)

    engine.parts.remove("proxy")
    tender.stirred.set()
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

    PartsTender(PlacesAt("test", directory=tmp_path), engine, [order], lambda _: None).look()

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


@dataclass(slots=True)
class Tended:
    """A member of etcd that is looked at once a second, and what is told of it."""

    places: PlacesAt
    engine: FakeEngine
    now: float = NOW
    stopped: set[int] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    tender: PartsTender = field(init=False)

    def __post_init__(self) -> None:
        order = PartOrder(name="sc_test_etcd_2", part="etcd", image="etcd", command=("run",))
        self.engine.parts.start(order)
        self.tender = PartsTender(
            self.places,
            self.engine,
            [order],
            self.told.append,
            clock=lambda: self.now,
            stopped=lambda pid: pid in self.stopped,
            go_on=self.stopped.remove,
        )
        self.look()

    @property
    def pid(self) -> int:
        [part] = self.engine.parts.list()
        return part.pid

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += 1
            self.tender.look()


@pytest.fixture
def tended(tmp_path: Path) -> Tended:
    engine = FakeEngine(now=time.time, images=[fake_image("etcd")])
    return Tended(PlacesAt("test", directory=tmp_path), engine)


def test_a_part_that_a_signal_has_stopped_goes_on_after_a_moment(tended: Tended) -> None:
    before = tended.pid
    tended.stopped.add(before)

    tended.look(int(STOPPED_S))
    waited = set(tended.stopped)
    tended.look()

    assert waited == {before}
    assert tended.stopped == set()
    assert tended.pid == before
    assert tended.told == ["etcd2: told to go on: a signal had stopped it"]


def test_a_part_that_a_drill_holds_down_stays_stopped(tended: Tended) -> None:
    hold(tended.places, 60, "sc_test_etcd_2")
    tended.stopped.add(tended.pid)

    tended.look(100)

    assert tended.stopped == {tended.pid}


def test_another_process_that_got_the_pid_of_a_part_is_left_as_it_is(tended: Tended) -> None:
    other = tended.pid
    tended.stopped.add(other)
    tended.look()

    tended.engine.parts.crash("sc_test_etcd_2")
    tended.look(int(STOPPED_S))

    assert tended.stopped == {other}


def test_events_tell_of_a_part_that_was_started_again(tended: Tended) -> None:
    tended.engine.parts.halt("sc_test_etcd_2")
    tended.tender.stirred.set()
    tended.look(3)

    assert tended.told == ["etcd2: started again: it did not run"]


def test_events_tell_of_a_part_that_docker_started_again(tended: Tended) -> None:
    tended.engine.parts.crash("sc_test_etcd_2")
    tended.tender.stirred.set()
    tended.look(3)

    assert tended.told == ["etcd2: its process ended, and it runs again"]


def test_events_tell_of_a_part_that_ends_as_soon_as_it_was_started_again(tended: Tended) -> None:
    tended.engine.parts.halt("sc_test_etcd_2")
    tended.tender.stirred.set()
    tended.look()
    tended.engine.parts.crash("sc_test_etcd_2")
    tended.look(3)

    assert tended.told[1:] == ["etcd2: its process ended, and it runs again"]


def test_events_tell_of_a_part_that_ends_again_and_again_once_until_it_has_run_for_a_while(
    tended: Tended,
) -> None:
    def end_times(times: int) -> None:
        for _ in range(times):
            tended.engine.parts.halt("sc_test_etcd_2")
            tended.tender.stirred.set()
            tended.look(3)

    end_times(30)
    tended.look(int(AGAIN_S))
    end_times(1)

    assert tended.told == ["etcd2: started again: it did not run"] * 2


def test_events_tell_why_a_part_was_restarted_once(tended: Tended) -> None:
    tended.tender.restart("sc_test_etcd_2", "answered nobody")
    tended.tender.stirred.set()
    tended.look(3)

    assert tended.told == ["etcd2: restarted: it answered nobody"]
