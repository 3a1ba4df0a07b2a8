"""One shell at work: its variables, options and loads, and how a statement is carried out in it.

Results go to `out`; errors, notes, progress and echoed commands to `err`, so that what a program reads
is results only. An error is JSON there when the command asked for -o json or jsonl.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from manager.api.arguments import Params
from manager.api.commands import Command, command_of
from manager.api.errors import CloudError, UsageError
from manager.api.places import Places
from manager.api.suggest import did_you_mean
from shell import grammar, terminal, words
from shell.client import Client
from shell.outcome import INTERRUPTED, Interrupted, Told
from shell.terminal import Progress
from shell.words import Statement, Substitution, SyntaxRejected, Variable, Word

if TYPE_CHECKING:
    from shell.load import Load


@dataclass(slots=True)
class ShellOptions:
    """What `set` changes: stop at the first failure, print commands, the format of listings."""

    errexit: bool = True
    echo: bool = False
    output: str = "table"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text comes from: the name of a script and the number of the text's first line."""

    name: str = ""
    line: int = 1

    def where(self, text: str, at: int) -> str:
        """Return the prefix of an error at this character, such as `demo.sc:7: `; "" at the prompt."""
        return f"{self.name}:{self.line + text.count(chr(10), 0, at)}: " if self.name else ""


PROMPT = Origin()


@dataclass(slots=True)
class Session:
    """One shell. `interactive`: somebody can be asked.  `autostart`: the cloud is started when needed.

    `leaving` is set once `exit` was given; who runs statements stops then.
    """

    places: Places
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    interactive: bool = False
    autostart: bool = False
    leaving: bool = False
    options: ShellOptions = field(default_factory=ShellOptions)
    variables: dict[str, str] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    sourcing: list[Path] = field(default_factory=list)
    client: Client = field(init=False)
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.places, self.note)
        self.progress = Progress(self.err)

    def execute(self, text: str, origin: Origin = PROMPT) -> int:
        """Carry out the statements of a text and return the exit code: of the first that failed.

        Those after it are carried out only when errexit is off; after ^C never.
        """
        try:
            found = words.statements(text)
        except SyntaxRejected as error:
            return self._tell(error, text, error.span, origin)
        failed = 0
        for statement in found:
            code = self._carry_out(statement, text, origin)
            if code == INTERRUPTED or (code and self.options.errexit):
                return code
            failed = failed or code
            if self.leaving:
                break
        return failed

    def execute_words(self, arguments: Sequence[str]) -> int:
        """Carry out one command whose words are ready: nothing in them is split or filled in again."""
        text, statement = words.as_typed(arguments)
        return self._carry_out(statement, text, PROMPT)

    def perform(self, given: Sequence[str]) -> None:
        """Carry out one command; raises CloudError, or Told when it failed and said why itself."""
        row = grammar.row_of(given)
        if grammar.asks_for_help(row, given[1:]):
            row, given = _row("help"), ["help", row.verb]
        params = grammar.params_of(row, given[1:])
        match row.where:
            case "manager":
                from shell import remote

                remote.perform(self, row, params)
            case "shell":
                from shell import local

                local.perform(self, row, params)
            case "host":
                self._on_host(row, params)

    def check(self, text: str, origin: Origin) -> int:
        """Tell the first statement of a text that cannot be right, and return its exit code, or 0."""
        try:
            for statement in words.statements(text):
                grammar.check(statement)
        except SyntaxRejected as error:
            return self._tell(error, text, error.span, origin)
        except UsageError as error:
            return self._tell(error, text, _span(error, statement), origin)
        return 0

    def need_cloud(self) -> None:
        """Start the cloud if this shell may, it is down, and that was not tried before."""
        if self.autostart and self.client.is_down():
            self.autostart = False
            from shell import host

            self.note(f'the cloud "{self.places.cloud}" is down: starting it')
            host.run(_row("up"), {}, self.places.cloud, out=self.err, interactive=self.interactive)

    def confirm(self, row: Command, params: Params, question: str) -> None:
        """Return when the person agrees or has with -y; raises CloudError else, UsageError without one."""
        if params.get("yes") is True:
            return
        if not self.interactive:
            raise UsageError(
                f"{row.verb} asks before it acts, and nobody is here to answer: give it -y",
                hint=f"{_typed_again(row, params)} -y",
            )
        print(f"{question} (y/N) ", end="", file=self.err, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CloudError(f"{row.verb}: not confirmed, nothing was changed")

    def note(self, text: str) -> None:
        """Say something beside the results."""
        self.progress.clear()
        print(f"note: {text}", file=self.err, flush=True)

    def close(self) -> None:
        """Stop the loads that still run."""
        for load in self.loads.values():
            load.stop()
        for load in self.loads.values():
            load.join()

    def tell(self, error: CloudError, *, where: str = "") -> int:
        """Tell an error that no statement's text belongs to, and return its exit code."""
        return self._tell(error, "", None, PROMPT, where=where)

    def _on_host(self, row: Command, params: Params) -> None:
        if params.get("purge") is True:
            self.confirm(row, params, f'delete the state of the cloud "{self.places.cloud}"?')
            params = {**params, "yes": True}
        if row.verb == "down":
            self.autostart = False  # who took it down does not want it back by a side effect
        from shell import host

        host.run(row, params, self.places.cloud, out=self.out, interactive=self.interactive)

    def _carry_out(self, statement: Statement, text: str, origin: Origin) -> int:
        if self.options.echo:
            print(f"{self.places.prompt}{text[statement.start : statement.end]}", file=self.err, flush=True)
        given: list[str] = []
        try:
            given += [self._filled(word) for word in statement.words]
            self.perform(given)
            code = 0
        except CloudError as error:
            code = self._tell(error, text, _span(error, statement), origin, as_json=grammar.wants_json(given))
        except Told as told:
            code = told.code
        except KeyboardInterrupt:
            code = self.tell(_interrupted(given))
        self.progress.clear()
        self.out.flush()
        return 0 if statement.tolerant and code != INTERRUPTED else code

    def _tell(
        self,
        error: CloudError,
        text: str,
        span: tuple[int, int] | None,
        origin: Origin,
        *,
        as_json: bool = False,
        where: str = "",
    ) -> int:
        from shell import complaint  # a command that goes well starts faster without

        self.progress.clear()
        self.out.flush()  # the error belongs after what was printed before it
        if as_json:
            print(complaint.as_json(error), file=self.err, flush=True)
            return error.exit_code
        where = where or origin.where(text, span[0] if span else 0)
        colour = terminal.has_colour(self.err)
        told = complaint.explain(error, line=text, span=span, where=where, colour=colour)
        print(told, file=self.err, flush=True)
        return error.exit_code

    def _filled(self, word: Word) -> str:
        return words.expand(word, self._value, self._output)

    def _value(self, variable: Variable) -> str:
        name = variable.name
        known = self.variables
        if name.startswith("env."):
            name, known = name.removeprefix("env."), dict(os.environ)
        if name not in known:
            guess = did_you_mean(name, known)
            hint = f"did you mean ${guess}?" if guess else f"set {name} VALUE"
            raise SyntaxRejected(
                f'variable "{variable.name}" is not set', (variable.start, variable.end), hint=hint
            )
        return known[name]

    def _output(self, substitution: Substitution) -> str:
        """Return what the statements of $(...) print, without the last line end."""
        outer, self.out = self.out, io.StringIO()
        try:
            for statement in substitution.statements:
                self._perform_inside(statement)
            return self.out.getvalue().rstrip("\n")
        finally:
            self.out = outer

    def _perform_inside(self, statement: Statement) -> None:
        try:
            self.perform([self._filled(word) for word in statement.words])
        except UsageError as error:  # its place is counted within this statement
            span = _span(error, statement) or (statement.start, statement.end)
            raise SyntaxRejected(error.message, span, hint=error.hint) from error


def _typed_again(row: Command, params: Params) -> str:
    """Return a command with its flags and operands, such as `down --purge`."""
    given: list[str] = [row.verb]
    given += [f"--{option.name}" for option in row.options if params.get(option.key) is True]
    for operand in row.operands:
        value = params.get(operand.key, [])
        given += value if isinstance(value, list) else [str(value)]
    return " ".join(words.quote(word) for word in given)


def _row(verb: str) -> Command:
    row = command_of(verb)
    assert row is not None, verb
    return row


def _span(error: CloudError, statement: Statement) -> tuple[int, int] | None:
    """Return the part of the text that an error points at."""
    match error:
        case SyntaxRejected(span=span):
            return span
        case UsageError(at=int(at)) if at + 1 < len(statement.words):
            word = statement.words[at + 1]
            return word.start, word.end
        case UsageError(at=int()):
            return statement.end, statement.end
        case _:
            return None


def _interrupted(given: Sequence[str]) -> Interrupted:
    row = command_of(given[0]) if given else None
    if row is None or not row.changes:
        return Interrupted("interrupted")
    return Interrupted(f"no longer waiting: {row.verb} goes on in the cloud", hint="events -f")
