"""What a worker's answer means, and when to ask again.

Two paces. A worker that does not answer is asked again after 20 ms, then ever more slowly up to 250 ms,
and has 1 s for its answer. One that answers is asked every 400 ms and has 250 ms, or four times what it
took lately (at most 1 s: a slow worker is not a dead one); only a second failure, asked for at once, makes
it unready. So a worker that froze is known after 0.9 s at the latest, and one lost packet changes nothing.

A question costs the same whether or not anybody needs the answer. Where more than 20 workers are asked at
this pace, each is asked less often, so that there are 50 questions a second in all, up to 1.6 s (2.1 s for
one that froze). And one that is sent no requests is asked after a fifth of the time for which that has been
so, up to 10 s: then one that froze is known after 12 s. The first request to its app brings back the usual
pace.
"""

from __future__ import annotations

import errno
import math
import os
import re
from dataclasses import dataclass, replace
from typing import Literal

from balancer.routes import HEALTH_AGENT
from manager.observe.listeners import Listeners

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
PAUSE_GROWTH = 1.3
PERIOD_S = 0.4
LONGEST_PERIOD_S = 1.6
QUESTIONS_PER_S = 50.0
UNUSED_SHARE = 0.2
LONGEST_UNUSED_S = 10.0
TOGETHER_SHARE = 0.125  # of a pause: so far it may be made longer, for one waking up to do for many
PATIENCE_S = 1.0
LEAST_LIMIT_S = 0.25
SLACK = 4.0
STATUS_BYTES = 1024

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)[ \r\n]")
_AWAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, and what makes it ready.

    http: any status below 500 to its path.  path: 2xx or 3xx to it.  tcp: a connection.
    A starting one that never answered is called unready at its first failure.
    pid: a process of its network namespace, where one that refuses may be seen to listen elsewhere.
    """

    address: str
    port: int
    kind: Literal["http", "path", "tcp"]
    path: str = "/"
    starting: bool = False
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the worker is ready, and the sentence that says why; `at` is the clock's, when it was known.

    other_port: where its program listens instead, if on one port.
    """

    ok: bool
    text: str
    at: float
    took_s: float
    other_port: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of a target between probes; due_at is when the next one begins."""

    due_at: float
    verdict: Verdict | None = None
    failures: int = 0
    pause_s: float = FIRST_PAUSE_S
    slowest_s: float = 0.0

    @property
    def ok(self) -> bool:
        return self.verdict is not None and self.verdict.ok

    @property
    def limit_s(self) -> float:
        """Return how long the next probe may take."""
        return min(PATIENCE_S, max(LEAST_LIMIT_S, SLACK * self.slowest_s)) if self.ok else PATIENCE_S


def judge(target: Target, received: bytes, *, ended: bool) -> tuple[bool, str] | None:
    """Return what an answer means, or None while too little of it is here."""
    question = asked(target)
    if match := _STATUS.match(received):
        status = int(match[1])
        ok = 200 <= status < 400 if target.kind == "path" else status < 500
        return ok, f"{question} {status}"
    if not received and ended:
        return False, f"{question} closed without an answer"
    if ended or len(received) >= STATUS_BYTES or b"\n" in received:
        return False, f"{question} answered something that is not HTTP"
    return None


def explain(target: Target, code: int, heard: Listeners | None = None) -> str:
    """Return in words what a connection's error number means; `heard`: where its program listens, if seen."""
    if code == errno.ECONNREFUSED:
        return f"{asked(target)} refused {_refusal(target, heard)}"
    if code in _AWAY:
        return f"{asked(target)} found no way to {target.address}"
    if code in {errno.ECONNRESET, errno.EPIPE}:
        return f"{asked(target)} closed without an answer"
    return f"{asked(target)} failed: {os.strerror(code).lower()}"


def _refusal(target: Target, heard: Listeners | None) -> str:
    """Return why nobody answers on the port, as far as that was seen."""
    if heard is None:
        return f"on port {target.port}"
    if target.port not in heard:
        others = f", but on {', '.join(map(str, sorted(heard)))}" if heard else ""
        return f"(nothing listens on port {target.port}{others})"
    bound = heard[target.port]
    if any(address.is_unspecified or str(address) == target.address for address in bound):
        return f"on port {target.port}"  # it has begun to listen since
    only = ", ".join(sorted(map(str, bound)))
    return f"(it listens on {only} only: have it listen on 0.0.0.0)"


def other_port(target: Target, heard: Listeners | None) -> int | None:
    """Return the one port on which a program listens instead of its target's, None where there is no such."""
    return next(iter(heard)) if heard is not None and len(heard) == 1 and target.port not in heard else None


def period_of(watched: int) -> float:
    """Return the seconds from one question to the next for each of so many workers that answer."""
    return min(LONGEST_PERIOD_S, max(PERIOD_S, watched / QUESTIONS_PER_S))


def pause_of(period_s: float, unused_s: float) -> float:
    """Return the seconds to the next question for a worker that was sent no request for so long."""
    return max(period_s, min(LONGEST_UNUSED_S, UNUSED_SHARE * unused_s))


def hurried(standing: Standing, period_s: float) -> Standing:
    """Return the standing of a worker that is sent requests, however long it was not."""
    if not standing.ok or standing.verdict is None:
        return standing
    return replace(standing, due_at=min(standing.due_at, standing.verdict.at + period_s))


def settle(standing: Standing, target: Target, verdict: Verdict, spread: float, period_s: float) -> Standing:
    """Return the standing after a probe ended with `verdict`.

    spread: 0 to 1, by which the first pause of a worker that just got ready is shortened, so that workers
    that started together are not asked together for ever.
    """
    if verdict.ok:
        pause_s = period_s if standing.ok else period_s * (1 - spread)
        slowest_s = max(verdict.took_s, 0.9 * standing.slowest_s)
        due_at = verdict.at - min(verdict.took_s, pause_s) + pause_s
        return Standing(_together(due_at, TOGETHER_SHARE * period_s), verdict, slowest_s=slowest_s)
    failures = standing.failures + 1
    if failures < 2 and (standing.ok or (standing.verdict is None and not target.starting)):
        return replace(standing, failures=failures, due_at=verdict.at)
    pause_s = standing.pause_s
    longer_s = min(LONGEST_PAUSE_S, PAUSE_GROWTH * pause_s)
    return Standing(verdict.at + pause_s, verdict, failures, longer_s, standing.slowest_s)


def _together(due_at: float, apart_s: float) -> float:
    """Return the next moment at which all that are due about then are asked: one waking up for many."""
    return math.ceil(due_at / apart_s) * apart_s


def request(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.address}:{target.port}",
        f"User-Agent: {HEALTH_AGENT}",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def asked(target: Target) -> str:
    """Return the question in words."""
    return "connect" if target.kind == "tcp" else f"GET {target.path}"


def span(seconds: float) -> str:
    """Return a duration in words."""
    return f"{seconds:g} s" if seconds >= 1 else f"{max(1, round(seconds * 1000))} ms"
