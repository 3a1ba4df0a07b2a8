"""What may come of an effect: it is done, refused, done without an answer, or the manager dies at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Protocol

from manager.api.errors import Conflict, NotConfirmed, StoreUnavailable


class ManagerDied(BaseException):
    """The manager's process is gone at this point; nothing of it runs on."""


class Broken(BaseException):
    """Something that must hold does not. No Exception, so that no part of the manager can catch it."""


class Outcome(Enum):
    """LOST: told of a time-out, not done. UNANSWERED: told of a time-out, done. LATE: dies, done later."""

    DONE = auto()
    FAILED = auto()
    LOST = auto()
    UNANSWERED = auto()
    DIES_BEFORE = auto()
    DIES_AFTER = auto()
    DIES_LATE = auto()


DEATHS = (Outcome.DIES_BEFORE, Outcome.DIES_AFTER, Outcome.DIES_LATE)
TROUBLES = (Outcome.FAILED, Outcome.LOST, Outcome.UNANSWERED)


class Chance(Protocol):
    """Decides what comes of the next effect."""

    def __call__(self, effect: str) -> Outcome: ...


@dataclass(slots=True)
class Script:
    """The effects whose numbers are named have these outcomes; all others are done. Counts from 0."""

    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)

    def __call__(self, effect: str) -> Outcome:
        number = len(self.effects)
        self.effects.append(effect)
        return self.outcomes.get(number, Outcome.DONE)


@dataclass(slots=True)
class Luck:
    """Each effect has trouble or is the manager's last with these probabilities.

    spared: effects that may be the manager's last, and have no other trouble.
    """

    random: Random
    trouble: float
    death: float
    spared: frozenset[str] = frozenset()

    def __call__(self, effect: str) -> Outcome:
        drawn = self.random.random()
        if drawn < self.death:
            return self.random.choice(DEATHS)
        troubled = drawn < self.death + self.trouble and effect not in self.spared
        return self.random.choice(TROUBLES) if troubled else Outcome.DONE


def fine(effect: str) -> Outcome:
    """Everything that is tried is done."""
    return Outcome.DONE


@dataclass(slots=True)
class Faults:
    """Stands between the manager and every fake.

    meanwhile: what the world does while the manager is about to look or act. after: what must hold after
    every effect.
    """

    meanwhile: Callable[[], None]
    after: Callable[[], None]
    chance: Chance = fine
    late: list[Callable[[], object]] = field(default_factory=list)

    def look(self) -> None:
        """The world moves on between two looks of one pass."""
        self.meanwhile()

    @contextmanager
    def effect(self, name: str, error: Callable[[str], Exception]) -> Iterator[None]:
        """Do in the `with` what an engine or a network was asked for, or have it fail."""
        self.meanwhile()
        outcome = self.chance(name)
        if outcome in (Outcome.DIES_BEFORE, Outcome.DIES_LATE):
            raise ManagerDied(name)
        if outcome in (Outcome.FAILED, Outcome.LOST):
            raise error(f"cannot {name}: refused")
        yield
        self.after()
        if outcome is Outcome.DIES_AFTER:
            raise ManagerDied(name)
        if outcome is Outcome.UNANSWERED:
            raise error(f"cannot {name} for sure: no answer in time")

    def write(self, name: str, apply: Callable[[], int]) -> int:
        """Return what a write to the store returned, or have it fail as etcd does."""
        self.meanwhile()
        outcome = self.chance(name)
        match outcome:
            case Outcome.FAILED:
                raise StoreUnavailable(f"cannot {name}: etcd does not answer")
            case Outcome.LOST:
                raise NotConfirmed(f"cannot {name} for sure: etcd did not answer")
            case Outcome.DIES_BEFORE:
                raise ManagerDied(name)
            case Outcome.DIES_LATE:
                self.late.append(apply)
                raise ManagerDied(name)
        with suppress(*([Conflict] if outcome is Outcome.UNANSWERED else [])):
            revision = apply()
        self.after()
        if outcome is Outcome.DIES_AFTER:
            raise ManagerDied(name)
        if outcome is Outcome.UNANSWERED:
            raise NotConfirmed(f"cannot {name} for sure: etcd did not answer")
        return revision

    def deliver_late(self) -> None:
        """What a dead manager had sent reaches the store now, under another leader: it must be refused."""
        while self.late:
            with suppress(Conflict):
                self.late.pop(0)()
                raise Broken("a write of a dead manager was applied under its successor")
