"""The chaos tests' own judgement: a schedule is its seed's, and what must not be is seen."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from balancer.routes import Route, Server, render, server_name
from manager.state.model import WorkerRecord
from manager.state.records import PROXY, WORKERS, encode, worker_key
from tests.chaos.invariants import broken_in_store, changed, longest
from tests.chaos.operator import Possible, State, after, app_of
from tests.chaos.samples import Sample, growth
from tests.chaos.schedule import BUSY, PASSING, Blow, Schedule, schedule
from tests.chaos.verdict import Course, Requests, Struck, broken, line
from tests.simulation.worlds import a_worker

FAULTS = ("one", "two", "three")


def stored(*records: WorkerRecord, routed: WorkerRecord | None = None) -> dict[str, str]:
    """Return what the store has: the records, and a route to one of them."""
    entries = {worker_key(record.key): encode(record) for record in records}
    if routed is not None:
        server = Server(server_name(*routed.key), f"{routed.address}:{routed.port}")
        route = Route(routed.app, "http", ("web.localhost",), ("/web",), "http", (server,))
        entries |= {PROXY + key: text for key, text in render([route]).items()}
    return entries


def made_up(seed: int) -> Schedule:
    return schedule(seed, 60, FAULTS, "./server")


def test_a_seed_is_one_schedule_with_every_fault_in_it() -> None:
    assert made_up(1) == made_up(1) != made_up(2)
    assert {blow.fault for blow in made_up(1).blows[: len(FAULTS)]} == set(FAULTS)


def test_a_sound_store_has_nothing_broken() -> None:
    first, second = a_worker(1), replace(a_worker(2), address=IPv4Address("10.9.0.9"))

    assert broken_in_store(stored(first, second, routed=first)) == []


def test_two_workers_with_one_address_are_seen() -> None:
    first = a_worker(1)

    (words,) = broken_in_store(stored(first, replace(a_worker(2), address=first.address)))

    assert words == f"w_web_1_1 and w_web_2_1 share {first.address}"


def test_more_workers_than_anybody_asked_for_are_seen() -> None:
    many = [replace(a_worker(slot), address=IPv4Address(f"10.9.0.{slot + 1}")) for slot in range(1, 8)]

    assert broken_in_store(stored(*many)) == ["web has 7 workers"]


@pytest.mark.parametrize("there", [False, True], ids=["forgotten", "moved"])
def test_a_route_to_where_no_worker_is_is_seen(*, there: bool) -> None:
    moved = replace(a_worker(1), address=IPv4Address("10.9.0.9"))

    (words,) = broken_in_store(stored(*[moved] * there, routed=a_worker(1)))

    assert "lead to w_web_1_1" in words


def test_what_was_put_there_on_purpose_is_no_record() -> None:
    assert broken_in_store({f"{WORKERS}ghost/1/1": '{"v":99}'}) == []


def test_a_container_that_is_another_or_gone_is_seen() -> None:
    before = {"a": ("1", "now"), "b": ("2", "now"), "c": ("3", "now")}

    assert len(changed(before, {"a": ("1", "now"), "b": ("2", "later")})) == 2


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (("scale", "busy=3"), {State(3, "m1")}),
        (("update", BUSY, "-e", "MARK=m7", "--parallel", "1"), {State(2, "m7")}),
        (("restart", BUSY), {State(2, "m1")}),
        (("rm", BUSY, "-y"), {None}),
    ],
)
def test_what_a_command_makes_of_an_app(words: tuple[str, ...], then: Possible) -> None:
    assert app_of(words) == BUSY
    assert after(words, frozenset({State(2, "m1")})) == then


def test_a_run_makes_an_app_of_nothing() -> None:
    words = ("run", "-n", "2", "-p", "8000", PASSING, "./server", "8000")

    assert app_of(words) == PASSING
    assert after(words, frozenset({None})) == {State(2)}


PROXY_DIES = Struck(Blow(10, "proxy killed", 0, 0), at=110, ended_at=110)
COSTS = {"proxy killed": {"calm"}, "etcd frozen": set()}


def course(*struck: Struck, failed_at: float) -> Course:
    """Return what happened when one request to calm failed at that time."""
    requests = {"calm": Requests(50, [(failed_at, "status 404")])}
    led = [Sample(float(at), 7, 50, 30, 100_000) for at in range(0, 60, 5)]
    return Course(made_up(1), 100, struck, [0, 1], requests, {}, [], 0.5, led)


def test_a_request_may_fail_while_what_costs_it_is_mended_and_no_longer() -> None:
    assert broken(course(PROXY_DIES, failed_at=112), COSTS) == []
    assert broken(course(PROXY_DIES, failed_at=121), COSTS) == [
        "1 requests to calm failed: status 404 after 21.0 s"
    ]
    assert len(broken(course(failed_at=112), COSTS)) == 1


def test_what_comes_over_a_fault_gives_it_more_time() -> None:
    etcd_too = Struck(Blow(12, "etcd frozen", 0, 4), at=112, ended_at=116)

    assert broken(course(PROXY_DIES, etcd_too, failed_at=121), COSTS) == []
    assert len(broken(course(etcd_too, failed_at=114), COSTS)) == 1


def test_nothing_is_mended_before_somebody_leads_again() -> None:
    late = replace(course(PROXY_DIES, failed_at=125), samples=[Sample(20.0, 7, 50, 30, 100_000)])

    assert broken(late, COSTS) == []


def test_the_verdict_is_one_line() -> None:
    assert line(course(PROXY_DIES, failed_at=112), COSTS) == (
        "chaos seed 1, 60 s: held, settled after 0.5 s; 1 faults of 1 kinds, 2 commands (1 done), "
        "50 requests to calm (1 failed, at most 0.0 s on end); in 45 s the longest-lived leader grew from "
        "50 to 50 descriptors, 30 to 30 threads, 97.7 to 97.7 MiB"
    )


def test_the_longest_time_without_an_answer_ends_where_something_went_well() -> None:
    assert longest([]) == 0
    assert longest([1.0, 1.3, 1.7, 5.0, 5.2]) == pytest.approx(0.7)


def test_growth_is_that_of_the_leader_that_lived_longest() -> None:
    lives = [Sample(at, 1, 50, 9, 1024) for at in range(5)]
    lives += [Sample(at, 2, 50 + at, 9, 102400 + 1024 * at) for at in range(5, 36)]

    assert growth(lives) == (
        "in 20 s the longest-lived leader grew from 65 to 85 descriptors, 9 to 9 threads, 115.0 to 135.0 MiB"
    )
