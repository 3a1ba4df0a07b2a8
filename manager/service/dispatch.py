"""From a request to its verb, through the command table."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from manager.api.arguments import Arguments, bind
from manager.api.cite import cited
from manager.api.commands import command_of
from manager.api.errors import AppNotFound, CloudError, UsageError
from manager.api.forms import require_form
from manager.server import Call, ClientGone, NoSuchMethod

BESIDE_ARGUMENTS = ("request", "files", "execution", "step")
ID_LIMIT = 200
_ID = re.compile(r"[!-~]+")

log = logging.getLogger(__name__)

Answer = Mapping[str, object]
Verb = Callable[[Call, Arguments], Answer]


@dataclass(slots=True)
class Dispatcher:
    """Finds the verb of a request, checks its parameters against the command table, and runs it.

    unreadable: names of apps with a record that cannot be read; no verb knows them, and they are there.
    """

    verbs: Mapping[str, Verb]
    unreadable: Callable[[], Collection[str]] = frozenset
    last_error: str = ""

    def __call__(self, call: Call) -> Answer:
        row = command_of(call.request.method)
        verb = self.verbs.get(row.verb) if row is not None else None
        if row is None or verb is None:
            method = call.request.method
            raise NoSuchMethod(f"the manager has no method {cited(method[:40])}", hint="help")
        _require_id(call.request.params)
        params = {k: v for k, v in call.request.params.items() if k not in BESIDE_ARGUMENTS}
        try:
            arguments = bind(row, params)
            require_form(row.verb, arguments)
            return verb(call, arguments)
        except AppNotFound as error:
            if error.word not in self.unreadable():
                raise
            raise CloudError(
                f"the record of {error.word} cannot be read, and is left alone",
                hint="doctor",
                word=error.word,
            ) from error
        except (CloudError, ClientGone):
            raise
        except Exception as error:  # a mistake of ours must not take the manager down; `status` shows it
            if isinstance(error, OSError) and error.errno == errno.EBADF and call.request.files:
                told = f"{row.verb}: a file that came with it is not open for what is done with it"
                raise UsageError(told, hint=f"help {row.verb}") from error
            log.exception("%s failed", row.verb)
            self.last_error = f"{row.verb}: {type(error).__name__}: {error}"
            raise CloudError(f"{row.verb} failed in the manager: {error}", hint="status") from error


def _require_id(params: Mapping[str, object]) -> None:
    """Raises UsageError for an id of a request that would not keep it from being carried out twice."""
    request = params.get("request")
    if request is None or (isinstance(request, str) and len(request) <= ID_LIMIT and _ID.fullmatch(request)):
        return
    reason = f"the id of a request is printable text without blanks, at most {ID_LIMIT} characters"
    raise UsageError(reason, hint='"request":"5f3a"')
