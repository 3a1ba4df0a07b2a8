"""What may befall a cloud; each is done by hand, to its processes, its containers, links, rules and keys."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from manager.api.errors import CloudError
from manager.state.records import APPS, PROXY, WORKERS
from netsetup.addresses import bridge_name
from tests.chaos import parts
from tests.chaos.ground import Ground
from tests.chaos.schedule import BUSY, CALM, Blow
from tests.real.cloud import ROOT, Cloud, docker_by_hand
from tests.real.disk import fill, make_room, write_much
from tests.real.doorway import Way
from tests.real.line import line_to

Undo = Callable[[], object]  # False: this cannot be done yet, while another fault lasts
Strike = Callable[[Ground, Blow], Undo | None]
Find = Callable[[Ground, Blow], list[int]]
HALF_A_REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"ev'
GARBAGE = (b"\x00\xff{]\n", b"[" * 10_000 + b"\n", HALF_A_REQUEST, b"a" * 2**20 + b"\n")
ALARM = "/v3/maintenance/alarm"
FOREIGN_ROUTES = {f"{PROXY}http/services/x/nonsense": "1", f"{PROXY}http/routers/b@d": ""}
UNDECODABLE = {f"{APPS}ghost": "{", f"{WORKERS}ghost/1/1": '{"v":99}'}


@dataclass(frozen=True, slots=True)
class Fault:
    """strike: does it, and returns what ends it when it lasts.

    costs: apps whose requests may fail by it.  stays: until everything else is over.
    """

    strike: Strike
    costs: frozenset[str] = frozenset()
    stays: bool = False


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _kill(find: Find) -> Strike:
    return lambda cloud, blow: _signal(find(cloud, blow), signal.SIGKILL)


def _freeze(find: Find) -> Strike:
    def strike(cloud: Ground, blow: Blow) -> Undo:
        pids = find(cloud, blow)
        _signal(pids, signal.SIGSTOP)
        return partial(_signal, pids, signal.SIGCONT)

    return strike


def _all(*finds: Callable[[Cloud], list[int]]) -> Find:
    return lambda cloud, blow: [pid for find in finds for pid in find(cloud)]


def _member(cloud: Cloud, blow: Blow) -> list[int]:
    """Return the process of one of etcd's members."""
    pids = parts.etcd_members(cloud)
    return pids and [pids[blow.pick % len(pids)]]


def _compact(cloud: Cloud, blow: Blow) -> None:
    newest = parts.etcd_call(cloud, "/v3/kv/range", key="AA==").get("header", {}).get("revision")
    if newest is not None:
        parts.etcd_call(cloud, "/v3/kv/compaction", revision=newest, physical=True)


def _no_space(cloud: Cloud, blow: Blow) -> Undo:
    """A member of etcd tells that its space is used up: none takes a write until that is taken back."""
    member = _identity(cloud, blow)
    parts.etcd_call(cloud, ALARM, action="ACTIVATE", memberID=member, alarm="NOSPACE")
    return partial(_take_back, cloud, member)


def _identity(cloud: Cloud, blow: Blow) -> str:
    members = parts.etcd_call(cloud, "/v3/cluster/member/list").get("members", [])
    return str(members[blow.pick % len(members)]["ID"]) if members else "1"


def _take_back(cloud: Cloud, member: str) -> bool:
    """Return whether there is no alarm any more."""
    parts.etcd_call(cloud, ALARM, action="DEACTIVATE", memberID=member, alarm="NOSPACE")
    answers = "header" in parts.etcd_call(cloud, "/v3/kv/range", key="AA==")
    return answers and not parts.etcd_call(cloud, ALARM, action="GET").get("alarms")


def _fill(disks: Callable[[Ground, Blow], Sequence[Path]]) -> Strike:
    """Disks of etcd's members are full, and its database has to grow."""

    def strike(cloud: Ground, blow: Blow) -> Undo:
        full = disks(cloud, blow)
        for disk in full:
            fill(disk)
        for _ in range(3):
            write_much(cloud)
        return partial(_make_room, full)

    return strike


def _make_room(disks: Sequence[Path]) -> None:
    for disk in disks:
        make_room(disk)


def _a_disk(cloud: Ground, blow: Blow) -> Sequence[Path]:
    return [cloud.disks[blow.pick % len(cloud.disks)]]


def _third_manager(cloud: Cloud, blow: Blow) -> Undo:
    """Somebody starts a manager by hand; it may lead by the time that it is killed."""
    command = [sys.executable, "-m", "manager", "manager", "--cloud", cloud.name, "--number", "3"]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, stdin=silent, stdout=silent, stderr=silent)
    return partial(_end, process)


def _foreign(keys: Mapping[str, str]) -> Strike:
    """Somebody else writes keys where ours are; what the manager leaves there is taken away at the end."""

    def strike(cloud: Cloud, blow: Blow) -> Undo:
        with suppress(CloudError), cloud.store() as store:  # etcd may be away
            store.write(keys)
        return partial(_delete, cloud, keys)

    return strike


def _delete(cloud: Cloud, keys: Collection[str]) -> bool:
    """Return whether the keys are gone."""
    with suppress(CloudError), cloud.store() as store:
        return bool(store.write({}, keys))
    return False


def _a_worker(cloud: Cloud, blow: Blow) -> str | None:
    names = parts.worker_names(cloud, BUSY)
    return names[blow.pick % len(names)] if names else None


def _worker_s_first(cloud: Cloud, blow: Blow) -> list[int]:
    name = _a_worker(cloud, blow)
    return parts.pids_of(cloud, [name]) if name else []


def _worker_s_program(cloud: Cloud, blow: Blow) -> list[int]:
    name = _a_worker(cloud, blow)
    return parts.program_of(cloud, name) if name else []


def _remove_worker(cloud: Cloud, blow: Blow) -> None:
    name = _a_worker(cloud, blow)
    with suppress(*parts.AWAY), docker_by_hand(cloud.docker) as client:
        client.remove_container(name, force=True) if name else None


def _cut_link(cloud: Cloud, blow: Blow) -> None:
    name = _a_worker(cloud, blow)
    if name is not None:
        _, _, app, slot, revision = name.split("_")
        _by_hand("ip", "link", "delete", cloud.link(f"{app}.{slot}", int(revision)))


def _cut_bridge(cloud: Cloud, blow: Blow) -> None:
    _by_hand("ip", "link", "delete", bridge_name(cloud.places.tag))


def _delete_rules(cloud: Cloud, blow: Blow) -> None:
    family = ("bridge", "inet")[blow.pick % 2]
    _by_hand("nft", "delete", "table", family, f"sc_{cloud.places.tag}")


def _flush_chain(cloud: Cloud, blow: Blow) -> None:
    chain = ("prerouting", "forward", "input")[blow.pick % 3]
    _by_hand("nft", "flush", "chain", "bridge", f"sc_{cloud.places.tag}", chain)


def _forbid_forwarding(cloud: Cloud, blow: Blow) -> None:
    """Somebody takes our rule out of Docker's chain."""
    listed = subprocess.run(["iptables", "-S", "DOCKER-USER"], capture_output=True, text=True, check=False)
    for rule in listed.stdout.replace('"', "").splitlines():
        if f"simplecloud:{cloud.name}" in rule.split():
            _by_hand("iptables", "-D", *rule.split()[1:])


def _by_hand(*command: str) -> None:
    """Do what an operator does in another terminal; what is gone already cannot be deleted."""
    subprocess.run(command, check=False, capture_output=True)


def _slow_clients(cloud: Cloud, blow: Blow) -> Undo:
    """Clients that begin a request and never end it, and one that asks and does not read."""
    lines: list[socket.socket] = []
    with suppress(OSError):
        for _ in range(40):
            lines.append(_connected(cloud))
            lines[-1].sendall(HALF_A_REQUEST)
        lines.append(_connected(cloud))
        lines[-1].sendall(b'{"jsonrpc":"2.0","id":1,"method":"apps","params":{}}\n' * 500)
    return partial(_close, lines)


def _close(lines: Collection[socket.socket]) -> None:
    for line in lines:
        line.close()


def _connected(cloud: Cloud) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(1.0)
    try:
        line.connect(str(cloud.places.socket))
    except OSError:
        line.close()
        raise
    return line


def _garbage_clients(cloud: Cloud, blow: Blow) -> None:
    for garbage in GARBAGE * 5:
        with suppress(OSError), line_to(cloud, within_s=1.0) as line:
            line.sendall(garbage)


def _flood_logs(cloud: Cloud, blow: Blow) -> Undo:
    """A worker writes as fast as it can; its log is bounded."""
    name = _a_worker(cloud, blow)
    loud = "exec timeout 4 yes a line that nobody wants to read >/proc/1/fd/1"
    if name is None:
        return lambda: None
    command = ["docker", "-H", f"unix://{cloud.docker}", "exec", name, "sh", "-c", loud]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    return partial(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _docker(way: Way) -> Strike:
    """The managers' way to Docker fails them; what they had asked it for may have been done, or not."""

    def strike(cloud: Ground, blow: Blow) -> Undo:
        cloud.door.fail(way)
        return partial(cloud.door.mend, way)

    return strike


def _kill_dockerd(cloud: Ground, blow: Blow) -> Undo:
    """Docker is gone, with its containerd, and all that it runs goes on."""
    cloud.dockerd.kill()
    return cloud.dockerd.runs_again


ALL_APPS = frozenset({CALM, BUSY})
HURT = frozenset({BUSY})

FAULTS: Mapping[str, Fault] = {
    "leader killed": Fault(_kill(_all(parts.leader))),
    "leader frozen": Fault(_freeze(_all(parts.leader))),
    "standby killed": Fault(_kill(_all(parts.standbys))),
    "standby frozen": Fault(_freeze(_all(parts.standbys))),
    "both managers killed": Fault(_kill(_all(parts.managers))),
    "a manager by hand": Fault(_third_manager),
    "keeper killed": Fault(_kill(_all(parts.keeper))),
    "keeper and leader killed": Fault(_kill(_all(parts.keeper, parts.leader))),
    "an etcd member killed": Fault(_kill(_member)),
    "an etcd member frozen": Fault(_freeze(_member)),
    "all of etcd killed": Fault(_kill(_all(parts.etcd_members))),
    "all of etcd frozen": Fault(_freeze(_all(parts.etcd_members))),
    "etcd compacted": Fault(_compact),
    "etcd out of space": Fault(_no_space),
    "an etcd member's disk full": Fault(_fill(_a_disk)),
    "all of etcd's disks full": Fault(_fill(lambda cloud, blow: cloud.disks)),
    "foreign routes": Fault(_foreign(FOREIGN_ROUTES), stays=True),
    "undecodable records": Fault(_foreign(UNDECODABLE), stays=True),
    "proxy killed": Fault(_kill(_all(parts.proxy)), ALL_APPS),
    "proxy frozen": Fault(_freeze(_all(parts.proxy)), ALL_APPS),
    "a worker killed": Fault(_kill(_worker_s_first), HURT),
    "a worker frozen": Fault(_freeze(_worker_s_program), HURT),
    "a worker removed": Fault(_remove_worker, HURT),
    "a link deleted": Fault(_cut_link, HURT),
    "the bridge deleted": Fault(_cut_bridge, ALL_APPS),
    "rules deleted": Fault(_delete_rules),
    "a chain flushed": Fault(_flush_chain),
    "forwarding forbidden": Fault(_forbid_forwarding),
    "dockerd killed": Fault(_kill_dockerd),
    "docker away": Fault(_docker(Way.AWAY)),
    "docker deaf to changes": Fault(_docker(Way.DEAF)),
    "docker's answers lost": Fault(_docker(Way.LOST)),
    "docker silent": Fault(_docker(Way.SILENT)),
    "slow clients": Fault(_slow_clients),
    "garbage from clients": Fault(_garbage_clients),
    "a flood of logs": Fault(_flood_logs),
}
