"""Kill the manager under load and show what it cost: which workers ran on, which requests failed.

Seen from outside only: what `ps` says before and after, and requests that went through the proxy.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from manager.api.errors import CloudError
from shell.client import Ask
from shell.text.document import Document, items
from shell.traffic.endpoint import Endpoint, endpoint, http_url
from shell.traffic.load import Load, Plan, Report

RATE_RPS = 100.0
_LONGEST_S = 600.0  # more than a proof takes; it stops its load itself
_ASK_AGAIN_S = 0.02
_ENDED = frozenset({"stopped", "failed", "backoff"})  # these may change, manager or not

Picture = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a killed manager cost. `away_s`: seconds without one, None when none came back.

    left_out: the apps that were sent nothing, each with why that would have proved nothing.
    """

    workers: int
    same_containers: int
    same_start_times: int
    sent: int
    failed: int
    errors: Mapping[str, int]
    away_s: float | None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost: every container runs on, no request failed, a manager is back."""
        kept = self.same_containers == self.same_start_times == self.workers
        return kept and self.failed == 0 and self.away_s is not None

    def lines(self) -> Iterator[str]:
        """Return the proof as lines for people."""
        yield f"same containers      {self.same_containers} of {self.workers}"
        yield f"same start times     {self.same_start_times} of {self.workers}"
        yield f"requests             {self.sent} sent, {self.failed} failed{self._causes()}"
        away = "still away" if self.away_s is None else f"{self.away_s:.2f} s"
        yield f"without a manager    {away}"
        for app, why in self.left_out.items():
            yield f"left out             {app}: {why}"

    def _causes(self) -> str:
        causes = ", ".join(f"{cause} {count}" for cause, count in self.errors.items())
        return f" ({causes})" if causes else ""


def crash_manager(
    ask: Ask,
    *,
    away_s: float = 0.0,
    within_s: float = 60.0,
    before_s: float = 0.5,
    after_s: float = 1.0,
) -> Proof:
    """Kill the leading manager while requests flow, wait for the next one, and return the proof.

    away_s: how long there is to be none.  Requests flow for `before_s` seconds before the kill and for
    `after_s` after the return.
    Raises CloudError when the cloud cannot be asked before the kill; after it, a manager that stays away
    for `within_s` seconds is part of the proof.
    """
    status = ask("status", {})
    well, left_out = _answering(ask, status)
    before = _picture(ask)
    loads = [_load(there, RATE_RPS / len(well), _LONGEST_S) for there in well]
    try:
        time.sleep(before_s)
        crashed_at = time.monotonic()
        kept_down = {"for": f"{away_s:g}s"} if away_s else {}
        ask("crash", {"part": "manager", "yes": True, "request": uuid4().hex, **kept_down})
        back_at = _return(ask, _pid_of(status), crashed_at + away_s + within_s)
        if back_at is not None:
            time.sleep(after_s)
        after = _picture(ask) if back_at is not None else {}
    finally:
        reports = _ended(loads)
    proof = _proof(before, after, reports, None if back_at is None else back_at - crashed_at)
    return replace(proof, left_out=left_out)


def _return(ask: Ask, old_pid: object, until: float) -> float | None:
    """Return when a manager with another pid answered (monotonic seconds), or None."""
    while time.monotonic() < until:
        try:
            if _pid_of(ask("status", {})) != old_pid:
                return time.monotonic()
        except CloudError:
            pass  # away, or there and not serving yet: that is what we wait out
        time.sleep(_ASK_AGAIN_S)
    return None


def _ended(loads: Sequence[Load]) -> list[Report]:
    for load in loads:
        load.stop()
    return [load.join() for load in loads]


def _proof(before: Picture, after: Picture, reports: Sequence[Report], away_s: float | None) -> Proof:
    errors: Counter[str] = Counter()
    for report in reports:
        errors.update(report.errors)
    return Proof(
        workers=len(before),
        same_containers=sum(container in after for container in before),
        same_start_times=sum(after.get(container) == started for container, started in before.items()),
        sent=sum(report.sent for report in reports),
        failed=sum(report.failed for report in reports),
        errors=dict(errors.most_common()),
        away_s=away_s,
    )


def _picture(ask: Ask) -> Picture:
    """Return when each running container of a worker was started."""
    workers = items(ask("ps", {"all": True}).get("items"))
    running = (item for item in workers if item.get("container") and item.get("state") not in _ENDED)
    return {str(item["container"]): str(item.get("started_at")) for item in running}


def _answering(ask: Ask, status: Document) -> tuple[list[Endpoint], Mapping[str, str]]:
    """Return where apps answer a request well, and why each of the others is left out."""
    apps = [app for app in items(ask("apps", {}).get("items")) if app.get("ready")]
    asked = {str(app["name"]): endpoint(app, status) for app in apps if http_url(app)}
    left_out = {str(app["name"]): "not for http" for app in apps if not http_url(app)}
    tried = {name: _load(there, RATE_RPS, 1 / RATE_RPS) for name, there in asked.items()}
    ill = {name: "answered with an error before" for name, load in tried.items() if not load.join().ok}
    return [there for name, there in asked.items() if name not in ill], {**left_out, **ill}


def _load(there: Endpoint, rate_rps: float, duration_s: float) -> Load:
    return Load(Plan(there, "/", rate_rps, rate_rps, duration_s))


def _pid_of(status: Document) -> object:
    match status:
        case {"manager": {"pid": int(pid)}}:
            return pid
        case _:
            return None
