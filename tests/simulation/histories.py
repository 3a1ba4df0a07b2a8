"""Histories: the scenarios that are tried with every fault, and those that a seed makes up."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count, product
from random import Random

from tests.simulation import operator as ask
from tests.simulation.cloud import Cloud
from tests.simulation.copies import Form, copy_of, pressed
from tests.simulation.faults import Broken, Luck, Outcome, Script
from tests.simulation.misfortunes import befall, crash, cut, misname, vanish
from tests.simulation.operator import Command

FAULTS = tuple(outcome for outcome in Outcome if outcome is not Outcome.DONE)
FAULTS_OF_OTHERS = tuple(fault for fault in FAULTS if fault not in (Outcome.LOST, Outcome.DIES_LATE))
BYSTANDER, APP = "calm", "web"  # nobody touches the first; the second is what a history is about


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done, one act after the other, to an app of so many workers and spares.

    No workers: the app is not there yet.
    """

    name: str
    workers: int
    acts: tuple[Callable[[Cloud], None], ...]
    spares: int = 0

    def __str__(self) -> str:
        return self.name


def _asking(*commands: Command) -> tuple[Callable[[Cloud], None], ...]:
    return tuple(_at_once(command) for command in commands)


def _at_once(*commands: Command) -> Callable[[Cloud], None]:
    """Return the act of an operator who waits for the end of none of them."""
    return lambda cloud: cloud.operator.ask(*commands)


def _renamed_and(command: Command) -> Callable[[Cloud], None]:
    """Return the act of two: one renames a worker's container by hand, the other gives a command."""

    def act(cloud: Cloud) -> None:
        misname(cloud, cloud.worker(APP, 1))
        cloud.operator.ask(command)

    return act


def _renamed_and_cut(cloud: Cloud) -> None:
    misname(cloud, cloud.worker(APP, 1))
    cut(cloud, cloud.worker(APP, 1))


SCENARIOS = (
    Scenario("run", 0, _asking(ask.run(APP, 2))),
    Scenario("scale up", 1, _asking(ask.scale(APP, 1, relative=True))),
    Scenario("scale down", 3, _asking(ask.scale(APP, -2, relative=True))),
    Scenario("stop and start", 1, _asking(ask.stop(APP), ask.start(APP))),
    Scenario("stop one, start it", 2, _asking(ask.stop(APP, 1), ask.start(APP, 1))),
    Scenario("stop one, another now", 3, (_at_once(ask.stop(APP, 1), ask.stop(APP, 2, now=True)),)),
    Scenario("restart", 2, _asking(ask.restart(APP))),
    Scenario("restart one", 2, _asking(ask.restart(APP, 2))),
    Scenario("update, stopping first", 2, _asking(ask.update(APP, order="stop-first"))),
    Scenario("update that fails", 1, _asking(ask.update(APP, crashes=True))),
    Scenario("remove", 2, _asking(ask.remove(APP))),
    Scenario("remove now", 2, _asking(ask.remove(APP, now=True))),
    Scenario("remove, run again", 1, _asking(ask.remove(APP), ask.run(APP, 1))),
    Scenario("a worker crashes", 2, (lambda cloud: crash(cloud, cloud.worker(APP, 1)),)),
    Scenario("a container is removed by hand", 2, (lambda cloud: vanish(cloud, cloud.worker(APP, 1)),)),
    Scenario("a link is cut", 1, (lambda cloud: cut(cloud, cloud.worker(APP, 1)),)),
    Scenario("a container is renamed", 2, (lambda cloud: misname(cloud, cloud.worker(APP, 1)),)),
    Scenario("a container is renamed, and stopped", 2, (_renamed_and(ask.stop(APP, 1)),)),
    Scenario("a container is renamed, and its link is cut", 1, (_renamed_and_cut,)),
    Scenario("run with a spare", 0, _asking(ask.run(APP, 1, spares=1))),
    Scenario("scale up onto spares and down", 1, _asking(ask.scale(APP, 3), ask.scale(APP, 2)), 2),
    Scenario("scale to nothing but spares", 1, _asking(ask.scale(APP, 0), ask.scale(APP, 1)), 1),
    Scenario("update with a spare", 1, _asking(ask.update(APP)), 1),
    Scenario("update that fails, with a spare", 1, _asking(ask.update(APP, crashes=True)), 1),
    Scenario("fewer spares, then none", 1, _asking(ask.keep_spares(APP, 1), ask.keep_spares(APP, 0)), 2),
    Scenario("a spare crashes", 1, (lambda cloud: crash(cloud, cloud.worker(APP, 2)),), 1),
    Scenario("remove with spares", 1, _asking(ask.remove(APP)), 2),
    Scenario("frozen, scale onto a spare", 1, _asking(ask.freeze(), ask.scale(APP, 2), ask.thaw()), 1),
    Scenario("frozen, scale", 1, _asking(ask.freeze(), ask.scale(APP, 2), ask.scale(APP, 0), ask.thaw())),
    Scenario("frozen, update", 1, _asking(ask.freeze(APP), ask.update(APP), ask.thaw(APP))),
    Scenario(
        "frozen, a worker crashes",
        2,
        (
            *_asking(ask.freeze(APP)),
            lambda cloud: crash(cloud, cloud.worker(APP, 1)),
            *_asking(ask.restart(APP, 1), ask.thaw(APP)),
        ),
    ),
)


def prepared(workers: int, port: int | None = 8000, spares: int = 0) -> Cloud:
    """Return a settled cloud with a bystander and an app of so many workers."""
    return copy_of(settled(workers, port, spares))


@cache
def settled(workers: int, port: int | None, spares: int) -> Form:
    """Return what all clouds that are prepared like this are copies of: half of a history was that."""
    cloud = Cloud()
    cloud.operator.ask(ask.run(BYSTANDER, 1))
    if workers:
        cloud.operator.ask(ask.run(APP, workers, port=port, spares=spares))
    cloud.settle()
    cloud.keep_untouched(BYSTANDER)
    return pressed(cloud)


def play(scenario: Scenario, script: Script) -> Cloud:
    """Play a scenario with the outcomes of the script, until all is as it was asked for."""
    cloud = prepared(scenario.workers, spares=scenario.spares)
    cloud.faults.chance = script
    for act in scenario.acts:
        act(cloud)
        cloud.settle()
    return cloud


def live(seed: int) -> Cloud:
    """Play what a seed makes up: commands, misfortunes, faults and deaths, then some peace."""
    luck = Random(seed)
    cloud = prepared(luck.randint(1, 3), luck.choice((8000, 8000, 8000, None)), luck.choice((0, 0, 1, 2)))
    cloud.luck = luck
    trouble, death = luck.choice(((0.0, 0.0), (0.05, 0.0), (0.0, 0.05), (0.05, 0.05), (0.2, 0.1)))
    cloud.faults.chance = Luck(luck, trouble, death, spared=frozenset({"write manager"}))
    for _ in range(luck.randint(1, 3)):
        cloud.operator.ask(_command(luck))
        if luck.random() < 0.5:
            befall(cloud, APP, luck)
        for _ in range(luck.randrange(5, 60)):
            cloud.turn()
    cloud.heal()
    cloud.settle()
    cloud.operator.ask(ask.thaw(), ask.thaw(APP))
    cloud.settle()
    return cloud


def _command(luck: Random) -> Command:
    slot = luck.randint(1, 3)
    choices = (
        ask.run(APP, slot, spares=luck.choice((0, 2))),
        ask.keep_spares(APP, luck.randint(0, 2)),
        ask.scale(APP, luck.choice((1, 1, -1)), relative=True),
        ask.scale(APP, luck.randint(0, 3)),
        ask.stop(APP),
        ask.start(APP),
        ask.stop(APP, slot, now=luck.random() < 0.3),
        ask.start(APP, slot),
        ask.restart(APP),
        ask.restart(APP),
        ask.restart(APP, slot),
        ask.update(APP, crashes=luck.random() < 0.3, order=luck.choice(("start-first", "stop-first"))),
        ask.remove(APP, now=luck.random() < 0.3),
        ask.freeze(luck.choice((APP, None))),
        ask.thaw(luck.choice((APP, None))),
    )
    return luck.choice(choices)


def single_faults(scenario: Scenario) -> list[Script]:
    """Return a script for every fault at every effect of the scenario."""
    script = Script()
    play(scenario, script)
    return [
        Script({number: fault})
        for number, effect in enumerate(script.effects)
        for fault in (FAULTS if effect.startswith("write") else FAULTS_OF_OTHERS)
    ]


def pairs_of_deaths(scenario: Scenario, *, twice: bool) -> Iterator[Script]:
    """Yield a script for every two places where managers may die, until the second comes after the end.

    A place is before the first effect, and right after each. twice: for the first death also right before
    the next one, which may be a while later.
    """
    script = Script()
    play(scenario, script)
    numbers = range(len(script.effects))
    before = product(numbers if twice else numbers[:1], [Outcome.DIES_BEFORE])
    for number, death in (*before, *product(numbers, [Outcome.DIES_AFTER])):
        for later in count(number + 1):
            script = Script({number: death, later: Outcome.DIES_AFTER})
            yield script
            if len(script.effects) <= later:
                break


def survey(seeds: range) -> list[str]:
    """Return what is broken in which seed's history."""
    return [words for seed in seeds if (words := _broken_in(seed))]


def _broken_in(seed: int) -> str:
    try:
        live(seed)
    except Broken as broken:
        return f"seed {seed}: {broken}"
    return ""


@contextmanager
def silence() -> Iterator[None]:
    """Thousands of managers die here: nobody wants to read what they log."""
    log = logging.getLogger("manager")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """The process looks less often for garbage: little of a cloud becomes any before its end."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
