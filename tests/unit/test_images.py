"""What images are made of, and when they are made again."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

from manager.api.errors import SetupFailed
from manager.engine.payload import RECIPE
from manager.host.base_image import apt_settings_in, base_recipe, mirrors_in
from manager.host.images import build, missing
from manager.host.program_image import libraries_in, program_recipe, write_program
from manager.host.recipe import Recipe

PROGRAM = Path(os.path.realpath(sys.executable))
LDD = """\
\tlinux-vdso.so.1 (0x00007f7af8652000)
\tlibpthread.so.0 => /lib/x86_64-linux-gnu/libpthread.so.0 (0x00007f7af8600000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f7af845f000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f7af8654000)
"""


@dataclass
class Shelf:
    """Images by reference: the bytes of their tar and their instructions."""

    images: dict[str, tuple[bytes, tuple[str, ...]]] = field(default_factory=dict)

    def has(self, reference: str, recipe: str) -> bool:
        _, changes = self.images.get(reference, (b"", ()))
        return f"LABEL {RECIPE}={recipe}" in changes

    def load(self, reference: str, tar: BinaryIO, changes: Sequence[str]) -> None:
        self.images[reference] = (tar.read(), tuple(changes))


def recipe(reference: str, *inputs: str, write: Callable[[BinaryIO], None] | None = None) -> Recipe:
    content = f"tar of {reference}".encode()

    def write_content(out: BinaryIO) -> None:
        out.write(content)

    return Recipe(reference, "a test", inputs, (), write or write_content)


def contents(tar: BinaryIO) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=tar) as opened:
        return {entry.name: entry for entry in opened}


def test_only_what_is_missing_is_built_and_said() -> None:
    shelf, said = Shelf(), list[str]()
    build([recipe("a", "1")], shelf, said.append)

    wanted = [recipe("a", "1"), recipe("b", "1")]
    build(missing(wanted, shelf), shelf, said.append)

    assert said == ["building a: a test", "building b: a test"]
    assert shelf.images["b"][0] == b"tar of b"
    assert missing(wanted, shelf) == []


def test_an_image_is_built_again_when_what_it_is_made_from_has_changed() -> None:
    shelf = Shelf()
    build([recipe("a", "1")], shelf, lambda _: None)

    assert missing([recipe("a", "2")], shelf)


def test_the_mark_depends_on_every_input_and_instruction() -> None:
    def mark(inputs: tuple[str, ...], instructions: tuple[str, ...]) -> str:
        return Recipe("a", "about", inputs, instructions, lambda _: None).mark

    marks = {mark(("1", "2"), ()), mark(("12",), ()), mark(("1",), ("2", "3")), mark(("1",), ("ENV A=1",))}

    assert len(marks) == 4


def test_a_build_that_fails_leaves_no_image() -> None:
    def fail(out: BinaryIO) -> None:
        out.write(b"half")
        raise KeyboardInterrupt

    shelf = Shelf()

    with pytest.raises(KeyboardInterrupt):
        build([recipe("a", write=fail)], shelf, lambda _: None)

    assert shelf.images == {}


def test_a_program_comes_with_its_loader_and_libraries() -> None:
    tar = io.BytesIO()

    write_program(PROGRAM, tar)

    tar.seek(0)
    files = contents(tar)
    assert files[f"./usr/bin/{PROGRAM.name}"].size == PROGRAM.stat().st_size
    assert all(entry.mode == 0o755 and entry.uid == 0 for entry in files.values())
    assert any("/ld-linux" in name for name in files)
    assert any(name.startswith("./lib") and "libc.so" in name for name in files)


def test_folders_come_before_what_is_in_them() -> None:
    tar = io.BytesIO()

    write_program(PROGRAM, tar)

    tar.seek(0)
    names = list(contents(tar))
    assert names.index("./usr") < names.index("./usr/bin") < names.index(f"./usr/bin/{PROGRAM.name}")


def test_the_libraries_of_a_program_are_those_with_a_path() -> None:
    assert [str(path) for path in libraries_in(LDD)] == [
        "/lib/x86_64-linux-gnu/libpthread.so.0",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib64/ld-linux-x86-64.so.2",
    ]


def test_a_static_program_has_no_libraries() -> None:
    assert libraries_in("\tstatically linked\n") == []


def test_a_library_that_is_not_there_is_named() -> None:
    with pytest.raises(SetupFailed, match=r"library libz\.so\.1 is not on this machine"):
        libraries_in(LDD + "\tlibz.so.1 => not found\n")


def test_the_same_program_elsewhere_and_later_makes_the_same_image(tmp_path: Path) -> None:
    first, second = tmp_path / "a/tool", tmp_path / "b/tool"
    for path, time_s in ((first, 1), (second, 2)):
        path.parent.mkdir()
        path.write_bytes(b"\x7fELF, build 1")
        os.utime(path, (time_s, time_s))

    assert program_recipe("x", first, about="").mark == program_recipe("x", second, about="").mark


def test_another_build_of_a_program_makes_another_image(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_bytes(b"\x7fELF, build 1")
    before = program_recipe("x", tool, about="").mark

    tool.write_bytes(b"\x7fELF, build 2")

    assert program_recipe("x", tool, about="").mark != before


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="traefik cannot be read: No such file"):
        program_recipe("x", tmp_path / "traefik", about="")


def test_the_base_is_of_the_hosts_suite_from_the_hosts_mirrors() -> None:
    targets = """\
http://mirror/debian/ bookworm main
http://mirror/debian/ bookworm main
http://mirror/debian/ bookworm contrib
http://mirror/debian/ bookworm-updates main
http://mirror/debian-security/ bookworm-security main
https://download.docker.com/linux/debian/ bookworm stable
https://apt.postgresql.org/pub/repos/apt/ bookworm-pgdg main
https://deb.nodesource.com/node_20.x/ nodistro main
"""
    assert mirrors_in(targets, "bookworm", keyring=None) == [
        "deb http://mirror/debian/ bookworm main",
        "deb http://mirror/debian/ bookworm-updates main",
        "deb http://mirror/debian-security/ bookworm-security main",
    ]


def test_a_keyring_signs_the_mirrors() -> None:
    (line,) = mirrors_in("http://mirror/ubuntu/ noble universe\n", "noble", keyring=Path("/usr/keys.gpg"))

    assert line == "deb [signed-by=/usr/keys.gpg] http://mirror/ubuntu/ noble universe"


def test_a_machine_without_mirrors_is_told_so() -> None:
    with pytest.raises(SetupFailed, match="apt has no mirror of bookworm"):
        mirrors_in("https://other/ nodistro main\n", "bookworm", keyring=None)


def test_how_the_hosts_mirrors_are_reached_is_passed_on() -> None:
    dump = """\
Acquire "";
Acquire::IndexTargets::deb::Packages::MetaKey "x";
Acquire::http::Proxy "http://proxy:3142";
Acquire::Check-Valid-Until "false";
Acquire::https::CaInfo "/etc/ssl/ca.crt";
Acquire::http "";
Acquire::Languages "none";
"""
    assert apt_settings_in(dump) == [
        'Acquire::http::Proxy "http://proxy:3142";',
        'Acquire::Check-Valid-Until "false";',
        'Acquire::https::CaInfo "/etc/ssl/ca.crt";',
    ]


def test_the_base_says_what_is_in_it() -> None:
    assert "python3, netcat-openbsd, busybox" in base_recipe("x").about
