"""What the live view asks the manager: a look at everything, and the commands behind its keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from manager.api.commands import command_of
from manager.api.errors import CloudError
from shell import grammar, render
from shell.client import Client
from shell.document import Document, items
from shell.tables import Options
from shell.view import Seen, remembered

ANSWER_S = 2.0
LOG_LINES = "500"


def look(client: Client, before: Seen) -> Seen:
    """Return what the manager says now; what it said before, with since when it is away, else."""
    now = time.time()
    try:
        apps = items(_ask(client, "apps").get("items"))
        return Seen(
            status=_ask(client, "status"),
            apps=apps,
            workers=items(_ask(client, "ps").get("items")),
            events=items(_ask(client, "events", since="1h").get("items")),
            decisions={name: _decision(client, name) for name in _autoscaled(apps)},
            rates=remembered(before, apps, now),
            page_of=before.page_of,
            page=before.page,
        )
    except CloudError:
        return replace(before, away_since=before.away_since or now)


def _ask(client: Client, method: str, **params: object) -> Document:
    return client.call(method, params, patience_s=0.0, answer_within_s=ANSWER_S)


def _autoscaled(apps: Sequence[Document]) -> list[str]:
    return [str(app.get("name")) for app in apps if app.get("scaling") == "auto"]


def _decision(client: Client, app: str) -> Document:
    """Return the last decision of an app, nothing before the first."""
    try:
        return _ask(client, "explain", app=app)
    except CloudError:
        return {}


def carry_out(client: Client, words: Sequence[str], options: Options) -> list[str]:
    """Return what a command of the manager prints, without waiting for what it changes; raises CloudError."""
    row = command_of(words[0])
    assert row is not None, words
    params: dict[str, object] = {**grammar.params_of(row, words[1:])}
    if row.option("--detach") is not None:
        params["detach"] = True
    if row.verb == "logs":
        params["tail"] = LOG_LINES
    found: list[Document] = []
    document = client.call(row.verb, params, on_item=found.append, patience_s=0.0, answer_within_s=ANSWER_S)
    told = [line for item in found if (line := render.item(item, options)) is not None]
    return [*told, *render.result(document, options)]
