"""What the autoscaler costs on loads of our own; a change that makes it worse by 5 % fails here.

After a change that is meant to change the figures: `python -m tests.autoscale.test_cost` prints them.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pytest

from balancer.samples import Policy
from tests.autoscale.simulator import App, Run, Simulation
from tests.autoscale.traces import ALL

FIGURES = json.loads((Path(__file__).parent / "figures.json").read_text())
WORSE = 1.05
POLICY = Policy(max=12, slo_s=0.25, slo_share=0.99)
SEEDS = (1, 2)
UNCOUNTED = "{}, waiting requests not counted"
LOADS = {name: (load, App()) for name, load in ALL.items()}
LOADS |= {UNCOUNTED.format(name): (load, App(counted=False)) for name, load in ALL.items()}


@lru_cache
def cost_of(name: str) -> float:
    """Return J of a load, the mean over the seeds."""
    return sum(played(name, seed).j for seed in SEEDS) / len(SEEDS)


@lru_cache
def played(name: str, seed: int) -> Run:
    load, app = LOADS[name]
    return Simulation(POLICY, app, seed).play(load())


@pytest.mark.parametrize("name", LOADS)
def test_the_cost_of_a_load_is_not_worse_than_its_figure(name: str) -> None:
    assert cost_of(name) <= WORSE * FIGURES[name]


def test_the_same_seed_gives_the_same_run() -> None:
    again = Simulation(POLICY, App(), SEEDS[0]).play(ALL["bursts"]())

    assert again == played("bursts", SEEDS[0])


def test_a_steady_load_is_not_answered_by_turning_round_and_round() -> None:
    assert all(played("steady", seed).reversals <= 2 for seed in SEEDS)


def test_workers_beyond_what_the_host_can_carry_are_not_added() -> None:
    crowded = Simulation(Policy(max=16, slo_share=0.99), App(cores=2.0), seed=1)

    run = crowded.play(ALL["steps"]())

    assert max(run.counts) == 2


if __name__ == "__main__":
    print(json.dumps({name: round(cost_of(name), 3) for name in LOADS}, indent=1))
