"""Which commands `watch` repeats: those that list, as long as they only look. Pure."""

from __future__ import annotations

from manager.api.arguments import Params
from manager.api.command import Command

# with these, what lists changes something
_CHANGING = frozenset({"state", "max", "min", "slo", "mode", "repair", "fix"})


def is_listing(row: Command) -> bool:
    """Tell whether a command shows what is there, in one look."""
    return bool(row.lists) or row.verb == "status"


def only_looks(params: Params) -> bool:
    """Tell whether a listing with these parameters changes nothing."""
    return _CHANGING.isdisjoint(params) and params.get("action") not in ("set", "rm")
