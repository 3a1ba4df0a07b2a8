"""Processes that are found as those of a cloud, and do nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from manager.api.places import Places
from manager.host.processes import Role, processes_of
from tests.eventually import eventually


@contextmanager
def process_of(
    places: Places,
    role: Role,
    directory: Path,
    options: Sequence[str] = ("-P",),
    program: str = "input()\n",
) -> Iterator[subprocess.Popen[bytes]]:
    """Lend a process of this role, which ends with its standard input; `directory` is for its program."""
    package = directory / "manager"
    package.mkdir(exist_ok=True)
    (package / "__main__.py").write_text(program)
    command = [sys.executable, *options, "-m", "manager", role, "--cloud", places.cloud, "--number", "3"]
    environment = {"PYTHONPATH": str(directory)}
    with subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.PIPE) as process:
        try:
            eventually(lambda: process.pid in processes_of(places, role), 30, f"the {role}")
            yield process
        finally:
            process.kill()
