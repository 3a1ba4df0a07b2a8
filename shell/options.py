"""What `set` changes in one shell: the options, what they may be and do, and what they begin with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from manager.api.cite import cited
from manager.api.errors import UsageError
from manager.api.suggest import slips
from manager.api.values import FORMAT, Kind, Value, choice
from shell.language.quoting import join

_SWITCH = choice("on", "off")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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


def require_setting(name: str | None, words: Sequence[str]) -> None:
    """Raise UsageError for a name that no variable can have, and a value that it cannot have."""
    if name is None:
        return
    if not _VARIABLE.fullmatch(name) or name == "env":
        left, _, right = name.partition("=")
        hint = join(["set", left, right]) if right and _VARIABLE.fullmatch(left) else "set n 3"
        raise UsageError(f"{cited(name)} cannot name a variable", hint=hint, at=0)
    if not words:
        raise UsageError(f"set {name} needs a value", hint=f"set {name} VALUE", at=1)
    if name in OPTIONS:
        _value(name, " ".join(words))


def _value(name: str, word: str) -> Value:
    kind, _ = OPTIONS[name]
    try:
        return kind.parse(word)
    except ValueError as error:
        raise UsageError(f"{name}: {error}", hint=f"set {name} {kind.choices[0]}", at=1) from None


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
        value = _value(name, word)
        setattr(self, name, value == "on" if OPTIONS[name][0] is _SWITCH else value)

    def shown(self) -> dict[str, str]:
        """Return each option as `set` would write it."""
        words = {True: "on", False: "off"}
        values = {name: getattr(self, name) for name in OPTIONS}
        return {name: words.get(value, value) for name, value in values.items()}
