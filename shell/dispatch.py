"""Where a command is carried out, as the table says: by the manager, in this shell, or on this host."""

from __future__ import annotations

from collections.abc import Sequence

from manager.api.command import Command
from manager.api.commands import known
from manager.api.typed import Params
from shell.language import grammar
from shell.session import Session


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


def _on_host(session: Session, row: Command, params: Params) -> None:
    from shell import host

    if params.get("purge") is True:
        session.confirm(row, params, f'delete the state of the cloud "{session.places.cloud}"?')
        params = {**params, "yes": True}
    if row.verb == "down":
        session.autostart = False  # who took it down does not want it back by a side effect
    if row.lists:
        from shell import printing

        listing = host.ask(row, params, session.places.cloud, interactive=session.interactive)
        printing.result(session, listing, row, params)
        return
    host.run(row, params, session.places.cloud, out=session.out, interactive=session.interactive)
