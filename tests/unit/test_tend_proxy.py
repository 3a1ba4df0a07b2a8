"""A proxy that takes up no change, or answers nobody, is helped, but not at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from manager.api.errors import EngineError
from manager.engine.containers import Part
from manager.engine.orders import PartOrder
from manager.host.holds import hold
from manager.loop.reconcile import Picture
from manager.state.world import World
from manager.store import Member
from manager.tend.parts import PartsTender
from manager.tend.proxy import DEAF_S, PROMPT_S, PUT_BACK_S, SILENT_S, TURNS_S, ProxyTender, hung_members
from tests.fakes.engine import FakeEngine, fake_image
from tests.fakes.manager import PlacesAt
from tests.simulation.worlds import NOW, a_worker, an_app, serving

TAKEN_UP = serving([an_app()], [a_worker(1), a_worker(2)])
MISSED = replace(TAKEN_UP, live={"web": frozenset({"w_web_1_1"})})
ETCD = ("etcd_1", "etcd_2", "etcd_3")
SILENCE_S = 2.0  # after which a member counts as silent
LONG = 100.0  # more seconds than any patience here


@dataclass(slots=True)
class Proxy:
    """A proxy that runs beside three members of etcd, and is looked at once a second, or as told."""

    places: PlacesAt
    engine: FakeEngine
    seen: Picture | None = None
    now: float = NOW
    answers: bool = True
    answer_s: float = 0.0
    silent: frozenset[str] = frozenset()
    tender: ProxyTender = field(init=False)

    def __post_init__(self) -> None:
        for name in (*ETCD, "proxy"):
            self.engine.parts.start(PartOrder(name=name, part=name, image="proxy", command=(name,)))
        self.engine.now = lambda: self.now
        parts = PartsTender(self.places, self.engine, [], lambda _: None)
        self.tender = ProxyTender(
            places=self.places,
            name="proxy",
            etcd=ETCD,
            parts=self.engine.parts.list,
            restart=parts.restart,
            picture=lambda: self.seen,
            answers=self.ask,
            members=self.members,
            clock=lambda: self.now,
        )

    def ask(self) -> bool:
        """Return whether it answers, for which it takes its time."""
        self.now += self.answer_s
        return self.answers

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


def test_a_proxy_is_given_more_time_where_it_is_slow_to_answer_as_without_cpu(proxy: Proxy) -> None:
    proxy.answer_s = 5 * PROMPT_S
    assert proxy.restarts(MISSED, 5 * DEAF_S) == 0
    assert proxy.restarts(MISSED, 5 * DEAF_S) == 1


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


def test_a_proxy_that_docker_could_not_restart_is_restarted_later(proxy: Proxy) -> None:
    proxy.restarts(MISSED, DEAF_S)
    proxy.engine.fail_next = "Docker is busy"

    with pytest.raises(EngineError):
        proxy.restarts(MISSED, 1)

    assert proxy.restarts(MISSED, 1) == 1
