"""What workers use is read from control groups (v1 and v2) and ports, and shown as docker does."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.api.documents import listing
from manager.api.views import StatsView
from manager.observe.consumption import Consumption, consumption
from netsetup.counters import PortTraffic, port_traffic
from shell.text.render import result
from shell.text.tables import Options

V1 = """\
35 31 0:32 / {root}/memory rw shared:9 - cgroup cgroup rw,memory
36 31 0:33 / {root}/pids rw - cgroup cgroup rw,pids
37 31 0:34 / {root}/blkio rw - cgroup cgroup rw,blkio
41 31 0:38 / {root}/unified rw - cgroup2 cgroup2 rw
"""
V2 = "30 23 0:26 / {root} rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
GROUPS = {
    1: "4:memory:/docker/abc\n3:pids:/docker/abc\n2:blkio:/docker/abc\n0::/\n",
    2: "0::/docker-abc.scope\n",
}
FILES = {
    1: {
        "memory/docker/abc/memory.limit_in_bytes": "{limit}",
        "pids/docker/abc/pids.current": "3",
        "blkio/docker/abc/blkio.throttle.io_service_bytes_recursive": (
            "8:0 Read 100\n8:0 Write 20\n8:0 Total 120\n8:16 Read 1\n8:16 Write 2\nTotal 123"
        ),
        "blkio/docker/abc/blkio.bfq.io_service_bytes_recursive": "Total 0",
    },
    2: {
        "docker-abc.scope/memory.max": "{limit}",
        "docker-abc.scope/pids.current": "3",
        "docker-abc.scope/io.stat": (
            "8:0 rbytes=100 wbytes=20 rios=4 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2"
        ),
    },
}
UNLIMITED = {1: "9223372036854771712", 2: "max"}


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def machine(directory: Path, version: int, limit: str) -> str:
    """Write a /proc and control groups of one worker, process 7; return the path of the former."""
    groups, proc = directory / "cgroup", directory / "proc"
    for process in ("self", "7"):
        (proc / process).mkdir(parents=True)
    (proc / "self/mountinfo").write_text((V1 if version == 1 else V2).format(root=groups))
    (proc / "7/cgroup").write_text(GROUPS[version])
    for name, text in FILES[version].items():
        file = groups / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(limit=limit) + "\n")
    return str(proc)


def test_limit_processes_and_disks_are_read(version: int, tmp_path: Path) -> None:
    proc = machine(tmp_path, version, "67108864")

    assert consumption(7, proc=proc) == Consumption(67108864, 3, 101, 22)


def test_without_a_limit_the_machine_s_memory_is_the_limit(version: int, tmp_path: Path) -> None:
    limit = consumption(7, proc=machine(tmp_path, version, UNLIMITED[version])).memory_limit_bytes

    assert limit is not None
    assert 2**26 < limit < 2**50


def test_of_a_worker_that_ended_nothing_is_known(version: int, tmp_path: Path) -> None:
    proc = machine(tmp_path, version, "67108864")

    assert consumption(8, proc=proc) == Consumption()


def test_a_worker_has_received_what_its_port_has_sent(tmp_path: Path) -> None:
    statistics = tmp_path / "scab12w1" / "statistics"
    statistics.mkdir(parents=True)
    (statistics / "tx_bytes").write_text("100\n")
    (statistics / "rx_bytes").write_text("20\n")

    assert port_traffic("scab12w1", links=str(tmp_path)) == PortTraffic(received_bytes=100, sent_bytes=20)
    assert port_traffic("scab12w2", links=str(tmp_path)) is None


def a_line(name: str, **fields: object) -> StatsView:
    usual: dict[str, object] = {
        "name": name,
        "app": "web",
        "slot": 1,
        "revision": 1,
        "container": "1e001730d473",
        "cpu_cores": 1.254,
        "memory_bytes": 9_953_280,
        "memory_limit_bytes": 536_870_912,
        "memory_ratio": 0.01854,
        "received_bytes": 19_205,
        "sent_bytes": 17_314,
        "block_read_bytes": 0,
        "block_written_bytes": None,
        "pids": 3,
    }
    return StatsView(**(usual | fields))  # type: ignore[arg-type]


def test_the_columns_are_docker_s() -> None:
    lines = list(result(listing("StatsList", [a_line("web.1")]), Options()))

    assert lines == [
        "WORKER   CPU %  MEM USAGE / LIMIT  MEM %        NET I/O  BLOCK I/O  PIDS",
        "web.1   125.4%        9.5M / 512M   1.9%  18.8K / 16.9K     0B / -     3",
    ]


def test_a_narrow_terminal_keeps_who_it_is_and_the_memory() -> None:
    lines = list(result(listing("StatsList", [a_line("web.1")]), Options(width=50)))

    assert lines[0].split("  ")[0] == "WORKER"
    assert "MEM USAGE / LIMIT" in lines[0]
    assert all(len(line) <= 50 for line in lines)


def test_both_halves_of_a_column_are_fields_of_their_own() -> None:
    (line,) = list(result(listing("StatsList", [a_line("web.1")]), Options(format="csv")))[1:]

    assert line == "web.1,web,1,1,1e001730d473,1.254,9953280,536870912,0.01854,19205,17314,0,,3"
