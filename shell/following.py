"""What the manager tells without being asked again: the documents of `watch`, as they change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event

from manager.api.errors import CloudError
from shell.client import Client
from shell.text.document import Document

ANSWER_S = 4.0  # of which a manager may wait 2 s for what it asks itself


def follow(client: Client, interval_s: float, take: Callable[[Document], None], leaving: Event) -> None:
    """Give `take` each Look as it comes, and while none does, whether the cloud is down; until `leaving`."""
    while not leaving.is_set():
        with suppress(CloudError):
            client.call(
                "watch",
                {"interval": f"{interval_s:.3f}s"},
                on_item=take,
                patience_s=0.0,
                answer_within_s=interval_s + ANSWER_S,
                leaving=leaving,
            )
        if not leaving.is_set():
            take({"down": client.is_down()})
            leaving.wait(interval_s)
