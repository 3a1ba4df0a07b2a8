"""What the words of a statement mean: which command, with which parameters. Pure; knows the one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from shlex import split
from typing import TYPE_CHECKING

from manager.api import arguments
from manager.api.command import Command
from manager.api.commands import command_of, verbs
from manager.api.errors import UsageError
from manager.api.suggest import did_you_mean
from manager.api.typed import Params, Typed, mended
from shell.language import parsing
from shell.language.quoting import join

if TYPE_CHECKING:
    from shell.language.words import Statement

_DOCKER_RUN = (["docker", "run"], ["podman", "run"])
_MOST_HINTS = 8  # of a hint that is refused, the hint is the next
_OF_CONDITIONS = ("wait", "expect")  # with `error` they carry out a command, which has to fail
_OF_COLUMNS = frozenset({"sort", "filter", "columns"})
_OUTPUT, _JSON = ("-o", "--output"), ("json", "jsonl")
_JSON_IN_ONE = tuple(f"{start}{form}" for start in ("-o", "-o=", "--output=") for form in _JSON)


def row_of(given: Sequence[str | None]) -> Command:
    """Return the row of the command that the words begin with; raises UsageError.

    None is a word that is not known yet.
    """
    row = _row(given)
    if row is None:
        known = [word for word in given if word is not None]
        told = f'unknown command "{(given[0] or "")[:40]}"'
        if known[:2] in _DOCKER_RUN:
            told += ": here run takes NAME, then COMMAND, and -p the port inside"
        raise UsageError(told, hint=_put_right(known, _near(known)), at=-1)  # 0 is the word after the verb
    return row


def _row(given: Sequence[str | None]) -> Command | None:
    verb, *rest = given
    row = command_of(verb or "")
    if row is None:
        return None
    # what follows `expect error` is a command with options of its own
    if row.verb in _OF_CONDITIONS and _first_operand(row, rest) == "error":
        return replace(row, verbatim=True)
    # of `watch web --once` all options are watch's own, of `watch ps -a` the last is not
    if row.verb == "watch" and not any(command_of(word or "") for word in rest):
        return replace(row, verbatim=False)
    return row


def _first_operand(row: Command, given: Sequence[str | None]) -> str | None:
    return next((given[index] for index in _operands(row, given)), None)


def _operands(row: Command, given: Sequence[str | None]) -> Iterator[int]:
    """Yield where the words after the verb are operands: neither options nor values of such."""
    index = 0
    while index < len(given):
        word = given[index] or ""
        if word.startswith("-") and word != "-":
            index += 2 if parsing.takes_next(row, word) else 1
        else:
            yield index
            index += 1


def _put_right(given: Sequence[str], hint: str) -> str:
    """Return the command that was meant by habit (`docker ps`), else the hint.

    Where that would be refused too, what is said of it then is the hint.
    """
    from shell.language import habits  # only on an error

    typed = join(given)
    meant = habits.here(typed, known=_row(given) is not None)
    if meant == typed:
        return hint
    meant = _known(meant)
    for _ in range(_MOST_HINTS):
        next_hint = _hint_on(meant)
        if not next_hint:
            return meant
        meant = next_hint
    return hint


def _known(text: str) -> str:
    """Return a command with a verb of ours; one for another cloud stays as it is."""
    given = split(text)
    return text if given[0] == "simplecloud" or _row(given) is not None else _near(given)


def _hint_on(text: str) -> str:
    """Return the hint on a command that we would refuse, "" for one that we accept, and for what is none."""
    try:
        given = split(text)
        row = _row(given) if given else None
        if row is not None:
            _params(row, given[1:])
    except UsageError as error:
        is_mended = row is not None and error.hint not in row.examples
        return error.hint if is_mended else f"help {given[0]}"  # an example is of another app
    except ValueError:  # an open quote: a sentence
        return ""
    return ""


def _near(given: Sequence[str]) -> str:
    """Return the command that was meant but for a slip of the keys in its verb."""
    word, *rest = given
    guess = did_you_mean(word, verbs())
    row = command_of(guess) if guess is not None else None
    if row is None:
        return "help"
    lacks = not rest and any(operand.required for operand in row.operands)
    return f"help {row.verb}" if lacks else join([row.verb, *rest])


def params_of(row: Command, given: Sequence[str]) -> Params:
    """Return the parameters that the words after the verb stand for; raises UsageError."""
    try:
        return _params(row, given)
    except UsageError as error:
        error.hint = _put_right([row.verb, *given], error.hint)
        raise


def _params(row: Command, given: Sequence[str]) -> Params:
    order = _order(row, given)
    try:
        typed = parsing.read(row, [given[at] for at in order])
    except UsageError as error:
        if error.at is not None and error.at < len(order):
            error.at = order[error.at]
        raise
    if row.lists and not typed.params.keys().isdisjoint(_OF_COLUMNS):
        _check_columns(row, typed)
    if row.lists and typed.params.get("quiet") is True:
        _refuse_a_form_of_names(row, typed)
    if not row.at_once:  # of those none has a form to judge, and they begin sooner without
        _check_form(row, typed)
    return typed.params


def _order(outer: Command, given: Sequence[str]) -> Sequence[int]:
    """Return the places of the words after the verb, those of `watch`'s options behind what it repeats first.

    Raises UsageError when `watch` is to repeat what goes on by itself, and as `_late` does.
    """
    at = _carried_out(outer, given)
    if at is None:
        return range(len(given))
    inner, words = row_of(given[at:]), given[at + 1 :]
    late = _late(outer, inner, given, range(at + 1, at + 1 + _end_of_options(inner, words)))
    if outer.verb == "watch" and inner.option("--follow") is not None and not inner.lists:
        told = f"watch repeats listings, and {inner.verb} -f goes on by itself"
        raise UsageError(told, hint=_unwatched(given, at, late), at=at)
    return [*late, *(index for index in range(len(given)) if index not in late)]


def _unwatched(given: Sequence[str], at: int, late: Sequence[int]) -> str:
    """Return what goes on by itself, as it is typed without `watch`; with --once it does not go on."""
    once = "--once" in (given[index] for index in (*range(at), *late))
    rest = [given[index] for index in range(at + 1, len(given)) if index not in late]
    goes_on = [] if once or not {"-f", "--follow"}.isdisjoint(rest) else ["-f"]
    return join([given[at], *goes_on, *rest])


def _late(outer: Command, inner: Command, given: Sequence[str], places: range) -> list[int]:
    """Return where options of `outer`, and their values, stand in a command that has none of the name.

    Raises UsageError for one of `wait error` or `expect error`, and for one without its value.
    """
    late: list[int] = []
    for index in places:
        name = given[index].partition("=")[0]
        option = outer.option(name)
        if index in late or option is None or inner.option(name) is not None:
            continue
        if outer.verb != "watch":
            raise parsing.late_option(outer, given, index, inner.verb)
        end = index + 1 + parsing.takes_next(outer, given[index])
        if end > len(given):
            raise parsing.lacks_value(outer, option, name, index)
        late += range(index, end)
    return late


def _carried_out(outer: Command, given: Sequence[str]) -> int | None:
    """Return where the command begins that `watch`, `wait error` or `expect error` carries out."""
    if outer.verb == "watch":
        return next((index for index, word in enumerate(given) if command_of(word) is not None), None)
    if outer.verb not in _OF_CONDITIONS or not outer.verbatim:
        return None
    operands = [*_operands(outer, given)]
    at = operands[2] if len(operands) > 2 else len(given)  # behind error and TEXT
    return at if at < len(given) and command_of(given[at]) is not None else None


def _check_columns(row: Command, typed: Typed) -> None:
    """Raise UsageError when a column is named that the listing does not have."""
    from shell.text import columns  # only here: a command that needs none starts faster

    try:
        columns.check(row.lists, typed.params)
    except UsageError as error:
        at, meant = _place_of_column(error.word, typed), error.meant
        hint = mended(row, typed.words, at, error.word, meant) if meant else f"{row.verb} -o wide"
        raise UsageError(error.message, hint=hint, at=at) from None


def _refuse_a_form_of_names(row: Command, typed: Typed) -> None:
    """Raise UsageError when names only are asked for, and in a form that has more."""
    form, at = typed.params.get("output", "name"), typed.place("output")
    if at is None or form == "name":
        return
    first = at - 1 if typed.words[at] == form else at  # -o json are two words, -ojson is one
    hint = join([row.verb, *typed.words[:first], *typed.words[at + 1 :]])
    told = f"{row.verb}: -q prints names only, and {form} has more: give one of the two"
    raise UsageError(told, hint=hint, at=at)


def _check_form(row: Command, typed: Typed) -> None:
    """Raise UsageError when options and operands do not go together, whatever there is."""
    from manager.api import forms  # only here, as above

    given = arguments.bind(row, typed.params)
    forms.require_form(row.verb, given)
    if row.verb == "set":
        from shell import options

        options.require_setting(given.text("name"), given.texts("value"))
    if row.verb == "watch":
        from shell.live import repeated

        repeated.require_watchable(row, typed.params)


def _place_of_column(value: str, typed: Typed) -> int:
    """Return the index of the word in which a column is named, by its option."""
    places = (at for key in _OF_COLUMNS for at in typed.places.get(key, ()))
    return next(at for at in sorted(places) if typed.words[at].endswith(value))


def asks_for_help(row: Command, given: Sequence[str | None]) -> bool:
    """Tell whether the words after the verb ask how it is used: `ps --help`, `ps -h`.

    Those of a command that it carries out, as `run web ls --help`, ask that.
    """
    return not {"--help", "-h"}.isdisjoint(given[: _end_of_options(row, given)])


def _end_of_options(row: Command, given: Sequence[str | None]) -> int:
    """Return where the words after the verb can be no options of the row any more."""
    end = given.index("--") if "--" in given else len(given)
    if not row.verbatim:
        return end
    own = sum(not operand.many for operand in row.operands)
    return next(islice(_operands(row, given[:end]), own, None), end)


def wants_json(given: Sequence[str]) -> bool:
    """Tell whether the words ask for JSON, so that a failure is told as JSON too."""
    row = command_of(given[0]) if given else None
    if row is None or row.option("--output") is None:
        return False
    return any(
        word in _JSON_IN_ONE or (before in _OUTPUT and word in _JSON) for before, word in pairwise(given)
    )


def check(statement: Statement) -> None:
    """Raise UsageError when the statement cannot be right, whatever its variables will hold."""
    literals = [word.literal for word in statement.words]
    if literals[0] is None:
        return
    row = row_of(literals)
    if asks_for_help(row, literals[1:]):
        return
    known = [word for word in literals if word is not None]
    if len(known) == len(literals):
        params = params_of(row, known[1:])
        if row.verb in _OF_CONDITIONS:
            from shell.language import conditions  # only here: a command that needs none starts faster

            conditions.parse(row, arguments.bind(row, params))
    elif not row.verbatim:
        _check_options(row, literals[1:])


def _check_options(row: Command, given: Sequence[str | None]) -> None:
    """Raise UsageError when an option is written out that the command does not have."""
    for index, word in enumerate(given):
        if word == "--":
            return
        name = (word or "").partition("=")[0]
        if name.startswith("--") and row.option(name) is None:
            raise parsing.unknown_option(row, name, index)
