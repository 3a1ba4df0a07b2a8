"""How many workers `scale` is asked for: APP=N..., APP N, APP +N or APP -N."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from manager.api.cite import cited
from manager.api.errors import UsageError
from manager.api.values import APP_NAME, MAX_WORKERS, app_name

_PAIR = re.compile(r"([^=]*)=([0-9]{1,9})")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class ScaleChange:
    """A wished number of workers; `relative` adds it to what there is."""

    app: str
    amount: int
    relative: bool = False


def scale_changes(words: Sequence[str]) -> list[ScaleChange]:
    """Return what `APP=N...`, `APP N`, `APP +N` or `APP -N` asks for; raises UsageError."""
    if len(words) > 1 and "=" not in words[0]:
        name, amount, *others = words
        if name.isdecimal():
            app = amount if APP_NAME.fullmatch(amount) else "web"
            raise UsageError(
                f"{cited(name)} is not the name of an app", hint=f"scale {app}={name}", word=name
            )
        if not _AMOUNT.fullmatch(amount):
            raise UsageError(
                f"{cited(amount)} is not a number of workers", hint=f"scale {name}=3", word=amount
            )
        if others:
            raise UsageError(
                f"one word too many: {cited(others[0])}", hint=f"scale {name} {amount}", word=others[0]
            )
        return [_possible(ScaleChange(_name(name), int(amount), relative=amount[0] in "+-"))]
    changes = [_pair(word) for word in words]
    for at, change in enumerate(changes):
        if any(change.app == before.app for before in changes[:at]):
            hint = f"scale {' '.join(words[:at])}"
            raise UsageError(f"{change.app} is named twice", hint=hint, word=words[at])
    return changes


def _pair(word: str) -> ScaleChange:
    found = _PAIR.fullmatch(word)
    if found is None:
        app = word.partition("=")[0]
        example = app if APP_NAME.fullmatch(app) else "web"
        raise UsageError(f"{cited(word)} is not APP=N", hint=f"scale {example}=3", word=word)
    return _possible(ScaleChange(_name(found[1]), int(found[2])))


def _possible(change: ScaleChange) -> ScaleChange:
    if not change.relative:
        require_possible(change, change.amount)
    return change


def require_possible(change: ScaleChange, count: int) -> None:
    """Raise UsageError for a number of workers that no app can have."""
    nearest = min(max(0, count), MAX_WORKERS)
    if count != nearest:
        raise UsageError(
            f"{change.app} cannot have {count} workers: 0 to {MAX_WORKERS}",
            hint=f"scale {change.app}={nearest}",
            word=str(abs(change.amount)),
        )


def _name(word: str) -> str:
    try:
        return app_name(word)
    except ValueError as error:
        raise UsageError(str(error), hint="scale web=3", word=word) from None
