"""An app of queues under a load: enough of the world to tell a good autoscaler from a bad one.

Each worker serves so many requests at once, one after the other in each thread; requests go round the ready
workers, take a random time of CPU, and sleep. When there are more workers than cores they all get slower. A
worker is ready some time after it was asked for; one that is removed serves what it has. Everything follows
from the seed.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from balancer.decide import decide
from balancer.memory import Memory
from balancer.samples import Latencies, Observation, Policy
from tests.autoscale.traces import Floats

TICK_S = 2
EDGES_S = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 2.5, 5.0)
USUAL_UTILIZATION = 0.62  # of the reference that costs are told against
SLOW_WORTH, REVERSAL_WORTH, REVERSAL_S = 20.0, 0.002, 60.0


@dataclass(frozen=True, slots=True)
class App:
    """The app and its host; work_s of CPU a request, Gamma-distributed with the given shape.

    threads: requests that a worker serves at once.  asleep_s: how long each waits for something else.
    patience_s: how long clients wait.  crowded: neighbours use all of the host.
    counted: whether requests without an answer can be.
    """

    work_s: float = 0.025
    shape: float = 2.0
    start_s: float = 2.0
    cores: float = 8.0
    meter_noise: float = 0.05
    counted: bool = True
    threads: int = 1
    asleep_s: float = 0.0
    patience_s: float = math.inf
    crowded: bool = False

    @property
    def awake_share(self) -> float:
        return self.work_s / (self.work_s + self.asleep_s)


@dataclass(slots=True)
class Thread:
    """free_s: when it has served all it was given; idle_s: how long it was idle in this tick."""

    ready_s: float
    free_s: float = 0.0
    idle_s: float = 0.0

    def serve(self, at_s: float, took_s: float, tick_s: float) -> float:
        """Return when a request that comes at at_s is answered."""
        self.idle_s += max(0.0, at_s - max(self.free_s, self.ready_s, tick_s))
        self.free_s = max(self.free_s, at_s) + took_s
        return self.free_s

    def used(self, begin_s: float, end_s: float) -> float:
        """Return the share of the tick in which it served; the next tick begins."""
        idle_s = self.idle_s + max(0.0, end_s - max(self.free_s, self.ready_s, begin_s))
        self.idle_s = 0.0
        return 1.0 - idle_s / (end_s - begin_s)


@dataclass(slots=True)
class Worker:
    """created_s, ready_s: when it was asked for, and when it could serve."""

    app: App
    created_s: float
    ready_s: float
    threads: list[Thread] = field(init=False)

    def __post_init__(self) -> None:
        self.threads = [Thread(self.ready_s) for _ in range(self.app.threads)]

    @property
    def free_s(self) -> float:
        return max(thread.free_s for thread in self.threads)

    def serve(self, at_s: float, took_s: float, tick_s: float) -> tuple[float, bool]:
        """Return when a request that comes at at_s ends, and whether its client waited for that."""
        thread, left_s = min(self.threads, key=lambda thread: thread.free_s), at_s + self.app.patience_s
        if thread.free_s >= left_s:
            return left_s, False
        done_s = thread.serve(at_s, took_s, tick_s)
        return min(done_s, left_s), done_s <= left_s

    def used_cores(self, begin_s: float, end_s: float) -> float:
        return self.app.awake_share * sum(thread.used(begin_s, end_s) for thread in self.threads)


@dataclass(slots=True)
class Run:
    """What came of a load: J is the cost relative to a steady use, plus what slow requests are worth.

    counts, slow_shares: workers, and requests that were slow, tick by tick.
    """

    requests: int = 0
    slow: int = 0
    worker_s: float = 0.0
    reference_s: float = 0.0
    counts: list[int] = field(default_factory=list)
    slow_shares: list[float] = field(default_factory=list)

    @property
    def reversals(self) -> int:
        """Return how often the number turned round within a minute of the change before."""
        pairs = enumerate(pairwise(self.counts))
        moves = [(tick, after - before) for tick, (before, after) in pairs if after != before]
        near = REVERSAL_S / TICK_S
        return sum(a * b < 0 and t - s <= near for (s, a), (t, b) in pairwise(moves))

    @property
    def j(self) -> float:
        slow = SLOW_WORTH * self.slow / max(self.requests, 1)
        return self.worker_s / self.reference_s + slow + REVERSAL_WORTH * self.reversals


class Simulation:
    """One app under one load, scaled by the product's decision function."""

    def __init__(self, policy: Policy, app: App, seed: int, workers: int = 2) -> None:
        self.policy, self.app, self.memory = policy, app, Memory()
        self.rng = np.random.default_rng(seed)
        self.workers = [Worker(app, -60.0, -58.0) for _ in range(workers)]
        self.leaving: list[Worker] = []
        self.open: deque[tuple[float, float, bool]] = deque()
        self.run = Run(counts=[workers])
        self._turn = 0

    def play(self, load: Floats) -> Run:
        """Return what came of a load given by second."""
        for begin in range(0, len(load) - TICK_S + 1, TICK_S):
            self.tick(float(begin), load[begin : begin + TICK_S])
        return self.run

    def tick(self, begin_s: float, load: Floats) -> None:
        """Serve a tick's requests, then let the decision function see it and act."""
        end_s = begin_s + TICK_S
        before = {id(worker) for worker in self._ready(begin_s)}
        asked, slow = self.run.requests, self.run.slow
        for at_s in self._arrivals(begin_s, load):
            self._serve(float(at_s), begin_s)
        seen = self._look(begin_s, end_s, before)
        decision, self.memory = decide(self.policy, self.memory, seen, end_s)
        self.run.worker_s += TICK_S * (len(self.workers) + len(self.leaving))
        self.run.reference_s += float(load.sum()) * self.app.work_s / USUAL_UTILIZATION
        self.run.counts.append(decision.final)
        self.run.slow_shares.append((self.run.slow - slow) / max(self.run.requests - asked, 1))
        self._scale(decision.final, end_s)

    def _ready(self, at_s: float) -> list[Worker]:
        return [worker for worker in self.workers if worker.ready_s <= at_s]

    def _arrivals(self, begin_s: float, load: Floats) -> Floats:
        counts = self.rng.poisson(load)
        times = [begin_s + second + self.rng.random(count) for second, count in enumerate(counts)]
        return np.sort(np.concatenate(times))

    def _serve(self, at_s: float, tick_s: float) -> None:
        ready = self._ready(at_s)
        self._turn += 1
        worker = ready[self._turn % len(ready)]
        crowd = max(1.0, len(ready) / self.app.cores)
        work_s = self.rng.gamma(self.app.shape, self.app.work_s / self.app.shape) * crowd
        done_s, served = worker.serve(at_s, work_s + self.app.asleep_s, tick_s)
        self.open.append((done_s, done_s - at_s, served))
        self.run.requests += 1
        self.run.slow += done_s - at_s > self.policy.slo_s

    def _look(self, begin_s: float, end_s: float, before: set[int]) -> Observation:
        """Return what the manager would see of the tick."""
        done = [request for request in self.open if request[0] <= end_s]
        self.open = deque(request for request in self.open if request[0] > end_s)
        ready = self._ready(end_s)
        noise = np.exp(self.rng.normal(0.0, self.app.meter_noise, len(ready)))
        used = np.array([worker.used_cores(begin_s, end_s) for worker in ready])
        used_leaving = [worker.used_cores(begin_s, end_s) for worker in self.leaving]
        leaving = sum(used_leaving)
        self.leaving = [worker for worker in self.leaving if worker.free_s > end_s]
        return Observation(
            span_s=float(TICK_S),
            wanted=len(self.workers),
            ready=len(ready),
            starting=len(self.workers) - len(ready),
            completed=float(len(done)),
            failed=float(sum(not served for *_, served in done)),
            latencies=_latencies([took_s for _, took_s, _ in done]),
            inflight=float(len(self.open)) if self.app.counted else None,
            cpu_cores=float(used @ noise),
            own_cores=float(used.sum()) + leaving,
            busiest_cores=max((*map(float, used), *used_leaving), default=None),
            worker_cores=1.0,
            host_cores=self.app.cores,
            host_used_cores=self.app.cores
            if self.app.crowded
            else min(float(used.sum()) + leaving, self.app.cores),
            started_in_s=tuple(w.ready_s - w.created_s for w in ready if id(w) not in before),
        )

    def _scale(self, wanted: int, now_s: float) -> None:
        while len(self.workers) < wanted:
            start_s = self.app.start_s * self.rng.uniform(0.7, 1.3)
            self.workers.append(Worker(self.app, now_s, now_s + start_s))
        gone, self.workers = self.workers[wanted:], self.workers[:wanted]
        self.leaving += [worker for worker in gone if worker.ready_s <= now_s]


def _latencies(took_s: list[float]) -> Latencies:
    below = Counter(int(place) for place in np.searchsorted(EDGES_S, took_s))
    within = np.cumsum([below[place] for place in range(len(EDGES_S))])
    return Latencies(EDGES_S, tuple(float(count) for count in within), float(len(took_s)))
