"""What `set` changes in one shell: the options, what they may be and do, and what they begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from manager.api.errors import UsageError
from manager.api.suggest import slips
from manager.api.values import FORMAT, Kind, choice

_SWITCH = choice("on", "off")
OPTIONS: Mapping[str, tuple[Kind, str]] = {
    "errexit": (_SWITCH, "stop at the first failure"),
    "echo": (_SWITCH, "print each command before it runs"),
    "output": (FORMAT, "how listings are printed"),
    "timing": (_SWITCH, "tell how long each command took"),
    "confirm": (_SWITCH, "ask before what cannot be undone"),
    "pager": (_SWITCH, "long results through $PAGER, on a terminal"),
    "keys": (choice("emacs", "vi"), "the keys of the prompt"),
}


def near(name: str) -> str | None:
    """Return the option that a variable's name is a slip of the keys away from."""
    return next((option for option in OPTIONS if slips(name, option) <= len(option) // 3), None)


class ShellOptions:
    """The options with their values."""

    errexit: bool = True
    echo: bool = False
    output: str = "table"
    timing: bool = False
    confirm: bool = True
    pager: bool = False
    keys: Literal["emacs", "vi"] = "emacs"

    def change(self, name: str, word: str) -> None:
        """The option has the value that the word means; raises UsageError when it means none."""
        kind, _ = OPTIONS[name]
        try:
            value = kind.parse(word)
        except ValueError as error:
            raise UsageError(f"{name}: {error}", hint=f"set {name} {kind.choices[0]}", at=1) from None
        setattr(self, name, value == "on" if kind is _SWITCH else value)

    def shown(self) -> dict[str, str]:
        """Return each option as `set` would write it."""
        words = {True: "on", False: "off"}
        values = {name: getattr(self, name) for name in OPTIONS}
        return {name: words.get(value, value) for name, value in values.items()}
