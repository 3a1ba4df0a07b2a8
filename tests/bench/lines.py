"""The lines of the benchmark: each measures a cloud that is up, and its rival in turn."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from manager.plan import plan
from tests.bench.autoscale import autoscale
from tests.bench.rivals import answers, docker, docker_bridge
from tests.bench.swarm import swarm
from tests.bench.table import Result
from tests.real.cloud import SERVER, Cloud, eventually
from tests.real.traffic import Traffic
from tests.simulation.worlds import a_worker, an_app, serving

Line = Callable[[Cloud, int], list[Result]]

IDLE_S = 20.0
SCALINGS = 20
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def seconds_of(act: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    act()
    return time.perf_counter() - began_at


def start(count: int, cloud: Cloud, rounds: int) -> list[Result]:
    """`run -n COUNT` until each worker has answered through the proxy; Docker's until each has answered."""
    ours, theirs = [], []
    with docker_bridge() as rival:
        for _ in range(rounds):
            ours.append(seconds_of(partial(_run, cloud, count)))
            cloud.ok("rm", "bench", "-y", "--now")
            theirs.append(seconds_of(partial(rival.run, count)))
            rival.remove()
    what = f"`run -n {count}` to all answering"
    return [Result(what, ours, theirs, "docker run, 8 at a time", aim="<= 0.75")]


def against_swarm(count: int, cloud: Cloud, rounds: int) -> list[Result]:
    """`run -n COUNT` until each worker has answered, a scale-up onto spares, and `ps`; beside Swarm's own."""
    starts, theirs, scales, their_scales, looks, their_looks = ([] for _ in range(6))
    with swarm() as rival:
        for _ in range(rounds):
            starts.append(seconds_of(partial(_run, cloud, count)))
            looks.append(seconds_of(lambda: cloud.ok("ps")))
            cloud.ok("rm", "bench", "-y", "--now")
            theirs.append(seconds_of(partial(rival.run, count)))
            their_looks.append(seconds_of(lambda: rival.docker("service", "ps", "bench")))
            rival.remove()
            _run(cloud, 1, "--spares", str(count - 1))
            eventually(partial(_has_spares, cloud, count - 1), within_s=120)
            scales.append(seconds_of(partial(_scale, cloud, count)))
            cloud.ok("rm", "bench", "-y", "--now")
            rival.run(1)
            their_scales.append(seconds_of(partial(rival.scale, count)))
            rival.remove()
    return [
        Result(
            f"`run -n {count}` to all answering", starts, theirs, "service create, to running", aim="<= 0.5"
        ),
        Result(
            f"scale 1 -> {count} with spares to all answering",
            scales,
            their_scales,
            "service scale, to running",
            aim="<= 0.05",
        ),
        Result(f"`ps` of {count} workers, one-shot", looks, their_looks, "service ps", "ms", "<= 3"),
    ]


def _run(cloud: Cloud, count: int, *options: str) -> None:
    cloud.ok("run", "-n", str(count), "-p", "8000", *options, "bench", SERVER, "8000", within_s=300)
    _await_all(cloud, count)


def _await_all(cloud: Cloud, count: int) -> None:
    """Return when each of so many workers has answered through the proxy."""
    address, seen = cloud.settings.bind, set[str]()
    while len(seen - {""}) < count:
        seen.add(answers(address, cloud.settings.http_port, "bench.localhost"))


def scale_up(cloud: Cloud, rounds: int) -> list[Result]:
    """`scale bench=10` from one worker until all have answered: onto nine spares, and without them."""
    warm, cold = list[float](), list[float]()
    for _ in range(rounds):
        for spares, taken_s in ((9, warm), (0, cold)):
            _run(cloud, 1, "--spares", str(spares))
            eventually(partial(_has_spares, cloud, spares), within_s=60)
            taken_s.append(seconds_of(partial(_scale, cloud, 10)))
            cloud.ok("rm", "bench", "-y", "--now")
    return [Result("scale 1 -> 10 with spares to all answering", warm, cold, "without spares", aim="<= 0.3")]


def _has_spares(cloud: Cloud, count: int) -> bool:
    return cloud.app("bench").spares == count


def _scale(cloud: Cloud, count: int) -> None:
    cloud.ok("scale", f"bench={count}")
    _await_all(cloud, count)


def one_shot(cloud: Cloud, rounds: int) -> list[Result]:
    """`ps` of 30 workers as one command of a shell, and `docker ps` of as many containers."""
    _run(cloud, 30)
    ours, theirs = [], []
    for _ in range(5 * rounds):
        ours.append(seconds_of(lambda: cloud.ok("ps")))
        theirs.append(seconds_of(lambda: docker("ps")))
    cloud.ok("rm", "bench", "-y", "--now")
    return [Result("`ps` of 30 workers, one-shot", ours, theirs, "docker ps", "ms", "<= 3, <= 80 ms")]


def recovery(cloud: Cloud, rounds: int) -> list[Result]:
    """kill -9 of the leading manager until the next one answers that all is as asked, with 30 workers."""
    _run(cloud, 30)
    ours = []
    for _ in range(rounds):
        eventually(lambda: len(cloud.status()["standbys"]) == 1, within_s=20)
        leader = cloud.status()["manager"]["pid"]
        os.kill(leader, signal.SIGKILL)
        taken_over = partial(_has_taken_over, cloud, leader)
        ours.append(seconds_of(partial(eventually, taken_over, within_s=20)))
    cloud.ok("rm", "bench", "-y", "--now")
    return [Result("manager kill -9 to converged, 30 workers", ours, aim="<= 1 s")]


def _has_taken_over(cloud: Cloud, former: int) -> bool:
    status = cloud.status()
    return bool(status["converged"]) and status["manager"]["pid"] != former


def scaling_under_load(cloud: Cloud, rounds: int) -> list[Result]:
    """Failed requests while an app under 100 requests/s is scaled 4 -> 1 -> 4, again and again."""
    _run(cloud, 4)
    with Traffic(cloud, "bench") as traffic:
        for _ in range(SCALINGS):
            cloud.ok("scale", "bench=1")
            cloud.ok("scale", "bench=4")
    cloud.ok("rm", "bench", "-y", "--now")
    failed, of = traffic.failures.total(), traffic.sent
    return [
        Result(f"failed of {of} requests over {SCALINGS} scalings 4 -> 1 -> 4", [failed], unit="", aim="0")
    ]


def idle(cloud: Cloud, rounds: int) -> list[Result]:
    """CPU of both managers and memory of the leader beside 50 idle workers; `docker stats` left open."""
    _run(cloud, 50)
    pids = cloud.manager_pids()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_cpu_percent(pids))
        watching = subprocess.Popen(["docker", "stats"], stdout=subprocess.DEVNULL)
        theirs.append(_cpu_percent([watching.pid, _dockerd()]))
        watching.terminate()
        watching.wait()
    resident = int(Path(f"/proc/{pids[0]}/statm").read_text().split()[1]) * _PAGE / 2**20
    cloud.ok("rm", "bench", "-y", "--now", within_s=300)
    return [
        Result(
            "managers idle, 50 workers: CPU of a core", ours, theirs, "docker stats + dockerd", "%", "<= 1 %"
        ),
        Result("leader's resident memory, 50 workers", [resident], unit="MB", aim="<= 90 MB"),
    ]


def _cpu_percent(pids: list[int]) -> float:
    before = sum(map(_cpu_s, pids))
    time.sleep(IDLE_S)
    return 100 * (sum(map(_cpu_s, pids)) - before) / IDLE_S


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
            [_planning_s(apps) for _ in range(rounds)],
            unit="ms",
            aim=aim,
        )
        for apps, aim in ((5, ""), (1000, "<= 500 ms"))
    ]


def _planning_s(apps: int) -> float:
    specs = [an_app(f"a{number}", want=10) for number in range(apps)]
    addresses = IPv4Network("10.0.0.0/8").hosts()
    records = [
        replace(a_worker(slot, app=spec.name), address=next(addresses))
        for spec in specs
        for slot in range(1, 11)
    ]
    world = serving(specs, records)
    return seconds_of(partial(plan, world))


LINES: Mapping[str, Line] = {
    "run-10": partial(start, 10),
    "run-30": partial(start, 30),
    "spares": scale_up,
    "swarm-10": partial(against_swarm, 10),
    "swarm-30": partial(against_swarm, 30),
    "ps": one_shot,
    "recovery": recovery,
    "scaling": scaling_under_load,
    "pass": passes,
    "idle": idle,
    "autoscale": autoscale,
}
