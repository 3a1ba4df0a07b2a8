"""`secret`: what is set comes from standard input, or is asked for on a terminal without being shown.

It goes to the manager as an open file in memory, never as a word of a command.
"""

from __future__ import annotations

import getpass
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from manager.api.command import Command
from manager.api.errors import CloudError, UsageError
from manager.api.typed import Params
from shell import printing, remote

if TYPE_CHECKING:
    from shell.session import Session

_CHUNK_BYTES = 1 << 16
_ENOUGH_BYTES = 1 << 20  # more than any secret may have: the manager refuses it


def secret(session: Session, row: Command, params: Params) -> None:
    """Set a secret, or have the manager list or remove; raises CloudError."""
    name = params.get("name")
    if params.get("action") != "set" or not isinstance(name, str):
        remote.perform(session, row, params)
        return
    session.need_cloud()
    with _asked_for(session, name) as descriptor:
        request = {**params, "files": [{"word": name, "role": "copy"}]}
        printing.result(session, session.client.call(row.verb, request, [descriptor]), row, params)


@contextmanager
def _asked_for(session: Session, name: str) -> Iterator[int]:
    """Lend a file in memory with what is to be kept; raises UsageError where none can come."""
    if session.stdin is None:
        raise UsageError(
            f"secret set {name}: a script has no standard input to read it from",
            hint=f"simplecloud secret set {name} < FILE",
        )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core dump of this process may keep it
    descriptor = os.memfd_create("secret", os.MFD_CLOEXEC)
    try:
        with session.changing_nothing(f"secret set {name}: interrupted, nothing was changed"):
            if session.stdin.isatty():
                os.write(descriptor, _typed(name).encode())
            else:
                _copy(session.stdin.fileno(), descriptor)
                _note_newline(session, descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _note_newline(session: Session, descriptor: int) -> None:
    """Tell that what is kept ends as a line does: `echo` adds that, and few passwords have it."""
    size = os.fstat(descriptor).st_size
    if size > 1 and os.pread(descriptor, 1, size - 1) == b"\n":
        session.note("its last byte is a newline, which is kept: printf %s or echo -n add none")


def _typed(name: str) -> str:
    """Return what a person types unseen; raises CloudError when that is nothing (^D), or no text."""
    try:
        return getpass.getpass(f"{name}: ")
    except EOFError:
        raise CloudError(f"secret set {name}: nothing was typed", hint=f"secret set {name}") from None
    except UnicodeDecodeError:
        raise CloudError(f"secret set {name}: that is not UTF-8", hint=f"secret set {name}") from None


def _copy(source: int, target: int) -> None:
    left = _ENOUGH_BYTES
    while left > 0 and (chunk := os.read(source, min(_CHUNK_BYTES, left))):
        os.write(target, chunk)
        left -= len(chunk)
