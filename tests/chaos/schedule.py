"""What happens when: a function of the seed, made before anything happens."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

CALM, BUSY, PASSING = "calm", "busy", "passing"  # untouched; changed and hurt; comes and goes
MOST = 4  # workers of an app, at most
FIRST_AT_S = 2.0
GAPS_S = (0.3, 3.0)  # between two faults
COMMAND_GAPS_S = (0.2, 2.0)


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that strikes at a time.  pick: chooses among those whom it may strike.  for_s: if it lasts."""

    at_s: float
    fault: str
    pick: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Order:
    """A command of the operator, given at its time or when the one before it has ended.

    waits: until it is done; otherwise it is over as soon as the manager has acknowledged it.
    """

    at_s: float
    words: tuple[str, ...]
    waits: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """One seed's history, as far as it is in anybody's hands."""

    seed: int
    duration_s: float
    blows: tuple[Blow, ...]
    orders: tuple[Order, ...]

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")


def schedule(seed: int, duration_s: float, faults: Collection[str], server: str) -> Schedule:
    """Return what a seed makes up of the named faults.

    Each fault comes once before any comes again.  server: the program that the apps run.
    """
    luck = Random(seed)
    return Schedule(
        seed,
        duration_s,
        tuple(_blows(luck, duration_s, sorted(faults))),
        tuple(_orders(luck, duration_s, server)),
    )


def _blows(luck: Random, duration_s: float, faults: Sequence[str]) -> list[Blow]:
    blows: list[Blow] = []
    left: list[str] = []
    at_s = FIRST_AT_S
    while at_s < duration_s:
        if not left:
            left = luck.sample(faults, len(faults))
        blows.append(Blow(round(at_s, 3), left.pop(), luck.randrange(1000), luck.choice((0.5, 1.5, 4.0))))
        at_s += luck.uniform(*GAPS_S)
    return blows


def _orders(luck: Random, duration_s: float, server: str) -> list[Order]:
    orders: list[Order] = []
    at_s = FIRST_AT_S
    while at_s < duration_s:
        orders.append(Order(round(at_s, 3), _words(luck, len(orders), server), luck.random() < 0.5))
        at_s += luck.uniform(*COMMAND_GAPS_S)
    return orders


def _words(luck: Random, number: int, server: str) -> tuple[str, ...]:
    choices = (
        ("scale", f"{BUSY}={luck.randint(1, MOST)}"),
        ("scale", f"{BUSY}={luck.randint(1, MOST)}"),
        ("update", BUSY, "-e", f"MARK=m{number}", "--parallel", str(luck.randint(1, 2))),
        ("restart", BUSY),
        ("run", "-n", str(luck.randint(1, 2)), "-p", "8000", "--drain", "1s", PASSING, server, "8000"),
        ("scale", f"{PASSING}={luck.randint(0, MOST)}"),
        ("rm", PASSING, "-y"),
    )
    return luck.choice(choices)
