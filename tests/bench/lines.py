"""The lines of the benchmark: each measures a cloud that is up, and its rival in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tests.bench.autoscale import autoscale
from tests.bench.prompt import prompt
from tests.bench.proxies import proxies
from tests.bench.rivals import compose, docker_bridge
from tests.bench.sizes import sizes
from tests.bench.standing import idle, one_shot, passes, recovery
from tests.bench.starting import against_swarm, spares, spares_against_swarm, start
from tests.bench.table import Result
from tests.bench.traffic import scaling
from tests.real.cloud import Cloud

Line = Callable[[Cloud, int], list[Result]]

_DOCKER, _COMPOSE = "docker run, 8 at a time", "docker-compose up --scale"

LINES: Mapping[str, Line] = {
    "run-10": partial(start, 10, docker_bridge, _DOCKER, "<= 0.7"),
    "run-30": partial(start, 30, docker_bridge, _DOCKER, "<= 0.75"),
    "compose-10": partial(start, 10, compose, _COMPOSE, "<= 0.5"),
    "compose-30": partial(start, 30, compose, _COMPOSE, "<= 0.9"),
    "swarm-10": partial(against_swarm, 10),
    "swarm-30": partial(against_swarm, 30),
    "swarm-spares-10": partial(spares_against_swarm, 10),
    "swarm-spares-30": partial(spares_against_swarm, 30),
    "spares": spares,
    "ps-30": partial(one_shot, 30),
    "ps-100": partial(one_shot, 100),
    "recovery-30": partial(recovery, 30),
    "recovery-100": partial(recovery, 100),
    "scaling": scaling,
    "proxies": proxies,
    "pass": passes,
    "idle": idle,
    "prompt": prompt,
    "sizes": sizes,
    "autoscale": autoscale,
}
