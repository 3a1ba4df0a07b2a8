"""One shell at work: its variables, options and loads, what it says, and whom it asks.

Results go to `out`; errors, notes, progress and echoed commands to `err`, so that what a program reads
is results only. An error is JSON there when the command asked for -o json or jsonl.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from manager.api.command import Command
from manager.api.commands import known
from manager.api.errors import CloudError, UsageError
from manager.api.places import Places
from manager.api.typed import Params
from shell import terminal
from shell.client import Client
from shell.language.parsing import typed_again
from shell.options import ShellOptions
from shell.outcome import Interrupted
from shell.progress import Progress

if TYPE_CHECKING:
    from shell.place import Place
    from shell.recording import Recording
    from shell.traffic.load import Load

Perform = Callable[["Session", Sequence[str]], None]


@dataclass(slots=True)
class Session:
    """One shell.

    performer: carries out one command (shell.dispatch).  interactive: somebody can be asked.
    autostart: the cloud is started when needed.  gives_stdin: commands may read the standard input, save
    those of a script.  one_shot: it carries out one command that the system's shell gave it.
    leaving: `exit` was given; who runs statements stops then.
    """

    places: Places
    performer: Perform
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    interactive: bool = False
    autostart: bool = False
    gives_stdin: bool = False
    one_shot: bool = False
    leaving: bool = False
    options: ShellOptions = field(default_factory=ShellOptions)
    variables: dict[str, str] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    sourcing: list[Path] = field(default_factory=list)
    recording: Recording | None = None
    client: Client = field(init=False)
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.places, self.note)
        self.progress = Progress(self.err)

    @property
    def stdin(self) -> TextIO | None:
        """What a command may read from; None in a script, whose text may come that way."""
        return sys.stdin if self.gives_stdin and not self.sourcing else None

    def perform(self, given: Sequence[str]) -> None:
        """Carry out one command; raises CloudError, or Told when it failed and said why itself."""
        self.performer(self, given)

    def need_cloud(self) -> None:
        """Start the cloud if this shell may, it is down, and that was not tried before."""
        if self.autostart and self.client.is_down():
            self.autostart = False
            from shell import host

            self.note(f'the cloud "{self.places.cloud}" is down: starting it')
            host.run(known("up"), {}, self.places.cloud, out=self.err, interactive=self.interactive)

    def asks(self, params: Params) -> bool:
        """Return whether a command that cannot be undone asks first."""
        return params.get("yes") is not True and self.options.confirm

    def confirm(self, row: Command, params: Params, question: Callable[[], str]) -> None:
        """Return when the person agrees, or did by -y; raises CloudError if not.

        question: gives what is asked.  Raises UsageError where nobody can be asked.
        """
        if not self.asks(params):
            return
        hint = f"{typed_again(row, params)} -y"
        if not self.interactive:
            told = f"{row.verb} asks before it acts, and nobody is here to answer: give it -y"
            raise UsageError(told, hint=hint, at=sys.maxsize)  # behind the last word, where the -y is missing
        refused = f"{row.verb}: not confirmed, nothing was changed"
        print(f"{question()} (y/N) ", end="", file=self.err, flush=True)
        with self.changing_nothing(refused, hint):
            answer = sys.stdin.readline()
        if not answer.endswith("\n"):  # ^D leaves the cursor behind the question
            print(file=self.err, flush=True)
        if answer.strip().lower() not in ("y", "yes"):
            raise CloudError(refused, hint=hint)

    @contextmanager
    def changing_nothing(self, told: str, hint: str = "") -> Iterator[None]:
        """Do what comes before a change; at ^C it raises Interrupted with what is told then."""
        try:
            yield
        except KeyboardInterrupt:
            self.progress.end_line()
            raise Interrupted(told, hint=hint) from None

    @contextmanager
    def captured(self) -> Iterator[io.StringIO]:
        """Give what is printed meanwhile, which goes nowhere else."""
        outer, self.out = self.out, io.StringIO()
        try:
            yield self.out
        finally:
            self.out = outer

    def note(self, text: str) -> None:
        """Say something beside the results, which may name what a worker or a file calls itself."""
        self.say(f"note: {text}")

    def say(self, text: str) -> None:
        """Say something on one line beside the results, no character of which steers a terminal."""
        from shell.text.glyphs import escaped  # a command that goes well starts faster without

        self.progress.clear()
        print(escaped(text), file=self.err, flush=True)

    def close(self) -> None:
        """Stop the loads that still run, and say so, and what is being recorded."""
        if self.recording is not None:
            self.recording.end()
        running = {app: load for app, load in self.loads.items() if not load.done}
        for load in running.values():
            load.stop()
        for app, load in running.items():
            sent, planned = load.join().sent, load.plan.requests
            self.note(f"load of {app} ended with this shell: {sent} of {planned} requests sent")

    def echo(self, text: str) -> None:
        """Print a command before it runs, when that is asked for."""
        if self.options.echo:
            print(f"{self.places.prompt}{text}", file=self.err, flush=True)

    def tell(self, error: CloudError, place: Place | None = None, *, as_json: bool = False) -> int:
        """Tell an error and return its exit code."""
        from shell.pasted import pasted  # as above
        from shell.place import Place
        from shell.text import complaint

        place = place or Place()
        error.hint = pasted(
            place.mended or error.hint,
            self.places.cloud,
            outside=self._is_read_outside and not as_json,
            at_prompt=self.interactive and not self.one_shot,
        )
        self.progress.clear()
        self.out.flush()  # the error belongs after what was printed before it
        if as_json:
            told = complaint.as_json(error)
        else:
            colour, width = terminal.has_colour(self.err), terminal.width_of(self.err)
            told = complaint.explain(
                error, line=place.text, span=place.span, where=place.where, colour=colour, width=width
            )
        print(told, file=self.err, flush=True)
        return error.exit_code

    @property
    def _is_read_outside(self) -> bool:
        """Whether a person reads hints where only the system's shell can take them."""
        return self.one_shot and terminal.width_of(self.err) is not None
