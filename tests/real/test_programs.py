"""What the check says of a program, beside what the program does in a container."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from manager.api.errors import ProgramRejected
from manager.engine.containers import Container
from manager.engine.docker_engine import DockerEngine
from manager.engine.orders import FileMount
from manager.programs.check import check, resolve_command
from manager.programs.elf import read_elf
from manager.programs.store import Programs
from tests.eventually import eventually
from tests.real.busybox import own_cloud, own_image, static_busybox, worker_order

DYNAMIC = "/usr/bin/env"
TARGET = "/srv/busybox"  # busybox is what its name says


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerEngine]:
    with own_cloud() as engine:
        yield engine


@pytest.fixture(scope="module")
def static_image(engine: DockerEngine) -> Iterator[str]:
    """An image with nothing but a static busybox."""
    with own_image(engine) as reference:
        yield reference


@pytest.fixture(scope="module")
def libc_image(engine: DockerEngine) -> Iterator[str]:
    """The same with this machine's loader and C library."""
    listed = subprocess.run(["ldd", DYNAMIC], capture_output=True, text=True, check=True).stdout
    paths = re.findall(r"(/\S+) \(0x", listed)
    with own_image(engine, {path[1:]: (0o755, Path(path).read_bytes()) for path in paths}) as reference:
        yield reference


def take(directory: Path, path: str) -> Path:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return Programs(directory).take(descriptor, path, executable=True)
    finally:
        os.close(descriptor)


def check_in(engine: DockerEngine, image: str, program: Path) -> None:
    with engine.images.open(image) as files:
        check(program.read_bytes(), "./program", TARGET, files)


def run(engine: DockerEngine, image: str, program: Path, *arguments: str) -> Container:
    """Return the worker that ran the program to its end."""
    order = worker_order(image, TARGET, *arguments, prefix=f"sc_{program.name[:8]}")
    order = replace(order, entrypoint=(), files=(FileMount(str(program), TARGET),))
    engine.create(order)
    engine.start(order.name)
    [ended] = eventually(lambda: _ended(engine, order.name), what="the end of the program")
    engine.remove(order.name)
    return ended


def _ended(engine: DockerEngine, name: str) -> list[Container]:
    return [worker for worker in engine.workers() if worker.name == name and worker.has_ended]


def test_a_static_program_passes_and_runs(engine: DockerEngine, static_image: str, tmp_path: Path) -> None:
    program = take(tmp_path, str(static_busybox()))

    check_in(engine, static_image, program)

    assert run(engine, static_image, program, "sh", "-c", "exit 5").exit_code == 5


def test_a_dynamic_program_is_refused_where_it_would_fail(
    engine: DockerEngine, static_image: str, tmp_path: Path
) -> None:
    program = take(tmp_path, DYNAMIC)
    loader = read_elf(program.read_bytes()).interpreter

    with pytest.raises(ProgramRejected, match=re.escape(f"needs {loader}, which image {static_image}")):
        check_in(engine, static_image, program)
    assert run(engine, static_image, program).exit_code == 127


def test_a_dynamic_program_passes_and_runs_where_its_libraries_are(
    engine: DockerEngine, libc_image: str, tmp_path: Path
) -> None:
    program = take(tmp_path, DYNAMIC)

    check_in(engine, libc_image, program)

    assert run(engine, libc_image, program).exit_code == 0


def test_a_script_for_a_missing_interpreter_is_refused_where_it_would_fail(
    engine: DockerEngine, static_image: str, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/python3\nprint('hello')\n")
    script.chmod(0o755)
    program = take(tmp_path / "taken", str(script))

    with pytest.raises(ProgramRejected, match="needs /usr/bin/python3"):
        check_in(engine, static_image, program)
    assert run(engine, static_image, program).exit_code == 127


def test_this_machines_programs_find_their_libraries_here() -> None:
    for name in ("/usr/bin/env", "/usr/bin/tar", "/usr/bin/apt"):
        found = read_elf(Path(name).read_bytes())
        listed = subprocess.run(["ldd", name], capture_output=True, text=True, check=False).stdout
        assert all(library in listed for library in found.needed)
        assert found.runnable


def test_a_command_is_found_in_an_image(engine: DockerEngine, static_image: str) -> None:
    with engine.images.open(static_image) as files:
        assert resolve_command("sh", files) == "/bin/sh"
        assert resolve_command("/usr/bin/sh", files) == "/usr/bin/sh"
        with pytest.raises(ProgramRejected, match="did you mean sleep"):
            resolve_command("slep", files)
