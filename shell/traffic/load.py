"""Open-loop load: requests leave when their time has come, whether or not earlier ones were answered.

A closed loop (ask, wait, ask) slows down with the server and hides how long its clients would have
waited. Bounded all the same: with IN_FLIGHT requests open, an arrival counts as failed, "overload".
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

from manager.api.documents import document
from shell.text.document import Document
from shell.traffic.endpoint import Endpoint
from shell.traffic.exchange import Answer, BadAnswer, Connections

IN_FLIGHT = 512
TIMEOUT_S = 10.0
_LOOK_S = 0.05  # how often a sleeping generator looks whether it was stopped


@dataclass(frozen=True, slots=True)
class Plan:
    """Load on an app, from `start_rps` to `end_rps` requests/s, rising evenly over `duration_s` seconds."""

    there: Endpoint
    path: str
    start_rps: float
    end_rps: float
    duration_s: float

    @property
    def requests(self) -> int:
        """How many there are until the end."""
        return round((self.start_rps + self.end_rps) / 2 * self.duration_s)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a load; sent = ok + failed.

    ok: answers 2xx and 3xx.  p50_s, p95_s, p99_s: seconds from the sending of a request to the end of its
    answer, of the ok ones (None without any).  rate_rps: sent per second.  per_worker: ok answers by their
    X-Worker header.  errors: failures by cause, such as "status 503" or "timeout".
    """

    sent: int
    ok: int
    failed: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    rate_rps: float
    per_worker: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)

    def fields(self) -> Mapping[str, float | int]:
        """Return the numbers by name; percentiles are there when something was answered."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int | float)}

    def document(self) -> Document:
        """Return the report as a JSON object of the published language."""
        return document("LoadReport", asdict(self))


def arrivals(plan: Plan) -> Iterator[float]:
    """Return when each request is due, in seconds from the start.

    Request k is due when the area under the rate, start * t + (end - start) * t^2 / (2 * duration), is k.
    """
    slope = (plan.end_rps - plan.start_rps) / plan.duration_s
    for number in range(plan.requests):
        root = math.sqrt(max(0.0, plan.start_rps**2 + 2 * slope * number))
        yield 2 * number / (plan.start_rps + root)


@dataclass(slots=True)
class Tally:
    """What has been counted so far; written by the generator's loop only."""

    sent: int = 0
    ok: int = 0
    latencies_s: array[float] = field(default_factory=lambda: array("d"))
    workers: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def answered(self, answer: Answer, latency_s: float) -> None:
        if not 200 <= answer.status < 400:
            self.errors[f"status {answer.status}"] += 1
            return
        self.ok += 1
        self.latencies_s.append(latency_s)
        if worker := answer.headers.get("x-worker"):
            self.workers[worker] += 1

    @property
    def failed(self) -> int:
        return self.errors.total()

    def report(self, elapsed_s: float) -> Report:
        ordered = sorted(self.latencies_s)
        return Report(
            sent=self.sent,
            ok=self.ok,
            failed=self.sent - self.ok,
            p50_s=percentile(ordered, 0.50),
            p95_s=percentile(ordered, 0.95),
            p99_s=percentile(ordered, 0.99),
            rate_rps=self.sent / elapsed_s if elapsed_s > 0 else 0.0,
            per_worker=dict(sorted(self.workers.items())),
            errors=dict(self.errors.most_common()),
        )


def percentile(ordered: list[float], share: float) -> float | None:
    """Return the smallest value that `share` of the ordered ones do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def run(plan: Plan, stop: threading.Event, tally: Tally) -> Report:
    """Return the report of a load that ran to its end, or until `stop` was set; `tally` grows meanwhile."""
    return asyncio.run(_generate(plan, stop, tally))


async def _generate(plan: Plan, stop: threading.Event, tally: Tally) -> Report:
    connections = Connections.to(plan.there, plan.path)
    open_requests: set[asyncio.Task[None]] = set()
    started = time.monotonic()
    for due_s in arrivals(plan):
        if not await _reached(started + due_s, stop):
            break
        tally.sent += 1
        if len(open_requests) >= IN_FLIGHT:
            tally.errors["overload"] += 1
            continue
        request = asyncio.create_task(_request(connections, tally))
        open_requests.add(request)
        request.add_done_callback(open_requests.discard)
    else:
        await _reached(started + plan.duration_s, stop)
    elapsed_s = time.monotonic() - started
    if open_requests:
        await asyncio.wait(open_requests)
    connections.close()
    return tally.report(elapsed_s)


async def _reached(moment: float, stop: threading.Event) -> bool:
    """Wait for a moment of the monotonic clock; False when it was stopped before."""
    while (left_s := moment - time.monotonic()) > 0 and not stop.is_set():
        await asyncio.sleep(min(left_s, _LOOK_S))
    return not stop.is_set()


async def _request(connections: Connections, tally: Tally) -> None:
    sent_at = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await connections.get()
    except (OSError, BadAnswer) as error:
        tally.errors[_cause(error)] += 1
    else:
        tally.answered(answer, time.monotonic() - sent_at)


def _cause(error: OSError | BadAnswer) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case BadAnswer():
            return str(error)
        case _:
            return "unreachable"


class Load:
    """A load that runs in a thread of its own from the moment it is made; its owner joins it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self._stop = threading.Event()
        self._over = threading.Event()
        self._report: Report | None = None
        self._thread = threading.Thread(target=self._run, name=f"load {plan.there.host_header}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._report = run(self.plan, self._stop, self.tally)
        finally:
            self._over.set()

    @property
    def done(self) -> bool:
        """Whether the report is there."""
        return self._over.is_set()

    def ends_by(self, until: float) -> bool:
        """Wait for the report, until a moment of the monotonic clock; tell whether it is there."""
        return self._over.wait(None if until == math.inf else max(0.0, until - time.monotonic()))

    def stop(self) -> None:
        """Send nothing more; what is open is still waited for, at most 10 s."""
        self._stop.set()

    def join(self) -> Report:
        """Return the report, once all that was sent is answered or given up."""
        self._over.wait()  # not Thread.join: a ^C in that makes Python 3.11 take the thread for ended
        self._thread.join()
        if self._report is None:
            raise RuntimeError(f"the load of {self.plan.there.host_header} ended without a report")
        return self._report
