"""Several apps that scale themselves on one host: together they never ask for more than it has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

from balancer.crowd import Asked, Decided, decide_all
from balancer.memory import Memory
from balancer.samples import Latencies, Mode, Observation, Policy
from tests.autoscale.observations import (
    EDGES_S,
    FULL_RPS,
    POLICY,
    SPAN_S,
    WORK_S,
    overloaded,
    seen,
    taught,
)

CORES = 6.0
FULL_CORES = 1.0  # of a worker that is full
QUEUE_S = 10.0  # of work; who waits longer goes away


@dataclass(slots=True)
class Host:
    """Apps of known capacity on a host; a full worker uses a core, or its part of what there is.

    queues: requests of each app that wait.
    """

    policies: dict[str, Policy]
    neighbours: float = 0.0
    now_s: float = 1_700_000_000.0
    workers: dict[str, int] = field(default_factory=dict)
    queues: dict[str, float] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    history: list[dict[str, Decided]] = field(default_factory=list)

    def tick(self, **rates: float) -> dict[str, Decided]:
        """Show each app its load of one span and do what was decided."""
        asked_cores = sum(self._busy(app, rate) for app, rate in rates.items())
        scale = min(1.0, (CORES - self.neighbours) / asked_cores)
        looks = {app: self._look(app, rate, scale) for app, rate in rates.items()}
        used = self.neighbours + sum(look.own_cores or 0.0 for look in looks.values())
        self.now_s += SPAN_S
        decided = decide_all(
            {
                app: Asked(
                    self.policies[app],
                    self.memories.get(app, Memory()),
                    replace(look, host_cores=CORES, host_used_cores=used),
                )
                for app, look in looks.items()
            },
            self.now_s,
        )
        for app, one in decided.items():
            self.memories[app] = one.memory
            if self.policies[app].mode is Mode.ON:
                self.workers[app] = one.decision.final
        self.history.append(decided)
        return decided

    def _busy(self, app: str, rate: float) -> float:
        """Return the cores that the app would use if there were enough."""
        workers = self.workers.setdefault(app, 2)
        return min((rate + self.queues.get(app, 0.0) / SPAN_S) * WORK_S, workers * FULL_CORES)

    def _look(self, app: str, rate: float, scale: float) -> Observation:
        workers, waiting = self.workers[app], self.queues.get(app, 0.0)
        most = workers * FULL_RPS * scale
        self.queues[app] = min(max(0.0, waiting + (rate - most) * SPAN_S), QUEUE_S * most)
        if rate + waiting / SPAN_S < most:
            return seen(rate + waiting / SPAN_S, workers)
        full = overloaded(most / scale + 1.0, workers, inflight=self.queues[app])
        used = (full.cpu_cores or 0.0) * scale
        completed = (full.completed or 0.0) * scale
        slow = Latencies(EDGES_S, (0.0,) * len(EDGES_S), completed)
        return replace(full, completed=completed, cpu_cores=used, own_cores=used, latencies=slow)

    def ticks(self, count: int, **rates: float) -> dict[str, Decided]:
        for at in range(count):
            self.tick(**{app: rate * (0.97, 1.0, 1.03)[at % 3] for app, rate in rates.items()})
        return self.history[-1]


def two(**changed: Policy) -> Host:
    """Return a host with two apps that have both been watched for a while."""
    host = Host({"a": POLICY, "b": POLICY, **changed})
    host.ticks(60, a=50.0, b=50.0)
    return host


def cores(decided: dict[str, Decided], **rates: float) -> float:
    """Return the cores that the workers asked for would use under these rates."""
    return sum(min(one.decision.final * FULL_CORES, rates[app] * 0.025) for app, one in decided.items())


def test_apps_that_rise_together_ask_for_no_more_than_the_host_has() -> None:
    host, rates = two(), {"a": 200.0, "b": 200.0}  # five cores each, of six

    host.ticks(60, **rates)

    assert all(cores(decided, **rates) <= CORES + FULL_CORES for decided in host.history[60:])
    cut = [one.decision for one in host.history[-1].values() if one.share is not None]
    assert cut
    assert all(decision.limits[-1].name == "share" for decision in cut)


def test_a_host_with_room_cuts_nobody() -> None:
    host = two()

    assert all(one.share is None for decided in host.history for one in decided.values())


def test_the_one_that_asks_more_gets_more() -> None:
    host = two()

    host.ticks(60, a=60.0, b=230.0)

    assert host.workers["b"] > host.workers["a"] >= 2


def test_a_share_is_given_back_when_the_other_needs_less() -> None:
    host = two()
    host.ticks(60, a=200.0, b=200.0)
    before = host.workers["a"]

    host.ticks(60, a=200.0, b=20.0)

    assert host.workers["a"] > before
    assert host.history[-1]["a"].share is None


def test_two_apps_of_like_worth_do_not_take_workers_from_each_other_again_and_again() -> None:
    host = two()
    host.ticks(30, a=200.0, b=200.0)

    host.ticks(60, a=200.0, b=200.0)

    counts = [decided["a"].decision.final for decided in host.history[-60:]]
    changes = sum(one != other for one, other in pairwise(counts))
    assert changes <= 5  # in two minutes


def test_the_apps_that_share_are_no_neighbours_to_each_other() -> None:
    host = two()

    host.ticks(60, a=120.0, b=120.0)

    assert all(abs(memory.neighbours_cores) < 0.3 for memory in host.memories.values())


def test_neighbours_leave_less_to_share() -> None:
    free, crowded = two(), two()
    crowded.neighbours = 3.0
    crowded.ticks(60, a=50.0, b=50.0)

    free.ticks(60, a=200.0, b=200.0)
    crowded.ticks(60, a=200.0, b=200.0)

    assert sum(crowded.workers.values()) < sum(free.workers.values())


def test_neighbours_that_keep_their_cores_are_not_tried_over_and_over() -> None:
    crowded = Host({"a": POLICY}, neighbours=3.0)
    crowded.ticks(60, a=50.0)

    crowded.ticks(150, a=200.0)

    counts = [decided["a"].decision.final for decided in crowded.history[60:]]
    assert sum(one != other for one, other in pairwise(counts)) <= 6  # in five minutes


def test_an_app_that_only_recommends_takes_no_share() -> None:
    host = two(b=replace(POLICY, mode=Mode.RECOMMEND))

    host.ticks(60, a=100.0, b=100.0)

    assert all(decided["b"].share is None for decided in host.history)


def test_a_minimum_is_kept_whatever_others_want() -> None:
    host = two(a=replace(POLICY, min=4))

    host.ticks(60, a=20.0, b=230.0)

    assert host.workers["a"] == 4


def test_what_cannot_be_seen_is_no_reason_to_take_a_worker_away() -> None:
    operator = taught(120.0, 5)
    blind = replace(seen(120.0, 5), completed=None, failed=None, host_cores=CORES)
    hungry = taught(230.0, 6)
    asked = {
        "blind": Asked(POLICY, operator.memory, blind),
        "hungry": Asked(POLICY, hungry.memory, replace(seen(230.0, 6), host_cores=CORES)),
    }

    decided = decide_all(asked, max(operator.now_s, hungry.now_s) + SPAN_S)

    assert decided["blind"].decision.final == 5


def test_a_cut_that_changes_nothing_is_no_change() -> None:
    host = two()
    host.ticks(90, a=200.0, b=200.0)

    held = [one for one in host.history[-1].values() if one.share == one.decision.from_workers]

    assert held
    assert all(one.memory.changed_s != one.decision.at_s for one in held)
