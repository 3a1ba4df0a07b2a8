"""The program on a terminal of its own, as a person sits before it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

WHERE_IS_THE_CURSOR = "\x1b[6n"


@dataclass(slots=True)
class Terminal:
    """What is typed, what is shown, and whether the terminal is as it was before."""

    process: subprocess.Popen[bytes]
    master: int
    slave: int
    seen: str = ""
    decoder: IncrementalDecoder = field(default_factory=lambda: getincrementaldecoder("utf-8")("replace"))
    last: str = ""
    before: Sequence[object] = field(default_factory=tuple)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.slave, (rows, columns))

    def wait_for(self, text: str, within_s: float = 60.0) -> str:
        """Return what was shown up to `text`, which was not shown before."""
        until = time.monotonic() + within_s
        while text not in self.seen:
            left_s = until - time.monotonic()
            assert left_s > 0, f"{text!r} was not shown, but: {self.seen[-500:]!r}"
            if select.select([self.master], [], [], left_s)[0]:
                self._see(self.decoder.decode(os.read(self.master, 65536)))
        shown, _, self.seen = self.seen.partition(text)
        return shown

    def _see(self, shown: str) -> None:
        """Take what was read, which may begin and end within a character or a question; answer questions."""
        self.seen += shown
        questions = (self.last + shown).count(WHERE_IS_THE_CURSOR)
        self.last = (self.last + shown)[1 - len(WHERE_IS_THE_CURSOR) :]
        self.type("\x1b[1;1R" * questions)

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self.slave) == self.before


@contextmanager
def on_terminal(*command: str, rows: int = 24, columns: int = 80) -> Iterator[Terminal]:
    """Run a command on a new terminal, which is its controlling one, and tells its size by itself."""
    told = {"COLUMNS", "LINES"}
    inherited = {name: value for name, value in os.environ.items() if name not in told}
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (rows, columns))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        ["setsid", "--ctty", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**inherited, "TERM": "xterm"},
    )
    try:
        yield Terminal(process, master, slave, before=before)
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
