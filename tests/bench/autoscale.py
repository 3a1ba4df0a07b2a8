"""An app under a load that steps up, ramps down and ends: scaled by itself, fixed, and by a plain CPU rule.

The rule is that of Kubernetes' HPA with its defaults (80 % of the limit, every 15 s, tolerance 10 %, down
after 300 s), on the CPU that the cloud itself observes. Slow requests are counted by the proxy.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise

from manager.observe.counters import Counters, growth_of, parse
from manager.observe.proxy import ProxyApi
from tests.bench.table import Result
from tests.real.cloud import SERVER, Cloud, docker_by_hand

CPUS, CPU_MS, MOST = 0.4, 20, 5
SLO_S = 0.25
BUSY = f"/?cpu={CPU_MS}"
LOAD = (("--rps", "5", 20), ("--rps", "60", 50), ("--ramp", "60:5", 40), ("--rps", "5", 30))
SATURATING_CLIENTS, SATURATING_S = 4, 20.0
COUNT_EVERY_S = 0.5
HPA_EVERY_S, HPA_TARGET, HPA_TOLERANCE = 15.0, 0.8, 0.1

Scaling = Callable[[Cloud, str, threading.Event], None]


@dataclass(slots=True)
class Outcome:
    """What a run came to; counts: its running workers, every COUNT_EVERY_S."""

    slow_percent: float = 0.0
    counts: list[int] = field(default_factory=list)
    learned_rps: float = math.nan

    @property
    def worker_s(self) -> float:
        return COUNT_EVERY_S * sum(self.counts)

    @property
    def changes(self) -> int:
        return sum(before != after for before, after in pairwise(self.counts))


def autoscale(cloud: Cloud, rounds: int) -> list[Result]:
    """Compare the autoscaler with its rivals, and what it learned with what saturating one worker shows."""
    ours = [_played(cloud, ("--max", str(MOST)), _by_itself) for _ in range(rounds)]
    rivals = {
        "fixed 4": [_played(cloud, ("-n", "4"), _by_itself) for _ in range(rounds)],
        "HPA rule": [_played(cloud, ("-n", "1"), _by_cpu) for _ in range(rounds)],
    }
    results = []
    for name, theirs in rivals.items():
        results += [
            Result(
                "slow or failed requests",
                [o.slow_percent for o in ours],
                [o.slow_percent for o in theirs],
                name,
                "%",
            ),
            Result("worker-seconds", [o.worker_s for o in ours], [o.worker_s for o in theirs], name, ""),
            Result(
                "changes of the count",
                [float(o.changes) for o in ours],
                [float(o.changes) for o in theirs],
                name,
                "",
            ),
        ]
    saturated = [_saturated_rps(cloud) for _ in range(rounds)]
    learned = [o.learned_rps for o in ours]
    what = "learned requests/s of one worker"
    return [*results, Result(what, learned, saturated, "saturating one", "", "0.85 to 1.15")]


def _played(cloud: Cloud, options: tuple[str, ...], scale: Scaling) -> Outcome:
    """Return what the load came to for an app that `scale` scales."""
    outcome, over = Outcome(), threading.Event()
    with _app(cloud, options) as name:
        before = _counted(cloud, name)
        threads = [threading.Thread(target=scale, args=(cloud, name, over))]
        threads += [threading.Thread(target=_count, args=(cloud, outcome, over))]
        for thread in threads:
            thread.start()
        for option, rate, span_s in LOAD:
            _load(cloud, name, option, rate, span_s)
        over.set()
        for thread in threads:
            thread.join()
        told = growth_of(before, _counted(cloud, name))
        outcome.slow_percent = 100.0 * (1.0 - told.buckets[SLO_S] / told.requests)
        if "--max" in options:
            model = cloud.ok("explain", name, "-o", "json").json["model"]
            outcome.learned_rps = model["requests_per_replica_rps"] or math.nan
    return outcome


def _saturated_rps(cloud: Cloud) -> float:
    """Return the requests/s that one worker answers to clients each of which asks again once answered."""
    with _app(cloud, ("-n", "1")) as name, ThreadPoolExecutor(SATURATING_CLIENTS) as clients:
        until = time.monotonic() + SATURATING_S
        counts = clients.map(lambda _: _answers(cloud, name, until), range(SATURATING_CLIENTS))
        return sum(counts) / SATURATING_S


def _answers(cloud: Cloud, app: str, until: float) -> int:
    """Return how many answers one client got."""
    answers = 0
    while time.monotonic() < until:
        answers += cloud.get(app, BUSY).status == HTTPStatus.OK
    return answers


def _load(cloud: Cloud, app: str, option: str, rate: str, span_s: int) -> None:
    cloud.run("load", app, option, rate, "--for", f"{span_s}s", "--path", BUSY, within_s=span_s + 60)


@contextmanager
def _app(cloud: Cloud, options: tuple[str, ...]) -> Iterator[str]:
    """Lend a CPU-bound app; each request costs CPU_MS."""
    cloud.ok("run", "-p", "8000", "--cpus", str(CPUS), *options, "bench", SERVER, "8000")
    try:
        yield "bench"
    finally:
        cloud.ok("rm", "bench", "-y", "--now")


def _counted(cloud: Cloud, app: str) -> Counters:
    """Return what the proxy has counted at the app's router by its host name."""
    proxy = ProxyApi(cloud.settings.proxy_api_port)
    try:
        return parse(proxy.metrics() or "", 0.0).counters.get(f"app_{app}", Counters())
    finally:
        proxy.close()


def _by_itself(cloud: Cloud, app: str, over: threading.Event) -> None:
    """Leave the count to the cloud, or as it is."""


def _by_cpu(cloud: Cloud, app: str, over: threading.Event) -> None:
    """Scale up by the HPA's rule; its 300 s before it scales down are longer than the run."""
    while not over.wait(HPA_EVERY_S):
        used = [worker.cpu_cores for worker in cloud.workers(app) if worker.cpu_cores is not None]
        if not used:
            continue
        ratio = sum(used) / len(used) / CPUS / HPA_TARGET
        wanted = min(MOST, math.ceil(len(used) * ratio))
        if ratio > 1 + HPA_TOLERANCE and wanted > len(used):
            cloud.run("scale", f"{app}={wanted}")


def _count(cloud: Cloud, outcome: Outcome, over: threading.Event) -> None:
    """Count the workers that use the host; spares are paused."""
    filters = {"label": [f"simplecloud.cloud={cloud.name}", "simplecloud.app"], "status": "running"}
    with docker_by_hand(cloud.docker) as client:
        while not over.wait(COUNT_EVERY_S):
            outcome.counts.append(len(client.containers(filters=filters)))
