"""`load`: load on an app through the proxy, in the foreground or beside other commands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from manager.api.arguments import Arguments, bind
from manager.api.command import Command
from manager.api.commands import known
from manager.api.errors import Conflict, UsageError
from manager.api.typed import Params
from shell import printing
from shell.language.parsing import typed_again
from shell.outcome import Interrupted
from shell.text.document import number
from shell.traffic.endpoint import app_item, endpoint
from shell.traffic.load import Load, Plan, Report

if TYPE_CHECKING:
    from shell.session import Session

_RPS, _DURATION_S = 50.0, 10.0
_TELL_S = 0.2


def load(session: Session, row: Command, params: Params) -> None:
    """Send load to an app and print what became of it; with --detach return at once."""
    arguments = bind(row, params)
    app = arguments.text("app") or ""
    if arguments.flag("detach") and session.one_shot:
        told = "load: with --detach it goes on beside other commands, and would end here with this one"
        hint = typed_again(row, {key: given for key, given in params.items() if key != "detach"})
        raise UsageError(told, hint=hint)
    running = session.loads.get(app)
    if running is not None and not running.done:
        raise Conflict(f"{app} is under load already", hint=f"wait load {app} done", word=app)
    session.need_cloud()
    started = Load(_plan(session, app, arguments))
    session.loads[app] = started
    if arguments.flag("detach"):
        session.note(f"load of {app} runs in the background: wait load {app} done")
        return
    _follow(session, started, params)


def print_report(session: Session, report: Report, params: Params) -> None:
    """Print what became of a load."""
    printing.result(session, report.document(), known("load"), params)


def _plan(session: Session, app: str, arguments: Arguments) -> Plan:
    rps, ramp = arguments.number("rps"), arguments.pair("ramp")
    first, last = ramp or (rps or _RPS, rps or _RPS)
    item = app_item(session.client.call, app)
    there = endpoint(item, session.client.call("status", {}))
    if not number(item.get("ready")):
        why = item.get("note")
        session.note(f"no worker of {app} is ready" + (f": {why}" if why else ""))
    return Plan(there, arguments.text("path") or "/", first, last, arguments.number("for") or _DURATION_S)


def _follow(session: Session, started: Load, params: Params) -> None:
    """Print the report of a load at its end; of one that ^C cut short, what was sent until then."""
    told = f"load {params.get('app')}: {{}} of {started.plan.requests} requests sent, {{}} failed"
    try:
        while not started.ends_by(time.monotonic() + _TELL_S):
            session.progress.tick(told.format(started.tally.sent, started.tally.failed))
        report = started.join()
    except KeyboardInterrupt:
        session.progress.end_line()
        started.stop()
        print_report(session, started.join(), params)
        raise Interrupted("interrupted") from None
    print_report(session, report, params)
