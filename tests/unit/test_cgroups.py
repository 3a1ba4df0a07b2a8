"""A worker's control groups are found on machines with v1, v2 and both, and let go of when it is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manager.observe.cgroups import Meter, group_directory, mounts

V1 = """\
31 23 0:28 / {root} rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / {root}/cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / {root}/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / {root}/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2 = "30 23 0:26 / {root} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_GROUPS = "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n"
V2_GROUPS = "0::/system.slice/docker-abc.scope\n"


class Machine:
    """A /proc and control groups in a directory."""

    def __init__(self, directory: Path, version: int) -> None:
        self.proc = directory / "proc"
        self.groups = directory / "cgroup"
        self._version = version
        self.now = 100.0
        (self.proc / "self").mkdir(parents=True)
        mountinfo = (V1 if version == 1 else V2).format(root=self.groups)
        (self.proc / "self/mountinfo").write_text(mountinfo)

    def worker(self, pid: int, *, cpu_s: float, memory: int, inactive: int) -> None:
        (self.proc / str(pid)).mkdir(exist_ok=True)
        (self.proc / str(pid) / "cgroup").write_text(V1_GROUPS if self._version == 1 else V2_GROUPS)
        if self._version == 1:
            self._write("cpuacct/docker/abc/cpuacct.usage", f"{cpu_s * 1e9:.0f}\n")
            self._write("memory/docker/abc/memory.usage_in_bytes", f"{memory}\n")
            stat = f"cache 7\ninactive_file 1\ntotal_cache 7\ntotal_inactive_file {inactive}\n"
            self._write("memory/docker/abc/memory.stat", stat)
        else:
            scope = "system.slice/docker-abc.scope"
            self._write(f"{scope}/cpu.stat", f"usage_usec {cpu_s * 1e6:.0f}\nuser_usec 5\n")
            self._write(f"{scope}/memory.current", f"{memory}\n")
            self._write(f"{scope}/memory.stat", f"anon 7\ninactive_file {inactive}\n")

    def meter(self) -> Meter:
        return Meter(lambda: self.now, proc=str(self.proc))

    def _write(self, path: str, text: str) -> None:
        file = self.groups / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return Machine(tmp_path, request.param)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_memory_is_counted_without_the_cache_that_can_go(machine: Machine) -> None:
    machine.worker(7, cpu_s=1.5, memory=5000, inactive=2000)
    meter = machine.meter()

    usage = meter.read({"w": 7})["w"]
    meter.read({})

    assert (usage.cpu_s, usage.memory_bytes, usage.cpu_cores) == (1.5, 3000, None)


def test_cores_are_the_cpu_time_between_two_reads(machine: Machine) -> None:
    machine.worker(7, cpu_s=1.0, memory=1, inactive=0)
    meter = machine.meter()
    meter.read({"w": 7})

    machine.now += 2.0
    machine.worker(7, cpu_s=2.0, memory=1, inactive=0)
    usage = meter.read({"w": 7})["w"]
    meter.read({})

    assert usage.cpu_cores == pytest.approx(0.5)


def test_a_replaced_worker_starts_without_a_rate(machine: Machine) -> None:
    machine.worker(7, cpu_s=9.0, memory=1, inactive=0)
    machine.worker(8, cpu_s=9.5, memory=1, inactive=0)
    meter = machine.meter()
    meter.read({"w": 7})

    machine.now += 1.0
    usage = meter.read({"w": 8})["w"]
    meter.read({})

    assert usage.cpu_cores is None


def test_a_worker_that_is_gone_is_left_out_and_its_files_are_closed(machine: Machine) -> None:
    machine.worker(7, cpu_s=1.0, memory=1, inactive=0)
    before = open_files()
    meter = machine.meter()
    meter.read({"w": 7})
    held = open_files()

    usages = meter.read({"v": 4711})

    assert held == before + 3
    assert usages == {}
    assert open_files() == before


def test_a_group_whose_files_are_missing_leaks_nothing(machine: Machine) -> None:
    machine.worker(7, cpu_s=1.0, memory=1, inactive=0)
    for file in machine.groups.rglob("memory.stat"):
        file.unlink()
    before = open_files()
    meter = machine.meter()

    assert meter.read({"w": 7}) == {}
    assert open_files() == before


def test_inactive_cache_above_the_usage_never_makes_memory_negative(machine: Machine) -> None:
    machine.worker(7, cpu_s=1.0, memory=10, inactive=50)
    meter = machine.meter()

    usage = meter.read({"w": 7})["w"]
    meter.read({})

    assert usage.memory_bytes == 0


def test_a_mount_that_shows_a_part_of_the_hierarchy_is_followed() -> None:
    mounted = mounts("35 31 0:32 /docker /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")

    assert group_directory(mounted, "4:memory:/docker/abc\n", "memory") == (1, "/sys/fs/cgroup/memory/abc")
    with pytest.raises(LookupError, match="not below /docker"):
        group_directory(mounted, "4:memory:/user/abc\n", "memory")


def test_a_v1_controller_goes_before_the_unified_hierarchy() -> None:
    mounted = mounts(V1.format(root="/sys/fs/cgroup"))

    assert group_directory(mounted, V1_GROUPS, "memory") == (1, "/sys/fs/cgroup/memory/docker/abc")


def test_an_escaped_mount_point_is_read() -> None:
    assert mounts(r"35 31 0:32 / /a\040b rw - cgroup cgroup rw,memory")[0].point == "/a b"


def test_this_process_can_be_measured_for_real() -> None:
    clock = iter([1.0, 2.0])
    meter = Meter(lambda: next(clock))

    first = meter.read({"me": os.getpid()})["me"]
    second = meter.read({"me": os.getpid()})["me"]
    meter.read({})

    assert first.memory_bytes > 0
    assert second.cpu_s >= first.cpu_s
