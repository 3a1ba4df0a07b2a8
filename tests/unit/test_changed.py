"""What `history` tells of a revision: what differs from the one before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.state.model import Revision
from manager.state.options import changed_words
from manager.state.templates import Mount, Template
from tests.simulation.worlds import NOW

BEFORE = Template(
    command=("/app/web.py", "8000"),
    image="base",
    mounts=(Mount("145c016" + "0" * 57, "/app/web.py"),),
    environment={"VERSION": "1", "OLD": "x"},
    port=8000,
    cpus=0.5,
    egress=True,
)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (BEFORE, ""),
        (replace(BEFORE, environment={"VERSION": "2", "OLD": "x"}), "-e VERSION=2"),
        (replace(BEFORE, environment={"VERSION": "1"}), "--no-env OLD"),
        (replace(BEFORE, memory_bytes=100 << 20, pids=9), "--memory 100M, --pids 9"),
        (replace(BEFORE, egress=False, cpus=None), "without --cpus, --no-egress"),
        (replace(BEFORE, image="other", read_only=True), "--image other, --read-only"),
        (
            replace(BEFORE, mounts=(Mount("2be78b1" + "0" * 57, "/app/web.py"),)),
            "/app/web.py 145c016 -> 2be78b1",
        ),
        (replace(BEFORE, mounts=()), "/app/web.py 145c016 -> gone"),
        (
            replace(BEFORE, mounts=(*BEFORE.mounts, Mount("2be78b1" + "0" * 57, "/app/conf"))),
            "/app/conf 2be78b1",
        ),
        (replace(BEFORE, command=("sh", "-c", "sleep 9")), "sh -c 'sleep 9'"),
    ],
)
def test_a_revision_tells_what_differs_from_the_one_before(after: Template, told: str) -> None:
    assert changed_words("web", Revision(1, NOW, "run", BEFORE), Revision(2, NOW, "update", after)) == told
