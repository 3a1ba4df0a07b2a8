"""What this host does before a manager runs: set-up, `up`, `down`, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from manager.api.arguments import option_words
from manager.api.command import Command
from manager.api.errors import NotAllowed
from manager.api.typed import Params
from shell.outcome import Told
from shell.text.document import Document

ROOT = Path(__file__).resolve().parent.parent
_OF_THE_LISTING = frozenset({"output", "sort", "filter", "columns", "quiet"})


def words_of(row: Command, params: Params) -> list[str]:
    """Return the options of a row as words again, without those that only say how it is shown."""
    return option_words([option for option in row.options if option.key not in _OF_THE_LISTING], params)


def command_line(verb: str, cloud: str, options: Sequence[str], *, uid: int, sudo: str | None) -> list[str]:
    """Return the words that run a host command as root; raises NotAllowed when there is no way to."""
    python = [sys.executable, "-P", "-m", "manager", verb, "--cloud", cloud, *options]
    if uid == 0:
        return python
    if sudo is None:
        as_typed = " ".join(["simplecloud", verb, *options])
        raise NotAllowed(f"{verb} needs root, and there is no sudo", hint=f"su -c '{as_typed}'")
    return [sudo, "--", "env", f"PYTHONPATH={ROOT}", *python]  # sudo keeps no environment


def run(row: Command, params: Params, cloud: str, *, out: TextIO, interactive: bool) -> None:
    """Run a host command to its end, its results going to `out`; raises Told when it fails."""
    words, target = _command(row, params, cloud), _descriptor(out)
    out.flush()
    with _child(words, subprocess.PIPE if target is None else target, interactive) as child:
        if child.stdout is not None:
            out.writelines(child.stdout)
        code = child.wait()
    if code:
        raise Told(_exit_code(code))


def ask(row: Command, params: Params, cloud: str, *, interactive: bool) -> Iterator[Document]:
    """Run a host command and yield the items that it prints, as they come; raises Told as items_of does."""
    return items_of(_command(row, params, cloud), interactive=interactive)


def items_of(words: Sequence[str], *, interactive: bool) -> Iterator[Document]:
    """Yield the items that a process prints, a line each, as they come.

    Raises Told when there is none, and for a process that failed though no item says FAIL.
    """
    whole = said_so = False
    with _child(words, subprocess.PIPE, interactive) as child:
        for line in child.stdout or ():
            try:
                item = json.loads(line)
            except ValueError:  # the process died half-way through it
                whole = False
                break
            whole, said_so = True, said_so or item.get("state") == "FAIL"
            yield item
        for _ in child.stdout or ():
            pass  # or a process that has more to say would not end
        code = child.wait()
    if not said_so and (code or not whole):
        raise Told(_exit_code(code) if code else 1)


def _command(row: Command, params: Params, cloud: str) -> list[str]:
    uid, sudo = os.geteuid(), None
    looks_only = row.verb == "doctor" and params.get("fix") is not True
    if uid != 0 and not looks_only:
        from shutil import which  # not for those who are root already

        sudo = which("sudo")
    return command_line(row.verb, cloud, words_of(row, params), uid=0 if looks_only else uid, sudo=sudo)


def _exit_code(ended: int) -> int:
    """Return the exit code of a process that failed, as a shell has it: a signal's is above 128."""
    return ended if ended > 0 else 128 - ended


@contextmanager
def _child(words: Sequence[str], stdout: int, interactive: bool) -> Iterator[subprocess.Popen[str]]:
    """Give a process that runs a host command; it has ended afterwards."""
    child = subprocess.Popen(
        words,
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=stdout,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        yield child
    finally:
        child.wait()  # after ^C: it got that too, and undoes what it had begun
        if child.stdout is not None:
            child.stdout.close()


def _descriptor(out: TextIO) -> int | None:
    """Return the descriptor behind a stream, None for one in memory."""
    try:
        return out.fileno()
    except OSError:  # io.UnsupportedOperation is one
        return None
