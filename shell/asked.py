"""What the arguments of the program ask for: its own options, and the command behind them. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from manager.api.cite import cited
from manager.api.commands import command_of, known
from manager.api.errors import UsageError

_SWITCHES = ("-k", "-x")  # options without a value


class Asked:
    """What the arguments of the program ask for. `line`: to be completed, for the system's shell."""

    cloud: str | None = None
    file: str | None = None
    text: str | None = None
    check: bool = False
    keep_going: bool = False
    echo: bool = False
    about: str = ""
    line: str | None = None
    command: tuple[str, ...] = ()


def parse(arguments: Sequence[str]) -> Asked:
    """Return what the arguments ask for; raises UsageError."""
    asked = Asked()
    take(arguments, asked)
    return asked


def take(arguments: Sequence[str], asked: Asked) -> None:
    """Put what the arguments ask for into `asked`, up to what is off; raises UsageError.

    From the first VERB on all is the command's.
    """
    left = list(arguments)
    while left and left[0].startswith("-") and left[0] != "-":
        _take_option(asked, left)
    asked.command = tuple(left)
    if asked.file is not None and asked.text is not None:
        raise UsageError("either -f or -c", hint="simplecloud --help")
    if asked.command and (asked.file is not None or asked.text is not None):
        raise UsageError(f"a script and a command: {cited(asked.command[0])}", hint="simplecloud --help")
    if asked.command and asked.check:
        raise no_script(asked.command)


def no_script(command: Sequence[str] = ()) -> UsageError:
    """Return the error for a --check without a script; a file in a command's place is in its hint."""
    is_file = len(command) == 1 and command_of(command[0]) is None
    named = shlex.quote(command[0]) if is_file else "FILE"
    return UsageError("--check needs a script", hint=f"simplecloud -f {named} --check")


def _take_option(asked: Asked, left: list[str]) -> None:
    word = left.pop(0)
    if word[:2] in _SWITCHES and word[2:].isalpha():  # -kx is -k -x
        left.insert(0, f"-{word[2:]}")
        word = word[:2]
    option, equals, inline = word.partition("=")
    if equals and option in ("--cloud", "-f", "--file", "-c"):
        left.insert(0, inline)
    elif equals:
        raise UsageError(f"simplecloud has no option {option} with a value", hint=_meant(option, word, left))
    match option:
        case "--cloud":
            asked.cloud = _value(option, left, asked.cloud)
        case "-f" | "--file":
            asked.file = _value(option, left, asked.file)
        case "-c":
            asked.text = _value(option, left, asked.text)
        case "--check":
            asked.check = True
        case "-k":
            asked.keep_going = True
        case "-x":
            asked.echo = True
        case "--complete":
            asked.line = _value(option, left, asked.line)
        case "-h" | "--help":
            asked.about = "help"
        case "--version":
            asked.about = "version"
        case _:
            raise UsageError(f"simplecloud has no option {option}", hint=_meant(option, word, left))


def _meant(option: str, word: str, behind: Sequence[str]) -> str:
    """Return the call with the option behind the verb that has it: one of the words behind, else `up`."""
    for place, verb in enumerate(behind):
        if _has(verb, option):
            return shlex.join(["simplecloud", verb, word, *behind[:place], *behind[place + 1 :]])
    found = known("up").option(option)
    if found is None:
        return "simplecloud --help"
    value = behind[:1] if found.kind is not None and word == option else ()
    return shlex.join(["simplecloud", "up", word, *value])


def _has(verb: str, option: str) -> bool:
    command = command_of(verb)
    return command is not None and command.option(option) is not None


def _value(option: str, left: list[str], former: str | None) -> str:
    if former is not None:
        raise UsageError(f"{option} is given twice, and takes one value", hint="simplecloud --help")
    if not left:
        raise UsageError(f"{option} needs a value", hint="simplecloud --help")
    return left.pop(0)
