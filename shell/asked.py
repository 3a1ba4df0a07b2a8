"""What the arguments of the program ask for: its own options, and the command behind them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from manager.api.errors import UsageError


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
    if asked.check and asked.file is None and asked.text is None:
        raise UsageError("--check needs a script", hint="simplecloud -f FILE --check")
    if asked.command and (asked.file is not None or asked.text is not None):
        raise UsageError(f"a script and a command: {asked.command[0]!r}", hint="simplecloud --help")


def _take_option(asked: Asked, left: list[str]) -> None:
    option, equals, inline = left.pop(0).partition("=")
    if equals and option in ("--cloud", "-f", "--file", "-c"):
        left.insert(0, inline)
    elif equals:
        raise UsageError(f"simplecloud has no option {option} with a value", hint="simplecloud --help")
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
            raise UsageError(f"simplecloud has no option {option}", hint="simplecloud --help")


def _value(option: str, left: list[str], former: str | None) -> str:
    if former is not None:
        raise UsageError(f"{option} is given twice, and takes one value", hint="simplecloud --help")
    if not left:
        raise UsageError(f"{option} needs a value", hint="simplecloud --help")
    return left.pop(0)
