"""The comparison of a condition, FIELD OP VALUE, and whether it holds for a value that was seen. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from operator import ge, gt, le, lt

from manager.api import quantities
from manager.api.cite import cited
from manager.api.errors import UsageError
from shell.language.quoting import join

_ORDERS: Mapping[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
OPERATORS = ("==", "!=", *_ORDERS, "contains")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NOTHING = ("-", "none", "")
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Comparison:
    """FIELD OP VALUE, as it was written; `field` is the name in the JSON item.

    before: the words before OP, to tell what can be compared.
    """

    field: str
    operator: str
    value: str
    before: tuple[str, ...] = attribute(default=(), compare=False)

    def rather(self, operator: str, value: str) -> str:
        """Return the condition with another comparison, as it is typed."""
        return join([*self.before, operator, value])


def holds(said: Comparison, observed: object) -> bool:
    """Tell whether an observed value compares as said; raises UsageError when it cannot be compared."""
    if said.operator == "contains":
        return said.value in ("" if _is_nothing(observed) else shown(observed))
    if said.operator in ("==", "!="):
        return _equals(said, observed) == (said.operator == "==")
    if observed is None:
        return False
    if isinstance(observed, bool) or not isinstance(observed, int | float):
        told = f"{said.field} is not a number and has no order"
        hint = said.rather("==", said.value)
        raise UsageError(told, hint=hint, word=said.operator, at=len(said.before) - 1)
    return _ORDERS[said.operator](observed, quantity(said))


def _equals(said: Comparison, observed: object) -> bool:
    if _is_nothing(observed):
        return said.value in _NOTHING
    if isinstance(observed, int | float) and not isinstance(observed, bool):
        return said.value not in _NOTHING and observed == quantity(said)
    if isinstance(observed, bool):
        return said.value not in _NOTHING and observed == _truth(said)
    return said.value == shown(observed)


def _is_nothing(observed: object) -> bool:
    """Tell whether a table shows a value as `-`."""
    return observed is None or observed == "" or observed == []


def _truth(said: Comparison) -> bool:
    if said.value not in _TRUTHS:
        told = f"{said.field}: {cited(said.value)} is none of {', '.join(_TRUTHS)}"
        hint = said.rather(said.operator, "yes")
        raise UsageError(told, hint=hint, word=said.value, at=len(said.before))
    return _TRUTHS[said.value]


def quantity(said: Comparison) -> float:
    """Return the number that a value means in the unit of its field: 250ms for p95_s is 0.25."""
    field, word = said.field, said.value
    try:
        if _NUMBER.fullmatch(word):
            return float(word)
        if word.endswith("%") and _NUMBER.fullmatch(word[:-1]):
            return float(word[:-1]) / 100
        if field.endswith("_bytes"):
            return quantities.size(word)
        if field.endswith("_s"):
            return quantities.seconds(word)
        raise ValueError(f"{cited(word)} is not a number")
    except ValueError as error:
        hint = said.rather(said.operator, "1")
        raise UsageError(f"{field}: {error}", hint=hint, word=word, at=len(said.before)) from None


def shown(observed: object) -> str:
    """Return a value as it is compared with words and shown to people."""
    match observed:
        case None | "" | []:
            return "-"
        case list(entries):
            return " ".join(str(entry) for entry in entries)
        case bool(truth):
            return "yes" if truth else "no"
        case float(number):
            return f"{number:g}"
        case _:
            return str(observed)
