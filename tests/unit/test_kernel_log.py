"""What the kernel's log tells of containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from manager.engine.kernel_log import reached_memory_limit

FULL, OTHER, KILLED = (letter * 64 for letter in "abc")
LOG = f"""\
6,1,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/docker/{FULL},task_memcg=/docker/{FULL},task=python3
6,2,2,-;docker0: port 1 entered blocking state
"""


@pytest.mark.parametrize("group", [f"/docker/{FULL}", f"/system.slice/docker-{FULL}.scope"])
def test_a_container_that_reached_its_memory_limit_is_found_in_the_log(tmp_path: Path, group: str) -> None:
    log = tmp_path / "kmsg"
    log.write_text(LOG.replace(f"/docker/{FULL}", group))

    assert reached_memory_limit(FULL, log)
    assert not reached_memory_limit(OTHER, log)


def test_a_container_that_is_only_named_in_the_log_reached_no_limit(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_text(f"6,1,1,-;task_memcg=/docker/{KILLED},task=python3\n")

    assert not reached_memory_limit(KILLED, log)


def test_a_log_that_is_not_there_or_is_none_tells_of_nobody(tmp_path: Path) -> None:
    assert not reached_memory_limit(FULL, tmp_path / "kmsg")
    assert not reached_memory_limit(FULL, tmp_path)
