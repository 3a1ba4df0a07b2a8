"""What requests and the proxy notice of changes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles

from manager.observe.proxy import ProxyApi
from manager.state.records import PROXY
from tests.bench.table import Result
from tests.bench.work import APP, remove, run
from tests.real.cloud import Cloud
from tests.real.traffic import Traffic

SCALINGS = 20
_SERVER = re.compile(rf"/services/app_{APP}/weighted/services/\d+/name$")


def scaling(cloud: Cloud, rounds: int) -> list[Result]:
    """Scaling 4 -> 1 -> 4 under 100 requests/s, again and again: what failed, when the proxy knew."""
    run(cloud, 4)
    with Traffic(cloud, APP) as traffic, _lags(cloud) as lags:
        for _ in range(SCALINGS):
            cloud.ok("scale", f"{APP}=1")
            cloud.ok("scale", f"{APP}=4")
    remove(cloud, "--now")
    failed, of = traffic.failures.total(), traffic.sent
    hundredths = quantiles(lags.seconds, n=100, method="inclusive")
    changes = f"of {len(lags.seconds)} changes to live in the proxy"
    return [
        Result(f"failed of {of} requests over {SCALINGS} scalings 4 -> 1 -> 4", [failed], unit="", aim="0"),
        Result(f"p50 {changes}", [hundredths[49]], unit="ms", aim="<= 150 ms"),
        Result(f"p99 {changes}", [hundredths[98]], unit="ms", aim="<= 400 ms"),
    ]


@dataclass(slots=True)
class Lags:
    """How long after a change in the store the proxy had it; `asked` is what it has not yet."""

    seconds: list[float] = field(default_factory=list)
    asked: frozenset[str] = frozenset()
    since: float | None = None

    def saw(self, asked: frozenset[str], live: frozenset[str], now: float) -> None:
        if asked != self.asked:
            self.asked, self.since = asked, now
        if self.since is not None and live == self.asked:
            self.seconds.append(now - self.since)
            self.since = None


@contextmanager
def _lags(cloud: Cloud) -> Iterator[Lags]:
    """Lend what a thread sees that compares the routes in the store with the proxy's, over and over."""
    lags, over = Lags(), threading.Event()
    watching = threading.Thread(target=_compare, args=(cloud, lags, over))
    watching.start()
    try:
        yield lags
    finally:
        over.set()
        watching.join()


def _compare(cloud: Cloud, lags: Lags, over: threading.Event) -> None:
    proxy = ProxyApi(cloud.settings.proxy_api_port)
    with cloud.store() as store:
        while not over.wait(0.005):
            entries = store.read(PROXY).entries
            asked = frozenset(entry.value for key, entry in entries.items() if _SERVER.search(key))
            read_at = time.monotonic()
            lags.saw(asked, (proxy.live() or {}).get(APP, frozenset()), read_at)
    proxy.close()
