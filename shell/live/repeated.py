"""Which commands `watch` repeats: those that list, as long as they only look. Pure."""

from __future__ import annotations

from dataclasses import replace

from manager.api.arguments import option_words
from manager.api.cite import cited
from manager.api.command import Command, Operand
from manager.api.commands import command_of
from manager.api.errors import UsageError
from manager.api.typed import Params
from manager.api.values import choice
from shell.language import grammar
from shell.language.parsing import texts
from shell.language.quoting import join, quote

# with these, what lists changes something
_CHANGING = frozenset({"state", "max", "min", "slo", "mode", "repair", "fix"})
_CHANGING_ACTIONS = ("set", "rm")


def is_listing(row: Command) -> bool:
    """Tell whether a command shows what is there, in one look."""
    return bool(row.lists) or row.verb == "status"


def only_looks(params: Params) -> bool:
    """Tell whether a listing with these parameters changes nothing."""
    return _CHANGING.isdisjoint(params) and params.get("action") not in _CHANGING_ACTIONS


def require_watchable(watch: Command, params: Params) -> None:
    """Raise UsageError for a `watch` of what is no listing, or cannot be repeated or drawn as is asked."""
    words = texts(params, "what")
    if words and command_of(words[0]) is not None:
        _require_repeatable(watch, params, words)
    elif len(words) > 1:
        raise UsageError(f"no command is named {cited(words[0])}", hint="watch ps web", word=words[0])
    elif "svg" in params and "output" in params:
        hint = join([watch.verb, "--svg", str(params["svg"]), *words])
        raise UsageError("watch: either --svg or -o", hint=hint)


def _require_repeatable(watch: Command, params: Params, words: list[str]) -> None:
    row = grammar.row_of(words)
    if not is_listing(row):
        told = f"watch repeats listings, and {words[0]} is none"
        raise UsageError(told, hint="watch ps", word=words[0])
    if "svg" in params:
        hint = f"watch --svg {quote(str(params['svg']))}"
        raise UsageError("watch: --svg draws the live view, and no listing", hint=hint)
    if "output" in params:
        form = str(params["output"]) if row.lists else "json"
        before = option_words([option for option in watch.options if option.name != "output"], params)
        hint = join([watch.verb, *before, words[0], "-o", form, *words[1:]])
        raise UsageError(f"watch: the format of {words[0]} stands behind it", hint=hint)
    if grammar.asks_for_help(row, words[1:]):
        return
    inner = _params_of(row, words[1:])
    if not only_looks(inner):
        raise UsageError(f"watch only looks, and this {row.verb} changes something", hint=join(words))
    if "follow" in inner:
        raise UsageError(f"watch: what {row.verb} follows goes on by itself", hint=join(words))


def _params_of(row: Command, given: list[str]) -> Params:
    """Return the parameters of a listing; raises UsageError with its word: its place is not known here."""
    try:
        return grammar.params_of(row, given)
    except UsageError as error:
        if error.at is not None and error.at < len(given):
            error.word = error.word or given[error.at]
        error.at = None
        raise


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
