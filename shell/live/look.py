"""What the live view asks the manager: a look at everything, and the commands behind its keys."""

from __future__ import annotations

import time
from collections.abc import Sequence

from manager.api.commands import known
from manager.api.errors import CloudError
from shell.client import Client
from shell.following import ANSWER_S
from shell.language import grammar
from shell.live.view import Seen, away, told
from shell.text import render, stream_item
from shell.text.document import Document, items
from shell.text.tables import Options

_LOG_LINES = "500"


def look(client: Client, before: Seen) -> Seen:
    """Return what the manager says now, else what it said before and since when it is away."""
    found: list[Document] = []
    params = {"once": True}
    try:
        client.call("watch", params, on_item=found.append, patience_s=0.0, answer_within_s=ANSWER_S)
    except CloudError:
        return away(before, time.time(), down=client.is_down())
    return told(before, found[0], time.time())


def carry_out(client: Client, words: Sequence[str], options: Options) -> list[str]:
    """Return what a command of the manager prints, without waiting for what it changes; raises CloudError."""
    row = known(words[0])
    match words:
        case ("scale", app, "-1") if _want(client, app) == 1:  # one key more, and nothing is served
            raise CloudError(f"no key takes the last worker of {app}", hint=f"stop {app}")
    params: dict[str, object] = {**grammar.params_of(row, words[1:])}
    if row.option("--detach") is not None:
        params["detach"] = True
    if row.verb == "logs":
        params["tail"] = _LOG_LINES
    found: list[Document] = []
    document = client.call(row.verb, params, on_item=found.append, patience_s=0.0, answer_within_s=ANSWER_S)
    printed = [line for item in found if (line := stream_item.line(item, options)) is not None]
    return [*printed, *render.result(document, options)]


def _want(client: Client, app: str) -> object:
    document = client.call("apps", {"app": [app]}, patience_s=0.0, answer_within_s=ANSWER_S)
    return next((item.get("want") for item in items(document.get("items")) if item.get("name") == app), None)
