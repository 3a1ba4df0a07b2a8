"""Which commands `watch` repeats: those that list, as long as they only look. Pure."""

from __future__ import annotations

from dataclasses import replace

from manager.api.command import Command, Operand
from manager.api.typed import Params
from manager.api.values import choice

# with these, what lists changes something
_CHANGING = frozenset({"state", "max", "min", "slo", "mode", "repair", "fix"})
_CHANGING_ACTIONS = ("set", "rm")


def is_listing(row: Command) -> bool:
    """Tell whether a command shows what is there, in one look."""
    return bool(row.lists) or row.verb == "status"


def only_looks(params: Params) -> bool:
    """Tell whether a listing with these parameters changes nothing."""
    return _CHANGING.isdisjoint(params) and params.get("action") not in _CHANGING_ACTIONS


def repeated(listing: Command) -> Command:
    """Return the row of a listing with what of it can be repeated: it only looks, and ends by itself."""
    options = tuple(option for option in listing.options if option.key not in _CHANGING | {"follow"})
    operands = tuple(_looking(operand) for operand in listing.operands if operand.key not in _CHANGING)
    return replace(listing, options=options, operands=operands)


def _looking(operand: Operand) -> Operand:
    if operand.key != "action":
        return operand
    looks = (action for action in operand.kind.choices if action not in _CHANGING_ACTIONS)
    return replace(operand, kind=choice(*looks))
