"""The manager's socket, seen from the shell: one connection a call, and patience while managers change.

A manager may die at any moment and the next one takes its place. A call that got no answer is sent
again, with the same request id, so that what it asks for happens once.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event

from manager.api import wire
from manager.api.errors import CloudError, ManagerUnreachable, NotAllowed
from manager.api.places import GROUP, Places
from shell.text.document import Document

PATIENCE_S = 10.0
ANSWER_S = 10.0  # the longest silence of a manager that is there
_PAUSE_S = 0.05
_SERVED_S = 1.0  # an attempt that lasted longer had a manager
_LOOK_UP_S = 0.2

Ask = Callable[[str, Document], Document]  # the answer to a method with parameters; raises CloudError
OnItem = Callable[[Document], None]


class _Away(Exception):
    """Nobody answered."""


class _Missing(_Away):
    """There is not even a socket."""


@dataclass(frozen=True, slots=True)
class Client:
    """Asks the manager of one cloud; `note` is told, once a call, that the manager is away."""

    places: Places
    note: Callable[[str], None]

    def is_down(self) -> bool:
        """Tell whether the cloud is down; a manager that is just being replaced leaves its socket."""
        try:
            os.stat(self.places.socket)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except PermissionError:
            return False
        return False

    def call(
        self,
        method: str,
        params: Document,
        files: Sequence[int] = (),
        on_item: OnItem | None = None,
        *,
        patience_s: float = PATIENCE_S,
        answer_within_s: float | None = None,
        on_resend: Callable[[], None] | None = None,
        taken: list[int] | None = None,
        leaving: Event | None = None,
    ) -> Document:
        """Return the result of a request; its items went to `on_item` as they came.

        Descriptors that come with the result are put into `taken` and are the caller's to close.
        patience_s: how long to look for the next manager once one is away, anew after each that was at work
        on the request.  answer_within_s: the longest silence to put up with; without it, one in which
        nothing else is answered either.  on_resend: called before the request is sent again, and may
        change `params`.  leaving: once it is set, a request that is not answered yet is answered by nothing.
        Raises the error that the manager answered, ManagerUnreachable or NotAllowed.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        give_up_at = 0.0
        resent = False
        while True:
            asked_at = time.monotonic()
            try:
                return self._ask(request, files, on_item, answer_within_s, taken, leaving or Event())
            except _Away as away:
                if isinstance(away, _Missing) and not resent:
                    raise self._down() from None
                died_at = time.monotonic()
                if not resent or died_at - asked_at > _SERVED_S:
                    give_up_at = died_at + patience_s
                if died_at >= give_up_at:
                    raise self._away(patience_s) from None
            if not resent:
                self.note("the manager is away; workers keep serving; waiting for the next one")
            resent = True
            time.sleep(_PAUSE_S)
            if on_resend is not None:
                on_resend()

    def _ask(
        self,
        request: Document,
        files: Sequence[int],
        on_item: OnItem | None,
        within_s: float | None,
        taken: list[int] | None,
        leaving: Event,
    ) -> Document:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(within_s)
            self._connect(sock)
            _send(sock, request, files)
            sock.settimeout(_LOOK_UP_S if within_s is None else min(_LOOK_UP_S, within_s))
            lines = wire.Lines(sock)
            try:
                while (line := self._read(lines, within_s, leaving)) is not None:
                    answer = _answer(line, on_item)
                    if answer is not None:
                        if taken is not None:
                            taken += lines.take_files()
                        return answer
                return {}
            finally:
                lines.close_files()

    def _connect(self, sock: socket.socket) -> None:
        path = self.places.socket
        try:
            sock.connect(str(path))
        except PermissionError as error:
            raise NotAllowed(
                f'you may not manage the cloud "{self.places.cloud}": that is for root '
                f"and the members of the group {GROUP}",
                hint=f"sudo usermod -aG {GROUP} $USER && newgrp {GROUP}",
            ) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _Missing from error
        except OSError as error:
            raise _Away from error

    def _read(self, lines: wire.Lines, within_s: float | None, leaving: Event) -> bytes | None:
        """Return the next frame, None when the caller is leaving.

        Looks up now and then, so that a ^C just before it waits is not missed. A manager that may take its
        time is asked for something else after a long silence: one that is at work answers that.
        """
        silent_at = time.monotonic() + (ANSWER_S if within_s is None else within_s)
        while not leaving.is_set():
            try:
                line = lines.read()
            except TimeoutError as error:
                if time.monotonic() < silent_at:
                    continue
                if within_s is not None or not self._answers():
                    raise ManagerUnreachable("the manager does not answer", hint="doctor") from error
                silent_at = time.monotonic() + ANSWER_S
                continue
            except OSError as error:
                raise _Away from error
            if line is None:
                raise _Away
            return line
        return None

    def _answers(self) -> bool:
        quiet = replace(self, note=lambda words: None)
        try:
            quiet.call("apps", {}, answer_within_s=ANSWER_S)
        except CloudError as error:
            return not isinstance(error, ManagerUnreachable)
        return True

    def _down(self) -> ManagerUnreachable:
        return ManagerUnreachable(f'the cloud "{self.places.cloud}" is down', hint="simplecloud up")

    def _away(self, patience_s: float) -> ManagerUnreachable:
        told = f'no manager of the cloud "{self.places.cloud}" answers'
        return ManagerUnreachable(
            f"{told} (waited {patience_s:g} s)" if patience_s else told, hint=self._down().hint
        )


def _send(sock: socket.socket, request: Document, files: Sequence[int]) -> None:
    """Send the request; a manager that hung up may have said why, so that is not yet a failure."""
    for descriptor in files:
        os.lseek(descriptor, 0, os.SEEK_SET)  # who read it before shares its offset
    try:
        wire.send(sock, request, files=files)
    except OSError:
        return


def _answer(line: bytes, on_item: OnItem | None) -> Document | None:
    """Return the result that a frame brings, None after an item; raises the error that it tells."""
    match wire.frame_of(line, "the manager's answer", "doctor"):
        case {"method": "item", "params": {"item": dict(item)}}:
            if on_item is not None:
                on_item(item)
            return None
        case {"error": dict(error)}:
            raise wire.error_from(error)
        case {"result": dict(result)}:
            return result
        case _:
            raise CloudError("the manager's answer is neither a result nor an error", hint="doctor")
