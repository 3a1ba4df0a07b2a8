"""One look at the cloud, for `wait` and `expect`: does a condition hold, and what was seen."""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from manager.api.cite import cited
from manager.api.documents import unix_seconds
from manager.api.errors import (
    AppNotFound,
    CloudError,
    ManagerUnreachable,
    StoreUnavailable,
    UsageError,
    WorkerNotFound,
)
from manager.api.suggest import did_you_mean
from manager.api.values import split_target
from shell.client import Ask
from shell.language.comparison import Comparison, holds, shown
from shell.language.conditions import (
    Answers,
    Condition,
    Fails,
    FieldIs,
    Gone,
    LoadDone,
    LoadIs,
    ManagerIs,
    Ready,
)
from shell.language.quoting import quote
from shell.outcome import Told
from shell.text.document import Document, items
from shell.traffic.endpoint import Endpoint, app_item, endpoint_of

if TYPE_CHECKING:
    from shell.session import Session
    from shell.traffic.load import Load, Tally

_LOOK_WITHIN_S = 2.0
_REQUEST_WITHIN_S, _LEAST_S = 10.0, 0.1
_RUNS = "it is still running"


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a condition holds, and what was seen.

    hopeless: why waiting would not help.  instead: the condition that may be meant.
    cure: the command that makes it hold.
    """

    holds: bool
    seen: str
    hopeless: str = ""
    instead: str = ""
    cure: str = ""


def look(session: Session, condition: Condition, ask: Ask, until: float = math.inf) -> Sight:
    """Return what one look sees that asks the manager by `ask`.

    until: when to give up asking, and waiting for the end of a load (monotonic seconds).
    Raises the CloudError of a look that cannot be taken, AppNotFound among them.
    """
    match condition:
        case Ready(target):
            return _ready(ask, target)
        case Gone(target):
            return _gone(ask, target)
        case FieldIs(target, said):
            item = _item(ask, target)
            return _compared(said, _observed(item, said.field))
        case ManagerIs(up):
            return _manager(session, up, until)
        case LoadDone(app):
            return Sight(_load(session, app, ask).done, _RUNS)
        case LoadIs(app, said):
            return _load_is(_load(session, app, ask), app, said, until)
        case Answers():
            return _answers(endpoint_of(ask, condition.app), condition, until)
        case Fails(text, command):
            return _fails(session, text, list(command))


def patience_s(until: float, most_s: float) -> float:
    """Return how long to wait for an answer by `until`: always long enough for one who is well and idle."""
    return min(max(until - time.monotonic(), _LEAST_S), most_s)


def _item(ask: Ask, target: str) -> Document:
    app, slot = split_target(target)
    if slot is None:
        return app_item(ask, app)
    for item in items(ask("ps", {"app": [app], "all": True}).get("items")):
        if item.get("slot") == slot:
            return item
    raise WorkerNotFound(f"{app} has no worker {slot}", hint=f"ps {app} -a", word=target)


def _ready(ask: Ask, target: str) -> Sight:
    item = _item(ask, target)
    if "." in target:
        state = item.get("state")
        cure = f"start {target}" if state == "stopped" else ""
        return Sight(state == "ready", f"{state} {item.get('reason', '')}".rstrip(), cure=cure)
    ready, want = item.get("ready"), item.get("want")
    if want == 0:
        return Sight(False, "it is stopped: it wants no worker", cure=f"start {target}")
    as_asked = ready == want == item.get("updated", ready)
    note = f" ({item['note']})" if item.get("note") else ""
    instead = f"{target} done == {want}" if item.get("done") else ""  # those are started no more
    return Sight(as_asked, f"{ready} of {want} workers ready{note}", instead=instead)


def _gone(ask: Ask, target: str) -> Sight:
    try:
        _item(ask, target)
    except (AppNotFound, WorkerNotFound):
        return Sight(True, "it is gone")
    return Sight(False, "it is there")


def _observed(item: Document, field: str) -> object:
    if field != "age_s":
        return item.get(field)
    began = item.get("created_at") or item.get("started_at")
    return time.time() - unix_seconds(str(began)) if began else None


def _compared(said: Comparison, observed: object) -> Sight:
    return Sight(holds(said, observed), shown(observed))


def _manager(session: Session, up: bool, until: float) -> Sight:
    """See whether a manager answers: one that is silent is down, unless there was too little time to tell."""
    asked_at, within_s = time.monotonic(), patience_s(until, _LOOK_WITHIN_S)
    try:
        session.client.call("status", {}, patience_s=0, answer_within_s=within_s)
    except ManagerUnreachable:
        if within_s < _LOOK_WITHIN_S and time.monotonic() - asked_at >= within_s:
            return Sight(False, f"the manager was silent for {within_s:.1f} s")
        return Sight(not up, "the manager is down")
    return Sight(up, "the manager is up")


def _load(session: Session, app: str, ask: Ask) -> Load:
    load = session.loads.get(app)
    if load is None:
        with suppress(ManagerUnreachable, StoreUnavailable):
            app_item(ask, app)
        raise CloudError(
            f"this shell has sent no load to {app}", hint=f"load {app} --rps 50 --for 10s", word=app
        )
    return load


def _load_is(load: Load, app: str, said: Comparison, until: float) -> Sight:
    """Compare a number of the app's last load, once that has ended; it stays the same from then on.

    Who looks once waits for its end; who looks again, until a time, sees meanwhile that it runs, or that a
    count is as high as was asked.
    """
    if not load.ends_by(until if until == math.inf else time.monotonic()):
        return _grown(load.tally, said)
    numbers = load.join().fields()
    field = said.field if said.field in numbers or f"{said.field}_s" not in numbers else f"{said.field}_s"
    if field not in numbers:
        guess = did_you_mean(field, numbers)
        known = ", ".join(numbers)
        hint = f"expect load {app} {guess or 'failed'} {said.operator} {quote(said.value)}"
        raise UsageError(
            f"a load has no {cited(said.field)}: it has {known}", hint=hint, word=said.field, at=2
        )
    sight = _compared(replace(said, field=field), numbers[field])
    if sight.holds:
        return sight
    return replace(sight, hopeless=f"the load of {app} is over: {said.field} is {sight.seen}")


def _grown(tally: Tally, said: Comparison) -> Sight:
    """Compare a count of a load that runs: it only grows, so what it has passed stays true."""
    counts = {"sent": tally.sent, "ok": tally.ok, "failed": tally.failed}
    if said.field not in counts or said.operator not in (">", ">="):
        return Sight(False, _RUNS)
    sight = _compared(said, counts[said.field])
    return replace(sight, seen=f"{sight.seen}, and {_RUNS}")


def _answers(endpoint: Endpoint, said: Answers, until: float) -> Sight:
    problems: Counter[str] = Counter()
    for asked in range(said.count):
        in_time = time.monotonic() < until or not asked
        problem = (
            _ask(endpoint, said, patience_s(until, _REQUEST_WITHIN_S)) if in_time else "not asked in time"
        )
        if problem:
            problems[problem] += 1
    failed = problems.total()
    causes = ", ".join(f"{count} {problem}" for problem, count in problems.most_common(5))
    told = f"{said.count - failed} of {said.count} requests ok" + (f": {causes}" if causes else "")
    return Sight(failed <= said.failed, told)


def _ask(endpoint: Endpoint, said: Answers, within_s: float) -> str:
    """Return what is wrong with the answer to one request, "" when nothing is."""
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(endpoint.host, endpoint.port, timeout=within_s)
    try:
        connection.request(
            "GET", endpoint.path_of(said.path), headers={"Host": endpoint.host_header, "Connection": "close"}
        )
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    if not 200 <= answer.status < 400:
        return f"status {answer.status}"
    return "" if said.contains in body else f"without {cited(said.contains)}"


def _fails(session: Session, text: str, command: list[str]) -> Sight:
    try:
        with session.captured():
            session.perform(command)
    except CloudError as error:
        found = any(text in part for part in (error.message, error.kind, error.hint))
        seen = f"{error.kind}: {error.message}"
        off = isinstance(error, UsageError) and not found  # the words stay as they are
        return Sight(found, seen, f"no error with {cited(text)}, but {seen}" if off else "")
    except Told as told:
        return Sight(False, f"exit code {told.code}")
    return Sight(False, "it succeeded")
