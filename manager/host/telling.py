"""What an operator is told on stderr: the numbered steps of a long command, and commands to paste."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from manager.api.places import Places, program

Say = Callable[[str], None]

_CALL = re.compile(r"(?<![\w/])simplecloud (?=(?:--cloud|up|down|doctor|help|adopt|net|backup)\b)")


def say(text: str) -> None:
    """Tell the operator; standard output is for results."""
    print(text, file=sys.stderr, flush=True)


def pasteable(hint: str, places: Places) -> str:
    """Return a hint in which the program is called as it was, and for this cloud."""
    return _CALL.sub(lambda _: f"{program(places.cloud, hint)} ", hint)


def simplecloud(places: Places, words: str) -> str:
    """Return a command line for this cloud, ready to paste."""
    return pasteable(f"simplecloud {words}", places)


@dataclass(slots=True)
class Telling:
    """Tells steps. A line stays open on a terminal until its step is done, or something else is said."""

    total: int
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _open: bool = False

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[None]:
        """Tell a step for the length of a `with`; one that fails has no time."""
        began_at = time.monotonic()
        self._open = self.stream.isatty()
        head = f"[{number}/{self.total}]"
        self._write(f"{head} {title}{'' if self._open else chr(10)}")
        try:
            yield
        except BaseException:
            self._close("")
            raise
        took = f"{time.monotonic() - began_at:.1f} s"
        if self._open:
            self._close(f"  {took}")
        elif self.stream.isatty():
            self._write(f"{head} done  {took}\n")

    def say(self, text: str) -> None:
        """Tell something in between."""
        self._close("")
        self._write(f"{text}\n")

    def _close(self, end: str) -> None:
        if self._open:
            self._write(f"{end}\n")
        self._open = False

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
