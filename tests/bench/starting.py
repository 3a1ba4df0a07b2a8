"""Starting, scaling and removing workers, beside Docker, compose and Swarm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from tests.bench.rivals import Rival
from tests.bench.swarm import swarm
from tests.bench.table import Result
from tests.bench.work import Race, await_spares, remove, run, scale_down, scale_up, seconds_of
from tests.real.cloud import Cloud


def start(
    count: int,
    rivals: Callable[[], AbstractContextManager[Rival]],
    told: str,
    aim: str,
    cloud: Cloud,
    rounds: int,
) -> list[Result]:
    """`run -n COUNT` until each worker has answered through the proxy, the rival's until each has."""
    race = Race(f"`run -n {count}` to all answering", told, aim)
    with rivals() as rival:
        for _ in range(rounds):
            race.go(partial(run, cloud, count), partial(rival.run, count))
            remove(cloud, "--now")
            rival.remove()
    return [race.result]


def against_swarm(count: int, cloud: Cloud, rounds: int) -> list[Result]:
    """`run -n COUNT` to all answering, looks at it, `scale` to one, `rm`; beside Swarm's own."""
    starts = Race(f"`run -n {count}` to all answering", "service create, to running", "<= 0.5")
    workers = Race(f"`ps` of {count} workers, one-shot", "service ps", "<= 3", "ms")
    apps = Race(f"`apps` of {count} workers, one-shot", "service ls", "<= 3", "ms")
    downs = Race(f"scale {count} -> 1 with drain, to gone", "service scale, to gone", "<= 1.0")
    ends = Race(f"`rm` of {count} with drain, to gone", "service rm, to gone", "<= 0.5")
    with swarm() as rival:
        for _ in range(rounds):
            starts.go(partial(run, cloud, count), partial(rival.run, count))
            workers.go(partial(cloud.ok, "ps"), partial(rival.docker, "service", "ps", "bench"))
            apps.go(partial(cloud.ok, "apps"), partial(rival.docker, "service", "ls"))
            downs.go(partial(scale_down, cloud, 1), partial(rival.scale_down, 1))
            scale_up(cloud, count)
            rival.scale(count)
            ends.go(partial(remove, cloud), rival.remove)
    return [race.result for race in (starts, workers, apps, downs, ends)]


def spares_against_swarm(count: int, cloud: Cloud, rounds: int) -> list[Result]:
    """`scale bench=COUNT` from one worker onto spares until all have answered; Swarm's until they run."""
    race = Race(f"scale 1 -> {count} with spares to all answering", "service scale, to running", "<= 0.05")
    with swarm() as rival:
        for _ in range(rounds):
            run(cloud, 1, "--spares", str(count - 1))
            await_spares(cloud, count - 1)
            rival.run(1)
            race.go(partial(scale_up, cloud, count), partial(rival.scale, count))
            remove(cloud, "--now")
            rival.remove()
    return [race.result]


def spares(cloud: Cloud, rounds: int) -> list[Result]:
    """`scale bench=10` from one worker until all have answered: onto nine spares, and without them."""
    warm, cold = list[float](), list[float]()
    for _ in range(rounds):
        for there, taken_s in ((9, warm), (0, cold)):
            run(cloud, 1, "--spares", str(there))
            await_spares(cloud, there)
            taken_s.append(seconds_of(partial(scale_up, cloud, 10)))
            remove(cloud, "--now")
    return [Result("scale 1 -> 10 with spares to all answering", warm, cold, "without spares", aim="<= 0.3")]
