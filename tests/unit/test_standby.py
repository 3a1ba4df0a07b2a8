"""Spares that the autoscaler chooses: as many as surges of late make worth their memory, and no more."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from balancer.memory import Memory, Wish
from balancer.standby import KEEP_S, kept_spares
from tests.autoscale.observations import POLICY, SPAN_S, Operator, seen

QUIET_RPS, SURGE_RPS = 40.0, 130.0
SURGE_S, EVERY_S = 8.0, 120.0


def has_seen_surges(most: int = 12, room: int | None = 100, cores: float = 8.0) -> Operator:
    """Return an operator of a quiet app with a surge every two minutes, some while after the third."""
    return _has_seen_surges(most, room, cores).twin()


@cache
def _has_seen_surges(most: int, room: int | None, cores: float) -> Operator:
    operator = Operator(replace(POLICY, max=most))
    for tick in range(200):
        surges = tick * SPAN_S > EVERY_S and tick * SPAN_S % EVERY_S < SURGE_S
        now = operator.decisions[-1].final if operator.decisions else 2
        shown = seen(SURGE_RPS if surges else QUIET_RPS, now, cores=cores)
        operator.sees(replace(shown, memory_room=room))
    return operator


def test_what_surges_took_stands_by_between_them() -> None:
    operator = has_seen_surges()
    most = max(decision.final for decision in operator.decisions)

    quiet = operator.decisions[-1]

    assert quiet.final < most
    assert quiet.final + quiet.spares == pytest.approx(most, abs=1)


def test_a_steady_demand_needs_no_spares() -> None:
    operator = Operator()

    operator.sees_all([replace(seen(QUIET_RPS, 2), memory_room=100)] * 100)

    assert {decision.spares for decision in operator.decisions} == {0}


def test_workers_and_spares_are_never_more_than_the_maximum() -> None:
    assert all(decision.final + decision.spares <= 5 for decision in has_seen_surges(most=5).decisions)


def test_there_are_no_more_spares_than_memory_has_room_for() -> None:
    assert max(decision.spares for decision in has_seen_surges(room=1).decisions) == 1


def test_where_the_operator_fixed_a_number_none_is_chosen() -> None:
    assert not any(decision.spares for decision in has_seen_surges(room=None).decisions)


def test_a_host_without_cpu_for_more_gets_no_spares() -> None:
    last = has_seen_surges(cores=2.0).decisions[-1]

    assert last.final + last.spares <= 3


def test_a_tick_that_shows_nothing_leaves_the_spares() -> None:
    operator = has_seen_surges()
    before = operator.decisions[-1]

    blind = operator.sees(replace(seen(QUIET_RPS, before.final), completed=None, memory_room=100))

    assert blind.spares == before.spares > 0


def test_the_most_that_was_asked_for_of_late_is_kept_for_ten_minutes() -> None:
    memory = Memory(reach=Wish(1000.0, 6))

    soon, _ = kept_spares(memory, 3, 100, final=2, most=12, now_s=1000.0 + KEEP_S - 1.0)
    later, after = kept_spares(memory, 3, 100, final=2, most=12, now_s=1000.0 + KEEP_S)

    assert (soon, later) == (4, 1)
    assert after.reach == Wish(1000.0 + KEEP_S, 3)


def test_an_app_whose_model_is_learned_anew_keeps_what_was_asked_for() -> None:
    kept, memory = kept_spares(Memory(reach=Wish(1000.0, 6)), None, 100, final=2, most=12, now_s=1060.0)

    assert (kept, memory.reach) == (4, Wish(1000.0, 6))
