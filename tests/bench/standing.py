"""A cloud that stands: looking at it, what it costs while nothing is to do, and how soon it is well again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from manager.plan.plan import plan
from manager.state.records import APPS
from tests.bench.rivals import docker
from tests.bench.table import Result
from tests.bench.work import Race, remove, run, scale_up, seconds_of
from tests.real.cloud import Cloud, eventually
from tests.simulation.worlds import a_worker, an_app, serving

IDLE_S = 20.0
SETTLE_S = 60.0  # since the last request: by then workers are asked as rarely as they ever are
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def one_shot(count: int, cloud: Cloud, rounds: int) -> list[Result]:
    """`ps` and `apps` of COUNT workers as one command of a shell, and `docker ps` of as many containers."""
    run(cloud, count)
    races = [
        Race(f"`{verb}` of {count} workers, one-shot", "docker ps", "<= 3, <= 80 ms", "ms")
        for verb in ("ps", "apps")
    ]
    for _ in range(5 * rounds):
        for verb, race in zip(("ps", "apps"), races, strict=True):
            race.go(partial(cloud.ok, verb), partial(docker, "ps"))
    remove(cloud, "--now")
    return [race.result for race in races]


def recovery(count: int, cloud: Cloud, rounds: int) -> list[Result]:
    """kill -9 of the leading manager until the next one answers that all is as asked."""
    run(cloud, count)
    taken_s = []
    for _ in range(rounds):
        eventually(lambda: len(cloud.status()["standbys"]) == 1, within_s=20)
        leader = cloud.status()["manager"]["pid"]
        os.kill(leader, signal.SIGKILL)
        taken_over = partial(_has_taken_over, cloud, leader)
        taken_s.append(seconds_of(partial(eventually, taken_over, within_s=20)))
    remove(cloud, "--now")
    return [Result(f"manager kill -9 to converged, {count} workers", taken_s, aim="<= 1 s")]


def _has_taken_over(cloud: Cloud, former: int) -> bool:
    status = cloud.status()
    return bool(status["converged"]) and status["manager"]["pid"] != former


def idle(cloud: Cloud, rounds: int) -> list[Result]:
    """CPU of both managers and memory of the leader beside 50 idle workers; `docker stats` left open."""
    run(cloud, 50)
    time.sleep(SETTLE_S)
    pids = cloud.manager_pids()
    ours, theirs, written = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        before = revision(cloud)
        ours.append(cpu_percent(pids))
        written.append(revision(cloud) - before)
        watching = subprocess.Popen(["docker", "stats"], stdout=subprocess.DEVNULL)
        theirs.append(cpu_percent([watching.pid, _dockerd()]))
        watching.terminate()
        watching.wait()
    resident = resident_mb(pids[0])
    before = revision(cloud)
    scale_up(cloud, 51)
    step = revision(cloud) - before
    remove(cloud, "--now")
    what = "managers idle, 50 workers: CPU of a core"
    return [
        Result(what, ours, theirs, "docker stats + dockerd", "%", "<= 1 %, <= 0.15"),
        Result("leader's resident memory, 50 workers", [resident], unit="MB", aim="<= 90 MB"),
        Result(f"etcd revisions in {IDLE_S:.0f} s without change", written, unit="", aim="0"),
        Result("etcd revisions of one worker more", [step], unit=""),
    ]


def revision(cloud: Cloud) -> int:
    """Return how often etcd was written to so far."""
    with cloud.store() as store:
        return store.read(APPS).revision


def cpu_percent(pids: list[int]) -> float:
    """Return the share of a core that processes use over IDLE_S seconds."""
    before = sum(map(_cpu_s, pids))
    time.sleep(IDLE_S)
    return 100 * (sum(map(_cpu_s, pids)) - before) / IDLE_S


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _dockerd() -> int:
    return int(Path("/var/run/docker.pid").read_text())


def passes(cloud: Cloud, rounds: int) -> list[Result]:
    """Planning a cloud in which nothing is to do, of 5 and of 1000 apps with 10 workers each; made up."""
    return [
        Result(
            f"planning {10 * apps} workers, nothing to do",
            [planning_s(apps) for _ in range(rounds)],
            unit="ms",
            aim=aim,
        )
        for apps, aim in ((5, ""), (1000, "<= 500 ms"))
    ]


def planning_s(apps: int) -> float:
    """Return the seconds that a plan takes over so many apps with 10 workers each, all as asked."""
    specs = [an_app(f"a{number}", want=10) for number in range(apps)]
    addresses = IPv4Network("10.0.0.0/8").hosts()
    records = [
        replace(a_worker(slot, app=spec.name), address=next(addresses))
        for spec in specs
        for slot in range(1, 11)
    ]
    world = serving(specs, records)
    return seconds_of(partial(plan, world))
