"""Long output, a screenful at a time: where `set pager on` asks for it, on a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shell import terminal

if TYPE_CHECKING:
    from shell.session import Session

USUAL = "less -FRX"


def show(session: Session, lines: Iterable[str]) -> None:
    """Print lines, through $PAGER where they are more than the terminal has and that is wanted."""
    rows = terminal.height_of(session.out) if session.options.pager else None
    if rows is None or terminal.is_dumb():
        for line in lines:
            print(line, file=session.out)
        return
    text = [f"{line}\n" for line in lines]
    if len(text) < rows:
        session.out.writelines(text)
    else:
        _page(session, "".join(text))


@contextmanager
def off(session: Session) -> Iterator[None]:
    """Show what is printed meanwhile without a pager, whatever the option says."""
    wanted, session.options.pager = session.options.pager, False
    try:
        yield
    finally:
        session.options.pager = wanted


def _page(session: Session, text: str) -> None:
    import subprocess  # what most commands do without

    session.out.flush()
    pager = subprocess.Popen(
        os.environ.get("PAGER") or USUAL, shell=True, stdin=subprocess.PIPE, stdout=session.out, text=True
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is the pager's while it runs
    try:
        pager.communicate(text)
    finally:
        signal.signal(signal.SIGINT, before)
    if pager.returncode == 127:  # the shell's word for a program that is not there
        session.out.write(text)
