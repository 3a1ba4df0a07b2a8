"""How start, look, plan and memory grow with the number of workers: and a picture of that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tests.bench.chart import Panel, chart
from tests.bench.standing import planning_s, resident_mb
from tests.bench.table import Result
from tests.bench.work import remove, run, seconds_of
from tests.real.cloud import ROOT, Cloud

COUNTS = (10, 50, 100, 200)
APPS = (1, 10, 100, 1000)  # of 10 workers each, made up
PICTURE = ROOT / "docs" / "sizes.svg"


def sizes(cloud: Cloud, rounds: int) -> list[Result]:
    """`run -n N` to all answering, `ps`, the leader's memory; and planning a made-up cloud; over N."""
    starts, looks, memory = [], [], []
    for count in COUNTS:
        starts.append(seconds_of(partial(run, cloud, count)))
        looks.append(min(seconds_of(partial(cloud.ok, "ps")) for _ in range(3 * rounds)))
        memory.append(resident_mb(cloud.manager_pids()[0]))
        remove(cloud, "--now")
    plans = [min(planning_s(apps) for _ in range(rounds)) for apps in APPS]
    made_up = [10 * apps for apps in APPS]
    panels = [
        Panel("run -n N to all answering", "s", _points(COUNTS, starts)),
        Panel("ps, one-shot", "ms", _points(COUNTS, [1000 * look_s for look_s in looks])),
        Panel("leader's memory", "MB", _points(COUNTS, memory)),
        Panel("planning, nothing to do", "ms", _points(made_up, [1000 * plan_s for plan_s in plans])),
    ]
    PICTURE.write_text(chart("what grows with the number of workers", panels))
    return [
        *(Result(f"`run -n {n}` to all answering", [s]) for n, s in zip(COUNTS, starts, strict=True)),
        *(Result(f"`ps` of {n} workers", [s], unit="ms") for n, s in zip(COUNTS, looks, strict=True)),
        *(Result(f"leader's memory, {n}", [mb], unit="MB") for n, mb in zip(COUNTS, memory, strict=True)),
        *(Result(f"planning {n} workers", [s], unit="ms") for n, s in zip(made_up, plans, strict=True)),
    ]


def _points(counts: Sequence[int], numbers: Sequence[float]) -> list[tuple[float, float]]:
    return [(float(count), number) for count, number in zip(counts, numbers, strict=True)]
