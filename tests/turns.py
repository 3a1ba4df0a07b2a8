"""Which tests use the machine, and when they may: some share it, some need it to themselves.

Some locks between the processes of the tests are held for less than a test. APT: of two that update its lists
at once, one is refused. BRIDGE_NF: a setting of the whole machine. LEFTOVERS, held by who mends and by who
leaves something on purpose: `doctor --fix` tells of what any cloud of the machine has left, and removes it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

# These tell how long something took, or what all clouds of the machine have in common.
ALONE = ("tests/chaos/", "tests/real/test_autoscale.py")
TOGETHER = ("tests/contract/", "tests/demos/", "tests/real/")
# These take about a minute or more, whatever the number of their tests.
_LONG = "machine examples etcd_members failpoints manager_deaths dockerd_deaths store_away whatif own_etcd"
LONG = ("tests/demos/", *(f"tests/real/test_{name}.py" for name in _LONG.split()))
GATE, MACHINE, APT, BRIDGE_NF, LEFTOVERS = (
    Path(f"/run/simplecloud-tests-{name}.lock")
    for name in ("gate", "machine", "apt", "bridge-nf", "leftovers")
)


class Share(IntEnum):
    """How much of the machine a test needs, in the order in which they are begun."""

    ALL = 0
    NONE = 1
    SOME = 2


def share_of(nodeid: str) -> Share:
    """Return what the test of that name needs."""
    if nodeid.startswith(ALONE):
        return Share.ALL
    return Share.SOME if nodeid.startswith(TOGETHER) else Share.NONE


@contextmanager
def turn(share: Share) -> Iterator[None]:
    """The machine is kept for this test, or shared; who waits to have it alone lets nobody pass meanwhile."""
    if share is Share.NONE:
        yield
        return
    with MACHINE.open("w") as machine:
        with GATE.open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(machine, fcntl.LOCK_EX if share is Share.ALL else fcntl.LOCK_SH)
        yield
