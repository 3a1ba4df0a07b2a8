"""`wait` polls until something is true, `expect` fails unless it is."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from manager.api.arguments import bind
from manager.api.command import Command
from manager.api.errors import (
    ExpectationFailed,
    ManagerUnreachable,
    StoreUnavailable,
    WaitTimedOut,
)
from manager.api.typed import Params
from shell.client import ANSWER_S
from shell.language import conditions
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
from shell.language.quoting import join
from shell.sights import Sight, look, patience_s
from shell.text.document import Document
from shell.traffic import loading

if TYPE_CHECKING:
    from shell.session import Session

WAIT_S = 60.0
_POLL_S = 0.1
_SILENCE_S = 5.0  # a manager that is frozen may be followed by one that is not


def wait(session: Session, row: Command, params: Params) -> None:
    """Return once the condition holds; raises WaitTimedOut after --timeout, or at once where it never can."""
    arguments = bind(row, params)
    condition = conditions.parse(row, arguments)
    _need_cloud(session, condition)
    given_s = arguments.number("timeout")
    limit_s = WAIT_S if given_s is None else given_s
    sight = _poll(session, condition, limit_s)
    if not sight.holds:
        waited = f"waited {limit_s:g} s for {conditions.sentence(condition)}, saw {sight.seen}"
        raise WaitTimedOut(sight.hopeless or waited, hint=_next(row, condition, sight))
    if isinstance(condition, LoadDone):
        loading.print_report(session, session.loads[condition.app].join(), {})


def expect(session: Session, row: Command, params: Params) -> None:
    """Return when the condition holds, now or within --timeout; raises ExpectationFailed else."""
    arguments = bind(row, params)
    condition = conditions.parse(row, arguments)
    _need_cloud(session, condition)
    if limit_s := arguments.number("timeout"):
        sight = _poll(session, condition, limit_s)
    else:
        sight = look(session, condition, partial(session.client.call, answer_within_s=ANSWER_S))
    if not sight.holds:
        asked = conditions.sentence(condition)
        raise ExpectationFailed(f"expected {asked}, saw {sight.seen}", hint=_next(row, condition, sight))


def _need_cloud(session: Session, condition: Condition) -> None:
    if not isinstance(condition, ManagerIs | Fails):
        session.need_cloud()


def _poll(session: Session, condition: Condition, limit_s: float) -> Sight:
    """Look until the condition holds, cannot hold, or the time is over; return the last sight."""
    give_up_at = time.monotonic() + limit_s
    sight = None
    while True:
        sight = _patient_look(session, condition, give_up_at, sight)
        left_s = give_up_at - time.monotonic()
        if sight.holds or sight.hopeless or left_s <= 0:
            return sight
        session.progress.tick(f"waiting for {conditions.sentence(condition)}: {sight.seen}")
        time.sleep(min(_POLL_S, left_s))


def _patient_look(session: Session, condition: Condition, until: float, before: Sight | None) -> Sight:
    """Look once; a manager or a store that is away, or silent, is a sight too, unless the cloud is down.

    A silence that is the end of the time says nothing, and the sight before stands.
    """

    def ask(method: str, params: Document) -> Document:
        limit_s = patience_s(until, _SILENCE_S)
        return session.client.call(method, params, patience_s=0.0, answer_within_s=limit_s)

    try:
        return look(session, condition, ask, until)
    except (ManagerUnreachable, StoreUnavailable) as error:
        if session.client.is_down():
            raise
        if before is not None and time.monotonic() >= until:
            return before
        return Sight(False, error.message)


def _next(row: Command, condition: Condition, sight: Sight) -> str:
    if sight.instead:
        return f"{row.verb} {sight.instead}"
    return sight.cure or _follow(condition)


def _follow(condition: Condition) -> str:
    """Return the command that shows more of what was looked at."""
    match condition:
        case Ready(target) | Gone(target) | FieldIs(target):
            return f"ps {target.partition('.')[0]}"
        case ManagerIs():
            return "status"
        case Answers(app):
            return f"routes {app}"
        case LoadDone(app) | LoadIs(app):
            return f"ps {app}"
        case Fails(_, command):
            return join(command)
