"""What `set` changes in one shell: the options, what they may be, and what they begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from manager.api.errors import UsageError
from manager.api.suggest import slips
from manager.api.values import FORMAT, Kind, choice

_SWITCH = choice("on", "off")
KINDS: Mapping[str, Kind] = {
    "errexit": _SWITCH,
    "echo": _SWITCH,
    "output": FORMAT,
    "timing": _SWITCH,
    "confirm": _SWITCH,
    "pager": _SWITCH,
    "keys": choice("emacs", "vi"),
}

HELP: Mapping[str, str] = {
    "errexit": "stop at the first failure",
    "echo": "print each command before it runs",
    "output": "how listings are printed",
    "timing": "tell how long each command took",
    "confirm": "ask before what cannot be undone",
    "pager": "long results through $PAGER, on a terminal",
    "keys": "the keys of the prompt",
}


def near(name: str) -> str | None:
    """Return the option that a variable's name is a slip of the keys away from."""
    return next((option for option in KINDS if slips(name, option) <= len(option) // 3), None)


class ShellOptions:
    """The options with their values; HELP says what each does."""

    errexit: bool = True
    echo: bool = False
    output: str = "table"
    timing: bool = False
    confirm: bool = True
    pager: bool = False
    keys: Literal["emacs", "vi"] = "emacs"

    def change(self, name: str, word: str) -> None:
        """The option has the value that the word means; raises UsageError when it means none."""
        kind = KINDS[name]
        try:
            value = kind.parse(word)
        except ValueError as error:
            raise UsageError(f"{name}: {error}", hint=f"set {name} {kind.choices[0]}", at=1) from None
        setattr(self, name, value == "on" if kind is _SWITCH else value)

    def shown(self) -> dict[str, str]:
        """Return each option as `set` would write it."""
        words = {True: "on", False: "off"}
        values = {name: getattr(self, name) for name in KINDS}
        return {name: words.get(value, value) for name, value in values.items()}
