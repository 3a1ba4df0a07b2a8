"""What a tick sees of an app: also of workers that are too busy to answer in time, and of those that go."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from balancer.samples import Observation
from manager.observe.cgroups import Usage
from manager.observe.counters import Counters, Sample
from manager.observe.verdicts import Verdict
from manager.scaling.measure import Measures
from manager.scaling.observation import CHECKS, Host, Watcher
from manager.state.model import AppSpec, WorkerKey
from manager.state.world import World
from tests.simulation.worlds import NOW, TEMPLATE, a_worker, an_app, known, serving

HOST = Host(None, 0.0)
FIRST, SECOND = a_worker(1), a_worker(2)
SLOW = Verdict(False, "GET / no answer in 1 s", NOW, 1.0)


def counted(answered: float, failed: float = 0.0, given_up: float = 0.0) -> Counters:
    total = answered + failed + given_up
    return Counters((0.0, answered, 0.0, 0.0, failed, given_up), {0.25: answered, math.inf: total})


def observed(
    world: World,
    spec: AppSpec,
    counters: Mapping[str, Counters] | None = None,
    connections: Mapping[str, float] | None = None,
    watcher: Watcher | None = None,
    waiting: int = 5,
) -> Observation:
    """Return what two seconds show in which this was counted; every worker uses 0.2 cores."""
    watcher = watcher or Watcher()
    watcher.observe(world, spec, measured(world, 7.0, Sample(0.0, {}, {})), HOST)
    now = Sample(2.0, counters or {}, connections or {})
    return watcher.observe(world, spec, measured(world, 7.4, now, waiting), HOST)


def measured(world: World, cpu_s: float, sample: Sample, waiting: int = 5) -> Measures:
    usage = {key: Usage(cpu_s, 1) for key in world.records}
    return Measures(usage, inflight=dict.fromkeys(world.records, waiting), sample=sample)


def overloaded(world: World, *keys: WorkerKey) -> World:
    """Return the picture in which these workers run and serve, but miss their health answers."""
    return replace(world, verdicts={**world.verdicts, **dict.fromkeys(keys, SLOW)})


def test_the_only_worker_is_observed_also_when_it_is_too_busy_to_answer_in_time() -> None:
    spec = an_app(want=1)
    seen = observed(overloaded(serving([spec], [FIRST]), FIRST.key), spec)

    assert (seen.ready, seen.starting) == (1, 0)
    assert seen.cpu_cores == pytest.approx(0.2)
    assert seen.inflight == 5


def test_a_worker_that_the_proxy_sends_nothing_is_not_among_those_that_serve() -> None:
    spec = an_app()
    seen = observed(overloaded(serving([spec], [FIRST, SECOND]), SECOND.key), spec)

    assert (seen.ready, seen.starting) == (1, 0)
    assert seen.cpu_cores == pytest.approx(0.2)


def test_a_worker_that_never_answered_is_starting() -> None:
    spec = an_app()
    world = replace(overloaded(serving([spec], [FIRST, SECOND]), SECOND.key), answered=frozenset({FIRST.key}))

    assert observed(world, spec, waiting=CHECKS).starting == 1


def test_a_worker_that_requests_wait_for_has_started_though_this_manager_saw_no_answer_of_it() -> None:
    spec = an_app()
    world = replace(overloaded(serving([spec], [FIRST, SECOND]), SECOND.key), answered=frozenset({FIRST.key}))

    assert observed(world, spec, waiting=CHECKS + 1).starting == 0


def test_demand_is_what_clients_ask_and_not_what_the_proxy_repeats() -> None:
    spec = an_app(want=1)
    counters = {"app_web": counted(20, 90, 10), "path_web_0": counted(1), "w_web_1_1": counted(20, 600, 10)}

    seen = observed(serving([spec], [FIRST]), spec, {**counters, "app_web-2": counted(7)})

    assert (seen.completed, seen.failed) == (121, 100)
    assert seen.latencies is not None
    assert seen.latencies.share_over(0.25) == pytest.approx(100 / 121)


def test_requests_of_a_leaving_worker_are_still_in_flight() -> None:
    spec = an_app(want=1)
    world = known(serving([spec], [FIRST, SECOND]), replace(SECOND, leaving_since=NOW))

    seen = observed(world, spec)

    assert (seen.ready, seen.starting, seen.inflight) == (1, 0, 10)


def test_what_waits_is_not_known_while_it_cannot_be_counted() -> None:
    spec = an_app(want=1)
    world, sample = serving([spec], [FIRST]), Sample(0.0, {}, {})

    assert Watcher().observe(world, spec, Measures(sample=sample), HOST).inflight is None


def test_the_busiest_worker_is_known_also_when_it_gets_no_requests_now() -> None:
    spec = an_app()
    world = overloaded(serving([spec], [FIRST, SECOND]), SECOND.key)
    used = {FIRST.key: Usage(7.1, 1), SECOND.key: Usage(7.8, 1)}
    watcher = Watcher()
    watcher.observe(world, spec, measured(world, 7.0, Sample(0.0, {}, {})), HOST)

    seen = watcher.observe(world, spec, Measures(used, sample=Sample(2.0, {}, {})), HOST)

    assert seen.busiest_cores == pytest.approx(0.4)


def test_a_tcp_app_is_seen_by_its_connections() -> None:
    spec = replace(an_app(want=1), template=replace(TEMPLATE, protocol="tcp"), tcp_port=9003)

    seen = observed(serving([spec], [FIRST]), spec, connections={"tcp9003": 12.0, "tcp9004": 7.0})

    assert (seen.connections, seen.inflight) == (12, None)


def test_while_the_proxy_does_not_answer_there_is_no_span_and_then_one_over_all_of_it() -> None:
    spec, first, later = an_app(want=1), Sample(0.0, {}, {}), Sample(4.0, {"app_web": counted(8)}, {})
    world, watcher = serving([spec], [FIRST]), Watcher()
    watcher.observe(world, spec, measured(world, 7.0, first), HOST)

    silent = watcher.observe(world, spec, measured(world, 7.4, first), HOST)
    seen = watcher.observe(world, spec, measured(world, 7.8, later), HOST)

    assert (silent.span_s, silent.completed, silent.cpu_cores) == (None, None, None)
    assert (seen.span_s, seen.completed) == (4, 8)
    assert seen.cpu_cores == pytest.approx(0.2)
