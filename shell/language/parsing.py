"""From the words of a command to its parameters and back: options, operands, and what is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from manager.api.arguments import bind, option_words
from manager.api.cite import cited
from manager.api.command import Command, Option
from manager.api.errors import UsageError
from manager.api.suggest import Meant, did_you_mean
from manager.api.typed import Params, Typed, mended, missing, written
from manager.api.values import Kind
from shell.language.quoting import join

_NUMBER = re.compile(r"-[0-9]+")

# what docker's users try: the options, why there are none here, and what there is instead
_ELSEWHERE = (
    (
        ("-v", "--volume", "--mount"),
        "workers are stateless, what they write goes with them",
        "{verb} --copy ./config.json ...",
    ),
    (("-i", "-t", "--interactive", "--tty"), "workers have no terminal, exec goes into one", "help exec"),
    (("-n", "--workers"), "how many there are is no matter of a revision", "help scale"),
)


def parse(command: Command, words: Sequence[str]) -> Params:
    """Return the parameters that the words after the verb stand for; raises UsageError as `read` does."""
    return read(command, words).params


def texts(params: Params, key: str) -> list[str]:
    """Return the words of a parameter that takes several, none where it was not given."""
    value = params.get(key)
    return list(value) if isinstance(value, list) else []


def typed_again(row: Command, params: Params) -> str:
    """Return a command with its options and operands, such as `down --purge`."""
    given = [row.verb, *option_words(row.options, params)]
    for operand in row.operands:
        value = params.get(operand.key, [])
        given += value if isinstance(value, list) else [str(value)]
    return join(given)


def read(command: Command, words: Sequence[str]) -> Typed:
    """Return what the words after the verb stand for.

    Raises UsageError with `at`, the index of the word that is off (len(words) when one is missing).
    """
    typed = Typed(words)
    operands: list[int] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            operands += range(index + 1, len(words))
            break
        if command.verbatim and operands and not (command.late_options and word.startswith("-")):
            _refuse_late_option(command, words, index)
            operands += range(index, len(words))
            break
        if not word.startswith("-") or word == "-" or (operands and _is_number(command, word)):
            operands.append(index)
            index += 1
            continue
        index = _take_option(command, words, index, typed)
    _take_operands(command, operands, typed)
    bind(command, typed.params, typed)
    return typed


def _refuse_late_option(command: Command, words: Sequence[str], index: int) -> None:
    """Raise UsageError when an option of ours stands where the command of a worker begins."""
    name, word = words[index - 1], words[index]
    if not word.startswith("-") or not any(operand.required for operand in command.operands[1:]):
        return
    known = command.option(word.partition("=")[0]) or command.option(word[:2])
    if known is None:
        hint = f"{command.verb} {name} -- {word}"
        raise UsageError(f"{word} stands behind {name}: options come before it", hint=hint, at=index)
    raise late_option(command, words, index, name)


def late_option(command: Command, words: Sequence[str], index: int, name: str) -> UsageError:
    """Return the error for an option at `index` that stands behind `name`, with the command put right."""
    end = index + 1 + takes_next(command, words[index])
    hint = written(command, [*words[index:end], *words[:index], *words[end:]])
    return UsageError(f"{words[index]} stands behind {name}: options come before it", hint=hint, at=index)


def takes_next(command: Command, word: str) -> bool:
    """Tell whether a word is an option of the command whose value is the word behind it."""
    option = command.option(word if word.startswith("--") else word[:2])
    if option is None or word.startswith("--") or len(word) == 2:
        return option is not None and option.kind is not None and not option.implied
    return option.kind is None and takes_next(command, f"-{word[2:]}")  # -dn 3 is -d -n 3


def _is_number(command: Command, word: str) -> bool:
    return bool(_NUMBER.fullmatch(word)) and command.option(word[:2]) is None


def _take_option(command: Command, words: Sequence[str], index: int, typed: Typed) -> int:
    """Put the option at `index` into `typed` and return the index after it."""
    word = words[index]
    name, equals, inline = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
    option = command.option(name)
    if option is None:
        raise unknown_option(command, name, index, words)
    if option.kind is None:
        if word.startswith("--") and equals:
            raise UsageError(f"{name} takes no value", hint=f"help {command.verb}", at=index)
        typed.params[option.key] = True
        if not word.startswith("--") and inline:  # -fq is -f -q
            return _take_option(command, [*words[:index], f"-{inline}", *words[index + 1 :]], index, typed)
        return index + 1
    _refuse_again(command, option, name, typed, index)
    if equals or inline:
        _add(option, inline.removeprefix("=") if not equals else inline, typed, index)
        return index + 1
    if option.implied:
        _refuse_apart(command, option.kind, words, index)
        _add(option, option.implied, typed, index)
        return index + 1
    if index + 1 >= len(words):
        raise lacks_value(command, option, name, index)
    _add(option, words[index + 1], typed, index + 1)
    return index + 2


def lacks_value(command: Command, option: Option, name: str, index: int) -> UsageError:
    """Return the error for an option at `index` that is the last word, and takes another."""
    metavar = option.kind.metavar if option.kind is not None else "VALUE"
    return UsageError(f"{name} needs a value: {metavar}", hint=f"help {command.verb}", at=index)


def _refuse_again(command: Command, option: Option, name: str, typed: Typed, index: int) -> None:
    """Raise UsageError when an option that takes one value has one already."""
    if option.key in typed.names and not option.many:
        raise UsageError(f"{name} is given twice, and takes one value", hint=f"help {command.verb}", at=index)
    typed.names[option.key] = name


def _refuse_apart(command: Command, kind: Kind, words: Sequence[str], index: int) -> None:
    """Raise UsageError when the next word is a value that has to be joined: --wait 5s.

    It would be taken for an operand. Those that begin with a digit are ids of containers, of at least four
    digits, and the number of workers in `scale web -w 3`.
    """
    word = words[index + 1] if index + 1 < len(words) else ""
    if not word[:1].isdigit() or (word.isdecimal() and (len(word) > 3 or command.verb == "scale")):
        return
    try:
        kind.parse(word)
    except Meant as error:
        word = error.right
    except ValueError:
        return
    joined = f"{words[index]}={word}"
    hint = written(command, [*words[:index], joined, *words[index + 2 :]])
    raise UsageError(f"{words[index]} and its value are one word: {joined}", hint=hint, at=index + 1)


def _add(option: Option, value: str, typed: Typed, index: int) -> None:
    if not option.many:
        typed.params[option.key] = value
        typed.places[option.key] = [index]
        return
    given = typed.params.setdefault(option.key, [])
    if isinstance(given, list):
        given.append(value)
        typed.places.setdefault(option.key, []).append(index)


def unknown_option(command: Command, name: str, index: int, words: Sequence[str] = ()) -> UsageError:
    """Return the error for `name`, at `index` of the words after the verb, which is no option."""
    for names, why, hint in _ELSEWHERE:
        if command.verb in ("run", "update") and name in names:
            return UsageError(
                f"{command.verb} has no {name}: {why}", hint=hint.format(verb=command.verb), at=index
            )
    if name == "--cloud" and words:
        return _cloud_first(command, words, index)
    # a letter alone is near to nothing
    guess = did_you_mean(name[2:], [option.name for option in command.options])
    message = f"{command.verb} has no option {name}"
    if guess is None:
        return UsageError(message, hint=f"help {command.verb}", at=index)
    hint = mended(command, words, index, name, f"--{guess}") if words else f"{command.verb} --{guess} ..."
    return UsageError(f"{message} (did you mean --{guess}?)", hint=hint, at=index)


def _cloud_first(command: Command, words: Sequence[str], index: int) -> UsageError:
    _, equals, value = words[index].partition("=")
    end = index + 1 if equals else index + 2
    cloud = value or next(iter(words[index + 1 : end]), "NAME")
    rest = written(command, [*words[:index], *words[end:]])
    return UsageError(
        "--cloud comes before the command", hint=f"simplecloud --cloud {cloud} {rest}", at=index
    )


def _take_operands(command: Command, operands: Sequence[int], typed: Typed) -> None:
    """Put the operands, which are the words at these indices, into `typed`."""
    words, left = typed.words, list(operands)
    for operand in command.operands:
        taken, left = (left, []) if operand.many else (left[:1], left[1:])
        if taken:
            typed.params[operand.key] = [words[at] for at in taken] if operand.many else words[taken[0]]
            typed.places[operand.key] = taken
        if operand.required and operand.key not in typed.params:
            raise missing(command, operand, len(words))
    if left:
        bind(command, typed.params, typed)  # of two words that are off, the first is told
        kept = [word for at, word in enumerate(words) if at not in left]
        hint = written(command, [*_as_option(command, words[left[0]], typed), *kept])
        raise UsageError(f"{command.verb}: one word too many: {cited(words[left[0]])}", hint=hint, at=left[0])


def _as_option(command: Command, word: str, typed: Typed) -> list[str]:
    """Return the word as the value of the one option that it must be meant for, if there is one.

    Of a command without operands that is a file, else a revision or decision of the app: `rollback web 3`.
    """
    wanted = ("revisions", "decisions") if command.operands else ("files",)
    fitting = [option for option in command.options if option.kind and option.kind.completes in wanted]
    if len(fitting) != 1 or fitting[0].key in typed.params or (command.operands and not word.isdecimal()):
        return []
    return [f"-{fitting[0].letter}" if fitting[0].letter else f"--{fitting[0].name}", word]
