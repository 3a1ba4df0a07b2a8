"""One command tried: its failure told, its exit code returned."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from manager.api.command import Command
from manager.api.commands import command_of
from manager.api.errors import CloudError, UsageError
from manager.api.typed import Params
from manager.api.values import APP_NAME, CHANGED_APP, NEW_APP, TARGET
from shell.language import grammar
from shell.language.quoting import join
from shell.outcome import INTERRUPTED, Interrupted, Told

if TYPE_CHECKING:
    from shell.place import Place
    from shell.session import Session

_UNTIL_INTERRUPTED = ("watch", "stats")
_STEP_BY_STEP = ("apply", "import")  # by the shell: what it has not begun is not done


def execute_words(session: Session, arguments: Sequence[str]) -> int:
    """Carry out one command whose words are ready: nothing in them is split or filled in again."""

    def place(error: CloudError) -> Place:
        from shell.place import place_of_words  # a command that goes well starts faster without

        return place_of_words(error, arguments)

    session.echo(join(arguments))
    return attempt(session, lambda: session.perform(arguments), arguments, place)


def attempt(
    session: Session, act: Callable[[], None], given: Sequence[str], place: Callable[[CloudError], Place]
) -> int:
    """Do what a command asks, tell its failure, and return the exit code.

    `given`: its words, as far as they are known when it fails.  `place`: what an error is about.
    """
    code, began_at = 0, time.monotonic()
    try:
        act()
    except CloudError as error:
        code = session.tell(error, place(error), as_json=grammar.wants_json(given))
    except Told as told:
        code = told.code
    except KeyboardInterrupt:
        code = _tell_interrupted(session, given)
    session.progress.clear()
    session.out.flush()
    if session.options.timing:
        print(f"{time.monotonic() - began_at:.2f} s", file=session.err, flush=True)
    return code


def _tell_interrupted(session: Session, given: Sequence[str]) -> int:
    """Say what ^C has ended; nothing of what lasts until ^C."""
    row = command_of(given[0]) if given else None
    session.progress.end_line()
    if row is not None and (row.verb in _UNTIL_INTERRUPTED or row.option("--follow") is not None):
        return INTERRUPTED
    return session.tell(_interrupted(row, given))


def _interrupted(row: Command | None, given: Sequence[str]) -> Interrupted:
    params = _params(row, given) if row is not None else None
    if row is None or params is None or not _changes(row, params):
        return Interrupted("interrupted")
    if row.verb == "down":
        return Interrupted("interrupted: down may be done in part", hint=join(given))
    return Interrupted(f"no longer waiting: {row.verb} goes on in the cloud", hint=_follow(row, params))


def _params(row: Command, given: Sequence[str]) -> Params | None:
    """Return what a command asks for; None for one that is refused, or asks for help."""
    try:
        return grammar.params_of(row, given[1:])
    except UsageError:
        return None


def _follow(row: Command, params: Params) -> str:
    """Return the command that shows how what goes on fares."""
    about = [operand.key for operand in row.operands if operand.kind in (NEW_APP, CHANGED_APP, TARGET)]
    named = params.get(about[0]) if about else None
    names = named if isinstance(named, list) else [named] if named else []
    apps = dict.fromkeys(str(name).partition(".")[0] for name in names)
    is_seen = apps and row.verb != "rm" and all(map(APP_NAME.fullmatch, apps))  # not a container by its id
    return f"ps {' '.join(apps)}" if is_seen else "events -f"


def _changes(row: Command, params: Params) -> bool:
    from shell.live.repeated import is_listing, only_looks  # what ends by itself starts faster without

    looks = params.get("dry_run") is True or (is_listing(row) and only_looks(params))
    return (row.changes or row.verb == "down") and not looks and row.verb not in _STEP_BY_STEP
