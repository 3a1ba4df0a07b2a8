"""The parts of the cloud are kept running, each for itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.containers import Part
from manager.engine.orders import PartOrder
from manager.host.holds import hold
from manager.host.keeper import keeper_pid_file
from manager.host.processes import STANDSTILL_S
from manager.loop.reconcile import Picture
from manager.state.world import World
from manager.store import Member
from manager.tend import (
    AGAIN_S,
    DEAF_S,
    PUT_BACK_S,
    REST_S,
    SILENT_S,
    STOPPED_S,
    TURNS_S,
    KeeperTender,
    PartsTender,
    ProxyTender,
    hung_members,
)
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesAt
from tests.fakes.processes import process_of
from tests.simulation.worlds import NOW, a_worker, an_app, serving
from tests.stopping import stop

TAKEN_UP = serving([an_app()], [a_worker(1), a_worker(2)])
MISSED = replace(TAKEN_UP, live={"web": frozenset({"w_web_1_1"})})


ETCD = ("etcd_1", "etcd_2", "etcd_3")
SILENCE_S = 2.0  # after which a member counts as silent
LONG = 100.0  # more seconds than any patience here


def untold(_: str) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Proxy:
    """A proxy that runs beside three members of etcd, and is looked at once a second, or as told."""

    places: PlacesAt
    engine: FakeEngine
    seen: Picture | None = None
    now: float = NOW
    answers: bool = True
    silent: frozenset[str] = frozenset()
    tender: ProxyTender = field(init=False)

    def __post_init__(self) -> None:
        for name in (*ETCD, "proxy"):
            self.engine.parts.start(PartOrder(name=name, part=name, image="proxy", command=(name,)))
        self.engine.now = lambda: self.now
        parts = PartsTender(self.places, self.engine, [], untold)
        self.tender = ProxyTender(
            places=self.places,
            name="proxy",
            etcd=ETCD,
            parts=self.engine.parts.list,
            restart=parts.restart,
            picture=lambda: self.seen,
            answers=lambda: self.answers,
            members=self.members,
            clock=lambda: self.now,
        )

    def members(self) -> list[Member]:
        """Return how they are; one that is silent is waited for."""
        self.now += SILENCE_S if self.silent else 0.0
        return [Member(name, name not in self.silent) for name in ETCD]

    def restarts(self, world: World, for_s: float, trouble: str = "", every_s: int = 1) -> int:
        """Return how often it is restarted while the cloud looks like that."""
        return self.restarted(world, for_s, trouble, every_s).count("proxy")

    def restarted(self, world: World, for_s: float, trouble: str = "", every_s: int = 1) -> list[str]:
        """Return what is restarted while the cloud looks like that, in that order."""
        began = len(self.engine.changes)
        ends_at = self.now + for_s
        while self.now < ends_at:
            self.now += every_s
            self.seen = Picture(replace(world, now=self.now), 1, converged=False, trouble=trouble)
            self.tender.look()
        return [change.removeprefix("restart ") for change in self.engine.changes[began:]]


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    places = PlacesAt("test", directory=tmp_path)
    return Proxy(places, FakeEngine(now=lambda: NOW - LONG, images=[fake_image("proxy")]))


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


def test_a_member_that_keeps_the_proxy_waiting_is_ended_before_the_proxy_is(proxy: Proxy) -> None:
    proxy.silent = frozenset({"etcd_2"})

    assert proxy.restarted(MISSED, DEAF_S) == []
    assert proxy.restarted(MISSED, DEAF_S) == ["etcd_2"]
    assert proxy.restarted(MISSED, TURNS_S / 2) == []
    assert proxy.restarted(MISSED, LONG) == ["proxy"]
    assert proxy.restarted(TAKEN_UP, LONG) == []


def test_a_proxy_is_given_time_to_turn_from_a_member_that_somebody_else_ended(proxy: Proxy) -> None:
    """The manager before, for one: this one knows of it by when the member began."""
    proxy.engine.parts.restart("etcd_2")

    assert proxy.restarts(MISSED, TURNS_S - 1) == 0
    assert proxy.restarts(MISSED, DEAF_S) == 1


@pytest.mark.parametrize("silent", [ETCD[:1], ETCD[:2], ETCD])
def test_a_proxy_is_given_time_to_turn_after_members_kept_silent(proxy: Proxy, silent: Sequence[str]) -> None:
    """They began long ago, as if a full machine had kept them: so nobody was ended."""
    proxy.silent = frozenset(silent)
    assert proxy.restarts(MISSED, DEAF_S) == 0
    proxy.silent = frozenset()

    assert proxy.restarts(MISSED, TURNS_S - 1) == 0
    assert proxy.restarts(MISSED, DEAF_S) == 1


def test_a_proxy_is_given_time_to_turn_after_the_store_was_away(proxy: Proxy) -> None:
    assert proxy.restarts(MISSED, LONG, trouble="etcd does not answer") == 0

    assert proxy.restarts(MISSED, TURNS_S - 1) == 0
    assert proxy.restarts(MISSED, DEAF_S) == 1


def test_a_proxy_is_given_more_time_where_looks_come_late_as_on_a_full_machine(proxy: Proxy) -> None:
    late = 5
    assert proxy.restarts(MISSED, late * DEAF_S, every_s=late) == 0
    assert proxy.restarts(MISSED, late, every_s=late) == 1


def test_a_proxy_is_not_left_deaf_by_a_member_that_begins_anew_all_the_time(proxy: Proxy) -> None:
    for _ in range(int(2 * TURNS_S / DEAF_S)):
        proxy.engine.parts.restart("etcd_2")
        assert proxy.restarts(MISSED, DEAF_S) == 0

    assert proxy.restarts(MISSED, 1) == 1


def test_no_member_is_ended_for_a_proxy_that_hears(proxy: Proxy) -> None:
    proxy.silent = frozenset({"etcd_2"})

    assert proxy.restarted(TAKEN_UP, LONG) == []


def test_no_member_is_ended_after_the_store_has_forgotten_changes(proxy: Proxy) -> None:
    """They have just begun then."""
    proxy.silent = frozenset({"etcd_2"})
    proxy.restarted(replace(TAKEN_UP, revision=100), 1)

    assert proxy.restarted(replace(MISSED, revision=7), PUT_BACK_S + 1) == ["proxy"]


def test_members_are_hung_when_most_others_answer_and_they_began_before_that() -> None:
    def hung(*healthy: bool, names: Sequence[str] = ETCD, since: float = NOW) -> list[str]:
        parts = [Part(name, name, "etcd", "running", 1, NOW, "", {}) for name in names]
        return hung_members(names, [Member(str(n), well) for n, well in enumerate(healthy)], parts, since)

    assert hung(True, True, False) == ["etcd_3"]
    assert hung(True, True, True) == []
    assert hung(True, False, False) == []
    assert hung(False, names=["etcd_1"]) == []
    assert hung(True, True, False, since=NOW - 1) == []
    assert hung(True, True, False, names=[]) == []


def test_a_proxy_that_answers_nobody_is_restarted_once_until_it_does(proxy: Proxy) -> None:
    hanging = replace(TAKEN_UP, live=None)
    proxy.answers = False

    assert proxy.restarts(hanging, SILENT_S) == 0
    assert proxy.restarts(hanging, 3 * SILENT_S) == 1
    proxy.answers = True
    assert proxy.restarts(TAKEN_UP, 1) == 0
    proxy.answers = False
    assert proxy.restarts(hanging, 3 * SILENT_S) == 1


def test_a_proxy_that_answers_now_and_then_is_left_alone(proxy: Proxy) -> None:
    hanging = replace(TAKEN_UP, live=None)

    for answers in (False, True) * 4:
        proxy.answers = answers
        assert proxy.restarts(hanging, SILENT_S if not answers else 1) == 0


def test_a_proxy_that_a_drill_holds_down_is_left_alone(proxy: Proxy) -> None:
    hold(proxy.places, 60, "proxy")
    proxy.answers = False

    assert proxy.restarts(replace(TAKEN_UP, live=None), LONG) == 0


def tending(
    directory: Path, *names: str, clock: Callable[[], float] = lambda: NOW
) -> tuple[FakeEngine, PartsTender]:
    """Return a Docker that has the image of a proxy alone, and who tends the parts of these names on it."""
    engine = FakeEngine(now=time.time, images=[fake_image("proxy")])
    orders = [PartOrder(name=name, part=name, image=name, command=("run",)) for name in names]
    places = PlacesAt("test", directory=directory)
    return engine, PartsTender(places, engine, orders, untold, clock=clock)


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

    PartsTender(PlacesAt("test", directory=tmp_path), engine, [order], untold).look()

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

    tended.look(int(LONG))

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


def test_a_proxy_that_docker_could_not_restart_is_restarted_later(proxy: Proxy) -> None:
    proxy.restarts(MISSED, DEAF_S)
    proxy.engine.fail_next = "Docker is busy"

    with pytest.raises(EngineError):
        proxy.restarts(MISSED, 1)

    assert proxy.restarts(MISSED, 1) == 1
