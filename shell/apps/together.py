"""What the apps of one file are to each other: which is made first, and which has a route. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from manager.api.agreement import port_of
from manager.api.errors import UsageError

if TYPE_CHECKING:
    from shell.apps.app_file import Entry


def in_order(entries: Sequence[Entry], present: Collection[str]) -> list[Entry]:
    """Return the entries, each behind those that it reaches, above all where those are not there yet.

    present: the names of the apps there are.  Raises UsageError where new apps reach each other in a circle.
    """
    ordered = _behind_reached(_behind_reached(entries), apart=present)
    coming = {entry.name for entry in entries}.difference(present)
    for entry in ordered:
        coming.discard(entry.name)
        if reached := next((name for name in _reached(entry) if name in coming), None):
            told = (
                f"{entry.name} reaches {reached}, which needs {entry.name} itself: neither can be made first"
            )
            raise UsageError(told, hint=f"update --reach {reached} {entry.name}    (once both are there)")
    return ordered


def _behind_reached(entries: Sequence[Entry], apart: Collection[str] = ()) -> list[Entry]:
    left = {entry.name: entry for entry in entries}
    placed: list[Entry] = []

    def place(name: str) -> None:
        entry = left.pop(name, None)
        if entry is not None:
            for reached in _reached(entry):
                if reached not in apart:
                    place(reached)
            placed.append(entry)

    for entry in entries:
        place(entry.name)
    return placed


def unreaching(entry: Entry, names: Collection[str]) -> Entry:
    """Return an entry that reaches none of these names."""
    reached = [name for name in _reached(entry) if name not in names]
    others = {key: value for key, value in entry.params.items() if key != "reach"}
    return replace(entry, params={**others, "reach": reached} if reached else others)


def require_apart(entries: Iterable[Entry]) -> None:
    """Raise UsageError where two of the apps would have the same route."""
    holders: dict[str, str] = {}
    for entry in entries:
        for route in routes(entry):
            if (holder := holders.setdefault(route, entry.name)) != entry.name:
                raise UsageError(f"{holder} and {entry.name} have the same route {route}", hint="help files")


def may_be_given_up(entry: Entry, present: Mapping[str, Entry], names: Collection[str]) -> bool:
    """Return whether what the entry's routes are held by now are apps of these names, and no others."""
    wanted = {*routes(entry)}
    holders = {other.name for other in present.values() if not wanted.isdisjoint(routes(other))}
    others = holders - {entry.name}
    return bool(others) and others.issubset(names)


def routes(entry: Entry) -> list[str]:
    """Return the hosts and paths that the app is found under, none where it is not for http."""
    port, protocol = port_of(str(entry.params["port"]) if "port" in entry.params else None)
    if port is None or protocol == "tcp":
        return []
    named = [*_texts(entry, "host"), *_texts(entry, "path")]
    return [f"{entry.name}.localhost", f"/{entry.name}", *named]


def _reached(entry: Entry) -> list[str]:
    return _texts(entry, "reach")


def _texts(entry: Entry, key: str) -> list[str]:
    value = entry.params.get(key)
    return list(value) if isinstance(value, list) else []
