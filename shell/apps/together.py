"""What the apps of one file are to each other: which is made first, and which has a route. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from manager.api.agreement import port_of
from manager.api.errors import UsageError
from shell.apps.entry import Entry
from shell.language.parsing import texts


def in_order(entries: Sequence[Entry], present: Mapping[str, Entry]) -> list[Entry]:
    """Return the entries, each behind those that it reaches, above all behind those that it needs first.

    present: the apps there are, by name.  Raises UsageError where apps need each other first.
    """
    named = {entry.name for entry in entries}
    needs = {entry.name: _needs(entry, present, named) for entry in entries}
    ordered = _behind(
        _behind(entries, {entry.name: texts(entry.params, "reach") for entry in entries}), needs
    )
    for entry in ordered:
        named.discard(entry.name)
        if needed := next((name for name in needs[entry.name] if name in named), None):
            told = f"{entry.name} needs {needed} first, and {needed} needs {entry.name}"
            raise UsageError(told, hint="help files    (apply one without its reach or path before)")
    return ordered


def _needs(entry: Entry, present: Mapping[str, Entry], names: Collection[str]) -> list[str]:
    """Return what of these names comes first: it is reached and not there yet, or gives a route up."""
    reached = [name for name in texts(entry.params, "reach") if name not in present]
    return [name for name in (*reached, *_holders(entry, present)) if name in names]


def _behind(entries: Sequence[Entry], others: Mapping[str, Collection[str]]) -> list[Entry]:
    """Return the entries, each behind the others that are named for it, as far as that goes."""
    left = {entry.name: entry for entry in entries}
    placed: list[Entry] = []

    def place(name: str) -> None:
        entry = left.pop(name, None)
        if entry is not None:
            for other in others[name]:
                place(other)
            placed.append(entry)

    for entry in entries:
        place(entry.name)
    return placed


def unreaching(entry: Entry, names: Collection[str]) -> Entry:
    """Return an entry that reaches none of these names."""
    reached = [name for name in texts(entry.params, "reach") if name not in names]
    others = {key: value for key, value in entry.params.items() if key != "reach"}
    return replace(entry, params={**others, "reach": reached} if reached else others)


def require_apart(entries: Iterable[Entry]) -> None:
    """Raise UsageError where two of the apps would have the same route."""
    holders: dict[str, str] = {}
    for entry in entries:
        for route in routes(entry):
            if (holder := holders.setdefault(route, entry.name)) != entry.name:
                raise UsageError(f"{holder} and {entry.name} have the same route {route}", hint="help files")


def may_be_given_up(entry: Entry, present: Mapping[str, Entry], names: Set[str]) -> bool:
    """Return whether what the entry's routes are held by now are apps of these names, and no others."""
    holders = _holders(entry, present)
    return bool(holders) and names >= {*holders}


def _holders(entry: Entry, present: Mapping[str, Entry]) -> list[str]:
    """Return the other apps that have a route of the entry's now."""
    wanted = {*routes(entry)}
    held = (name for name, other in present.items() if not wanted.isdisjoint(routes(other)))
    return [name for name in held if name != entry.name]


def routes(entry: Entry) -> list[str]:
    """Return the hosts and paths that the app is found under, none where it is not for http."""
    port, protocol = port_of(str(entry.params["port"]) if "port" in entry.params else None)
    if port is None or protocol == "tcp":
        return []
    named = [*texts(entry.params, "host"), *texts(entry.params, "path")]
    return [f"{entry.name}.localhost", f"/{entry.name}", *named]
