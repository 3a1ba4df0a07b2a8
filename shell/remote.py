"""Commands that the manager carries out: sent over the socket, their items and results printed."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import TYPE_CHECKING

from manager.api.arguments import bind
from manager.api.command import Command
from manager.api.commands import known
from manager.api.errors import AppExists, CloudError, ImageNotFound, ProgramRejected, UsageError
from manager.api.rows.options import DRY_RUN, WAITING
from manager.api.typed import Params
from shell import variables
from shell.client import ANSWER_S, OnItem
from shell.language.parsing import parse, texts, typed_again
from shell.language.quoting import quote
from shell.stream import Unrepeated
from shell.terminal import width_of
from shell.text.document import Document

if TYPE_CHECKING:
    from shell.files import Handed
    from shell.session import Session

_STATS_S = 1.0


def perform(session: Session, row: Command, params: Params) -> None:
    """Have the manager carry a command out and print what it answers; raises CloudError."""
    _refuse_sorted_stream(row, params)
    acts = params.get("dry_run") is not True
    if row.option("--yes") is not None and acts:
        _confirm(session, row, params)
    if row.verb == "crash" and params.get("prove") is True and acts:
        _prove(session, row, params)
    elif "svg" in params:
        from shell.live.drawing import draw_decision

        draw_decision(session, params)
    elif row.verb == "stats" and _streams(session, params):
        from shell.live.watch import repeat

        repeat(session, row.verb, lambda: _ask(session, row, params), _STATS_S)
    else:
        _ask(session, row, params)


def _refuse_sorted_stream(row: Command, params: Params) -> None:
    match params:
        case {"follow": True, "sort": str(column)}:
            raise UsageError(
                f"{row.verb}: what is followed comes as it happens and cannot be sorted",
                hint=f"{row.verb} --sort {quote(column)}",
            )


def _ask(session: Session, row: Command, params: Params) -> None:
    """Send the command with the files that it names, and print what comes back."""
    # what is told of the command is as it was typed: no value of the environment or of a file is shown
    sent = params if row.option("--env-file") is None else variables.given(row, params)
    session.need_cloud()
    stream = Unrepeated()
    take = _printer(session, row, params, stream)
    with _handed(session, row, params) as handed:
        request = _request(row, sent, handed)
        document = session.client.call(
            row.verb,
            request,
            [file.descriptor for file in handed],
            take,
            answer_within_s=ANSWER_S if row.at_once else None,
            on_resend=lambda: _go_on(row, request, stream),
        )
    from shell import printing

    printing.result(session, document, row, params)


@contextmanager
def _handed(session: Session, row: Command, params: Params) -> Iterator[Sequence[Handed]]:
    """Give the open files that a command hands over; most commands have none to hand over."""
    if row.option("--copy") is None and row.verb not in ("backup", "restore"):
        yield ()
        return
    from shell import files

    for word in _late_options(row, params):
        session.note(f"{word} goes to COMMAND: options of {row.verb} come before it")
    try:
        with files.opened(params) as handed:
            _note_left(session, row, params)
            yield handed
    except ProgramRejected as error:
        match params.get("command"):
            case [str(word), *rest] if files.beside(word):
                error.message += f", and here {word} is a file"
                error.hint = typed_again(row, {**params, "command": [f"./{word}", *rest]})
        raise
    except AppExists as error:
        from shell import left

        whole = left.with_copies(params, left.left_here(params, is_new=True))
        instead = typed_again(known("update"), {**whole, "app": params["name"]})
        error.hint = error.hint.replace("help update", instead)
        raise


def _note_left(session: Session, row: Command, params: Params) -> None:
    from shell import left

    if words := left.left_here(params, is_new=row.verb == "run"):
        copied = left.can_be_copied(words)
        mended = typed_again(row, left.with_copies(params, words)) if copied else "help files"
        session.note(f"{left.why_lacking(params, words)}: {mended}")


def foresee(
    session: Session, given: Sequence[str], *, aloud: bool, passing: tuple[type[CloudError], ...]
) -> None:
    """Raise what the manager would refuse a command for, save what is passing; nothing is changed.

    aloud: note which files stay here, for a command that does not follow.
    """
    from shell import files

    row = known(given[0])
    params = parse(row, given[1:])
    with files.opened(params) as handed:
        if aloud:
            _note_left(session, row, params)
        request = {**_request(row, params, handed), "dry_run": True}
        pulled = (ImageNotFound,) if params.get("pull") is True else ()
        with suppress(*passing, *pulled):
            session.client.call(row.verb, request, [file.descriptor for file in handed])


def _late_options(row: Command, params: Params) -> list[str]:
    """Return the last words of a worker's command that are options of ours on how it is begun."""
    words = texts(params, "command")[1:]
    options = (row.option(word.partition("=")[0]) for word in reversed(words))
    late = takewhile(lambda option: option in (*WAITING, DRY_RUN), options)
    return words[len(words) - sum(1 for _ in late) :]


def _streams(session: Session, params: Params) -> bool:
    """Tell whether somebody watches a table of this command; programs and scripts get one look."""
    form = params.get("output", session.options.output)
    shown = form in ("table", "wide") and params.get("quiet") is not True
    watched = session.interactive and width_of(session.out) is not None
    return shown and watched and params.get("no_stream") is not True


def _go_on(row: Command, request: dict[str, object], stream: Unrepeated) -> None:
    """Have the request ask for what comes after what was printed: --tail N would leave some of that out."""
    stream.resent()
    unheard_s = stream.unheard_s(time.time())
    if row.option("--since") is not None and unheard_s is not None:
        request.pop("tail", None)
        request["since"] = f"{math.ceil(unheard_s) + 1}s"


def _request(row: Command, params: Params, handed: Sequence[Handed]) -> dict[str, object]:
    """Return what is sent: the parameters, an id for a change, and what the files beside it are."""
    request: dict[str, object] = dict(params)
    if row.changes:
        request["request"] = os.urandom(16).hex()
    if handed:
        request["files"] = [file.described() for file in handed]
    return request


def _printer(session: Session, row: Command, params: Params, stream: Unrepeated) -> OnItem:
    """Return what prints an item, unless it was printed before or is not searched for."""
    pattern = _pattern(params)

    def take(item: Document) -> None:
        if stream.is_new(item) and (pattern is None or pattern.search(str(item.get("text")))):
            from shell import printing  # once there is something to write

            printing.item(session, item, row, params)

    return take


def _pattern(params: Params) -> re.Pattern[str] | None:
    """Return what lines are searched for; by the shell, as an expression may take for ever."""
    expression = params.get("grep")
    return re.compile(expression) if isinstance(expression, str) else None


def _confirm(session: Session, row: Command, params: Params) -> None:
    if session.asks(params) and row.verb in ("rm", "crash"):
        _require_there(session, row, params)
    session.confirm(row, params, lambda: _question(row, params))


def _question(row: Command, params: Params) -> str:
    if row.verb == "crash":
        return f"kill {params.get('part')} with SIGKILL?"
    return f"{row.verb} {', '.join(texts(params, 'app'))}".rstrip() + "?"


def _require_there(session: Session, row: Command, params: Params) -> None:
    """Raises what the command would fail with, before anybody is asked whether to do it."""
    session.need_cloud()
    with session.changing_nothing(f"{row.verb}: interrupted, nothing was changed"):
        session.client.call(row.verb, {**_request(row, params, []), "dry_run": True})


def _prove(session: Session, row: Command, params: Params) -> None:
    session.need_cloud()
    from shell.traffic.prove import crash_manager

    away_s = bind(row, params).number("for") or 0.0
    proof = crash_manager(session.client.call, away_s=away_s)
    for line in proof.lines():
        print(line, file=session.out)
    if not proof.holds:
        raise CloudError("the death of the manager was noticed outside", hint="events")
