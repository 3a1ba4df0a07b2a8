"""`exec`: a command inside a worker, with the standard streams of here.

The manager makes the command and hands its streams over; it is asked again for the size of the terminal and
for the exit code. The command is the engine's: it goes on while a manager dies.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from manager.api.arguments import option_words
from manager.api.attached import refusal_of
from manager.api.command import Command
from manager.api.errors import CloudError, UsageError
from manager.api.typed import Params
from shell import variables
from shell.language.parsing import texts
from shell.language.quoting import join
from shell.outcome import Interrupted, Told
from shell.text.document import Document, words
from shell.worker.streams import Streams, write

if TYPE_CHECKING:
    from shell.session import Session

_SHELLS = ("sh", "bash", "ash", "dash", "zsh")
_ASIDE_S = 2.0  # a manager that takes longer for what is beside the streams is not waited for


@dataclass(frozen=True, slots=True)
class _Execution:
    """A command that the manager has made: how it is asked about."""

    session: Session
    params: Params
    id: str
    worker: str

    def ask(
        self,
        do: str,
        fields: Mapping[str, object] | None = None,
        taken: list[int] | None = None,
        within_s: float | None = None,
    ) -> Document:
        """Ask the manager to do something with the command.  within_s: and do not wait for the next one."""
        request = {**self.params, "execution": {"id": self.id, "do": do, **(fields or {})}}
        client = self.session.client
        if within_s is not None:
            return client.call("exec", request, patience_s=0.0, answer_within_s=within_s)
        return client.call("exec", request, taken=taken)


def execute(session: Session, row: Command, params: Params) -> None:
    """Run a command inside a worker; raises Told with its exit code unless that is 0."""
    tty, given = params.get("tty") is True, _stdin(session, params)
    try:
        if tty and given is not None and not os.isatty(given):
            again = join([row.verb, "-i", str(params["target"]), *texts(params, "command")])
            raise UsageError(f"{row.verb} -t -i needs a terminal, and the standard input is none", hint=again)
        asked = _made(session, variables.given(row, params))
        if given is None and session.interactive and _is_a_shell(texts(params, "command")):
            then = "waits for ever" if tty else "ends at once"
            session.note(f"it has nothing to read, and {then}: {_with_a_terminal(row, params)}")
        with _started(asked) as sock:
            streams = Streams(sock, given, session.out, session.err, tty)
            _join(asked, streams)
        _conclude(asked, streams)
    finally:
        if given is not None:
            os.close(given)


def _is_a_shell(command: Sequence[str]) -> bool:
    """Tell whether a command does nothing but what it reads."""
    return len(command) == 1 and os.path.basename(command[0]) in _SHELLS


def _with_a_terminal(row: Command, params: Params) -> str:
    """Return the command as it is typed by who wants to go into a worker."""
    options = [option for option in row.options if option.key not in ("interactive", "tty")]
    rest = [str(params["target"]), *texts(params, "command")]
    return join([row.verb, "-it", *option_words(options, params), *rest])


def _stdin(session: Session, params: Params) -> int | None:
    """Return a descriptor of what the command is to read, None for nothing: a script's is /dev/null."""
    if params.get("interactive") is not True:
        return None
    if session.stdin is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return os.dup(session.stdin.fileno())


def _made(session: Session, params: Params) -> _Execution:
    session.need_cloud()
    made = session.client.call("exec", params)
    for note in words(made.get("notes")):
        session.note(note)
    return _Execution(session, params, str(made.get("id")), str(made.get("worker")))


@contextmanager
def _started(asked: _Execution) -> Iterator[socket.socket]:
    taken: list[int] = []
    asked.ask("start", taken=taken)
    if len(taken) != 1:
        for descriptor in taken:
            os.close(descriptor)
        raise CloudError("the manager did not hand the command's streams over", hint="status")
    with socket.socket(fileno=taken[0]) as sock:
        yield sock


def _join(asked: _Execution, streams: Streams) -> None:
    """Join the streams, over a raw terminal when the command has one; who leaves before its end hangs up."""
    asked.session.out.flush()
    try:
        if streams.tty and streams.given is not None:
            _join_terminal(asked, streams, streams.given)
        else:
            streams.join()
    except BaseException as error:
        with suppress(CloudError):
            asked.ask("hang-up", within_s=_ASIDE_S)
        if isinstance(error, KeyboardInterrupt):
            told = f"interrupted: the command in {asked.worker} was told to end"
            raise Interrupted(told, hint=f"top {asked.worker}") from None
        raise


def _join_terminal(asked: _Execution, streams: Streams, terminal: int) -> None:
    from shell.worker.rawterminal import raw, size

    def resize() -> None:
        rows, columns = size(terminal)
        with suppress(CloudError):  # a terminal of the wrong size is better than none
            asked.ask("resize", {"rows": rows, "columns": columns}, within_s=_ASIDE_S)

    with raw(terminal) as alarm:
        resize()
        streams.alarm, streams.resized = alarm, resize
        streams.join()


def _conclude(asked: _Execution, streams: Streams) -> None:
    """Raise Told with the exit code of a command that failed, CloudError for one that never ran."""
    code = asked.ask("wait").get("code")
    code = code if isinstance(code, int) else 1
    said = streams.refusal.rest()
    refused = refusal_of(said, code, asked.worker, texts(asked.params, "command")[0])
    if refused is not None:
        error, code = refused
        error.exit_code = code
        raise error
    write(asked.session.out, said)
    if code:
        if not asked.session.one_shot:  # there the system's shell knows it
            asked.session.note(f"the command in {asked.worker} ended with exit code {code}")
        raise Told(code)
