"""Where a command is carried out, as the table says: by the manager, in this shell, or on this host."""

from __future__ import annotations

from collections.abc import Sequence

from manager.api.command import Command
from manager.api.commands import known
from manager.api.errors import CloudError
from manager.api.typed import Params
from shell.language import grammar
from shell.outcome import Told
from shell.session import Session

_COUNT_S = 2.0  # a question waits no longer for a number


def perform(session: Session, given: Sequence[str]) -> None:
    """Carry out one command; raises CloudError, or Told when it failed and said why itself.

    A command begins with the modules of its own kind loaded, and no others.
    """
    row = grammar.row_of(given)
    if grammar.asks_for_help(row, given[1:]):
        row, given = known("help"), ["help", row.verb]
    params = grammar.params_of(row, given[1:])
    match row.where:
        case "manager":
            from shell import remote

            remote.perform(session, row, params)
        case "shell":
            from shell import local

            local.perform(session, row, params)
        case "host":
            _on_host(session, row, params)


def _purge_question(session: Session) -> str:
    """Return what is asked before all is deleted, with how much that is where the manager tells."""
    from manager.api.documents import counted  # as below
    from shell.text.document import items

    told = f'delete the state of the cloud "{session.places.cloud}"'
    try:
        found = session.client.call("apps", {}, patience_s=0.0, answer_within_s=_COUNT_S)
    except CloudError:
        return f"{told}?"
    apps = items(found.get("items"))
    return f"{told}, and {counted(len(apps), 'app')} with it?" if apps else f"{told}?"


def _on_host(session: Session, row: Command, params: Params) -> None:
    from shell import host

    acts = params.get("dry_run") is not True
    if acts and params.get("purge") is True:
        session.confirm(row, params, lambda: _purge_question(session))
        params = {**params, "yes": True}
    if acts and row.verb == "down":
        session.autostart = False  # who took it down does not want it back by a side effect
    if row.lists:
        _list(session, row, params)
    else:
        host.run(row, params, session.places.cloud, out=session.out, interactive=session.interactive)


def _list(session: Session, row: Command, params: Params) -> None:
    """Print what a host command finds, and what it had found where it dies half-way; raises Told then."""
    from manager.api.documents import document
    from shell import host, printing

    found, died = [], None
    try:
        for item in host.ask(row, params, session.places.cloud, interactive=session.interactive):
            session.progress.tick(f"{item.get('name')}: {item.get('fact')}")
            found.append(item)
    except Told as told:
        if not found:
            raise
        died = told
    printing.result(session, document(row.lists, {"items": found}), row, params)
    if died is not None:
        raise died
