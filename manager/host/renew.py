"""Workers that a freeze leaves alone are asked for again: by `up`, and by a repair that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from manager.state.model import WorkerRecord
from manager.state.records import WORKERS, encode, readable
from manager.store import Fence, Store


def ask_again(store: Store, fence: Fence | None, is_meant: Callable[[WorkerRecord], bool]) -> None:
    """The workers meant are brought up as new ones are, whatever is frozen.

    Raises Conflict when the reconciler changed one of them meanwhile; else what Store.write does.
    """
    puts: dict[str, str] = {}
    unchanged: dict[str, int] = {}
    for key, entry in store.read(WORKERS).entries.items():
        record = readable(WorkerRecord, entry.value)
        if record is not None and record.was_up and is_meant(record):
            puts[key] = encode(replace(record, was_up=False))
            unchanged[key] = entry.mod_revision
    if puts:
        store.write(puts, fence=fence, unchanged=unchanged)
