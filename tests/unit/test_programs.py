"""Taking files in by descriptor, and telling whether an image can run them."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager.api.errors import ProgramRejected
from manager.programs.check import check, resolve_command
from manager.programs.elf import NotElf, read_elf
from manager.programs.store import SIZE_LIMIT_BYTES, UNUSED_FOR_S, Programs
from tests.fakes.engine import FakeFiles, FakeImage, fake_image

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
AMD64, ARM64 = 62, 183


def take(programs: Programs, path: Path, *, executable: bool = True) -> Path:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return programs.take(descriptor, f"./{path.name}", executable=executable)
    finally:
        os.close(descriptor)


def test_a_file_that_was_damaged_is_whole_once_it_is_taken_anew(tmp_path: Path) -> None:
    programs, path = Programs(tmp_path / "taken"), script(tmp_path)
    program = take(programs, path)
    program.chmod(0o755)
    program.write_bytes(b"damaged")

    assert not programs.is_whole(program.name)
    take(programs, path)

    assert programs.is_whole(program.name)
    assert program.stat().st_mode & 0o777 == 0o555
    assert not programs.is_whole("0" * 64)


def script(tmp_path: Path, contents: bytes = b"#!/bin/sh\necho hello\n", mode: int = 0o755) -> Path:
    path = tmp_path / "server"
    path.write_bytes(contents)
    path.chmod(mode)
    return path


class Asked(FakeFiles):
    """An image that notes what is looked for in it."""

    def __init__(self, image: FakeImage) -> None:
        super().__init__(image)
        self.asked: list[str] = []

    def mode(self, path: str) -> int | None:
        self.asked.append(path)
        return super().mode(path)


def image(*paths: str, files: dict[str, tuple[int, bytes]] | None = None) -> FakeFiles:
    """Return an image `debian` with programs at these paths, and these other files."""
    return FakeFiles(fake_image("debian", dict.fromkeys(paths, (493, b"")) | (files or {})))


def elf(
    *,
    machine: int = AMD64,
    kind: int = 3,
    entry: int = 0x1000,
    interpreter: str = LOADER,
    needed: tuple[str, ...] = ("libc.so.6",),
    runpath: str = "",
) -> bytes:
    """Return a 64-bit little-endian ELF file of three segments: all of it loaded at 0x10000."""
    base, table = 0x10000, 64 + 3 * 56
    texts = b"\0" + b"".join(name.encode() + b"\0" for name in (*needed, runpath, interpreter))
    starts = {
        name: texts.index(b"\0" + name.encode() + b"\0") + 1 for name in (*needed, runpath, interpreter)
    }
    tags = [(5, base + table), *((1, starts[name]) for name in needed)]
    tags += [(29, starts[runpath])] if runpath else []
    dynamic = b"".join(struct.pack("<QQ", *pair) for pair in (*tags, (0, 0)))
    after = table + len(texts)
    segments = [(1, 0, base, after + len(dynamic)), (2, after, base + after, len(dynamic))]
    if interpreter:
        segments.append((3, table + starts[interpreter], 0, len(interpreter) + 1))
    headers = b"".join(struct.pack("<IIQQQQQQ", a, 0, b, c, c, d, d, 0) for a, b, c, d in segments)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return (header + headers).ljust(table, b"\0") + texts + dynamic


def test_a_taken_file_is_kept_under_its_content_and_cannot_be_changed(tmp_path: Path) -> None:
    path = script(tmp_path, mode=0o4755)

    program = take(Programs(tmp_path / "taken"), path)

    assert program.name == sha256(path.read_bytes()).hexdigest()
    assert program == tmp_path / "taken" / program.name
    assert program.read_bytes() == path.read_bytes()
    assert program.stat().st_mode & 0o7777 == 0o555


def test_taking_the_same_content_again_keeps_the_file_that_workers_have_mounted(tmp_path: Path) -> None:
    programs = Programs(tmp_path / "taken")
    before = take(programs, script(tmp_path)).stat().st_ino

    program = take(programs, script(tmp_path))

    assert program.stat().st_ino == before
    assert os.listdir(tmp_path / "taken") == [program.name]


def test_the_position_of_the_descriptor_is_neither_used_nor_moved(tmp_path: Path) -> None:
    path = script(tmp_path)
    with path.open("rb") as opened:
        opened.seek(5)

        program = Programs(tmp_path / "taken").take(opened.fileno(), "./server", executable=True)

        assert opened.tell() == 5
    assert program.read_bytes() == path.read_bytes()


PIECE_BYTES = 4096


@given(chunk=st.integers(0, 3), offset=st.integers(0, 3 * PIECE_BYTES - 1))
def test_a_file_that_somebody_writes_to_while_it_is_copied_is_refused(chunk: int, offset: int) -> None:
    """`chunk`: after how many pieces of it."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        path = script(Path(name), bytes(3 * PIECE_BYTES))
        os.utime(path, (0, 0))
        left, read = [chunk], os.pread

        def write_between(descriptor: int, size: int, at: int) -> bytes:
            if not left[0]:
                with path.open("r+b") as file:
                    os.pwrite(file.fileno(), b"x", offset)
            left[0] -= 1
            return read(descriptor, size, at)

        patch.setattr("manager.programs.store.CHUNK_BYTES", PIECE_BYTES)
        patch.setattr(os, "pread", write_between)
        with pytest.raises(ProgramRejected, match="changed while it was copied"):
            take(Programs(Path(name) / "taken"), path)

        assert os.listdir(Path(name) / "taken") == []


def test_the_file_that_was_opened_is_taken_whatever_its_name_leads_to_by_then(tmp_path: Path) -> None:
    path, hidden = script(tmp_path), tmp_path / "hidden"
    hidden.write_text("of somebody else")
    with path.open("rb") as opened:
        path.unlink()
        path.symlink_to(hidden)

        program = Programs(tmp_path / "taken").take(opened.fileno(), "./server", executable=True)

    assert program.read_bytes() == b"#!/bin/sh\necho hello\n"


def test_plain_data_needs_neither_a_run_bit_nor_content(tmp_path: Path) -> None:
    programs = Programs(tmp_path / "taken")

    data = take(programs, script(tmp_path, b"colour = blue\n", mode=0o600), executable=False)
    nothing = take(programs, script(tmp_path, b"", mode=0o600), executable=False)

    assert data.read_bytes() == b"colour = blue\n"
    assert nothing.read_bytes() == b""


def test_a_file_without_its_run_bit_is_refused_with_the_command_that_gives_it(tmp_path: Path) -> None:
    with pytest.raises(ProgramRejected, match="run bit") as refusal:
        take(Programs(tmp_path / "taken"), script(tmp_path, mode=0o644))

    assert refusal.value.hint == "chmod +x ./server"


def a_directory(path: Path) -> None:
    path.mkdir()


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def an_empty_file(path: Path) -> None:
    path.touch(0o755)


def a_file_of_proc(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


def a_huge_file(path: Path) -> None:
    path.touch(0o755)
    os.truncate(path, SIZE_LIMIT_BYTES + 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_directory, "is a directory"),
        (a_fifo, "is a FIFO"),
        (a_device, "is a device"),
        (an_empty_file, "is empty"),
        (a_file_of_proc, "is empty"),
        (a_huge_file, "more than 512M"),
    ],
)
def test_what_is_no_program_is_refused_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path / "thing")

    with pytest.raises(ProgramRejected, match=words) as refusal:
        take(Programs(tmp_path / "taken"), tmp_path / "thing")

    assert refusal.value.hint
    assert not (tmp_path / "taken").exists()


def test_a_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(ProgramRejected, match="is a socket"):
        Programs(tmp_path / "taken").take(one.fileno(), "./server", executable=True)


def test_a_file_that_hides_its_size_is_refused_as_data_too(tmp_path: Path) -> None:
    with pytest.raises(ProgramRejected, match="changed while it was copied"):
        take(Programs(tmp_path / "taken"), Path("/proc/self/status"), executable=False)

    assert os.listdir(tmp_path / "taken") == []


def test_a_descriptor_that_its_owner_may_not_read_is_refused(tmp_path: Path) -> None:
    descriptor = os.open(script(tmp_path), os.O_WRONLY)
    try:
        with pytest.raises(ProgramRejected, match="cannot copy"):
            Programs(tmp_path / "taken").take(descriptor, "./server", executable=True)
    finally:
        os.close(descriptor)


def test_only_files_that_nobody_uses_are_forgotten(tmp_path: Path) -> None:
    programs = Programs(tmp_path / "taken")
    used = take(programs, script(tmp_path, b"#!/bin/sh\n: used\n"))
    unused = take(programs, script(tmp_path, b"#!/bin/sh\n: unused\n"))
    later = unused.stat().st_mtime + UNUSED_FOR_S + 1

    assert programs.forget_unused({used.name}, now=later - 60) == []
    assert programs.forget_unused({used.name}, now=later) == [unused.name]
    assert used.exists()


def test_a_file_taken_anew_is_spared_until_its_app_is_recorded(tmp_path: Path) -> None:
    programs = Programs(tmp_path / "taken")
    program = take(programs, script(tmp_path))
    os.utime(program, (0, 0))

    taken_anew = take(programs, script(tmp_path))

    assert programs.forget_unused((), now=taken_anew.stat().st_mtime + 1) == []


def test_forgetting_before_anything_was_taken_is_harmless(tmp_path: Path) -> None:
    assert Programs(tmp_path / "none").forget_unused((), now=0) == []


def test_an_elf_file_tells_what_it_needs() -> None:
    found = read_elf(elf(needed=("libm.so.6", "libc.so.6"), runpath="$ORIGIN/lib:/opt/lib"))

    assert found.architecture == "amd64"
    assert found.interpreter == LOADER
    assert found.needed == ("libm.so.6", "libc.so.6")
    assert found.search_path == ("$ORIGIN/lib", "/opt/lib")
    assert found.runnable


@given(st.data())
def test_a_cut_or_damaged_elf_file_is_told_and_never_breaks_the_reader(data: st.DataObject) -> None:
    contents = bytearray(elf(runpath="/opt/lib"))
    for _ in range(data.draw(st.integers(0, 4))):
        contents[data.draw(st.integers(4, len(contents) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(contents[: data.draw(st.integers(4, len(contents)))])

    with tempfile.TemporaryFile() as file:
        file.write(cut)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            try:
                read = read_elf(mapped)
            except NotElf:
                return
    assert read == read_elf(cut)


def test_a_program_whose_loader_and_libraries_are_there_passes() -> None:
    check(elf(), "./server", "/usr/local/bin/server", image(LOADER, LIBC))


def test_a_static_program_passes_in_an_empty_image() -> None:
    check(elf(interpreter="", needed=()), "./server", "/server", image())


def test_a_program_without_its_loader_is_refused_by_naming_it() -> None:
    with pytest.raises(ProgramRejected, match=f"./server needs {LOADER}, which image debian does not have"):
        check(elf(), "./server", "/server", image(LIBC))


def test_a_program_without_a_library_is_refused_by_naming_it() -> None:
    with pytest.raises(ProgramRejected, match=r"needs libssl\.so\.3, which"):
        check(elf(needed=("libc.so.6", "libssl.so.3")), "./server", "/server", image(LOADER, LIBC))


@pytest.mark.parametrize("where", ["/opt/lib/libx.so", "/srv/lib/libx.so", "/usr/local/lib/libx.so"])
def test_a_library_is_found_where_the_loader_looks(where: str) -> None:
    contents = elf(needed=("libx.so",), runpath="$ORIGIN/lib:/opt/lib")

    check(contents, "./server", "/srv/server", image(LOADER, where))


def test_a_library_that_only_ldconfig_knows_is_found() -> None:
    cache = b"glibc-ld.so.cache1.1\0\0\x01\x02libx.so\0/odd/place/libx.so\0/gone/liby.so\0"
    there = image(LOADER, "/odd/place/libx.so", files={"/etc/ld.so.cache": (0o644, cache)})

    check(elf(needed=("libx.so",)), "./server", "/server", there)
    with pytest.raises(ProgramRejected, match=r"liby\.so"):
        check(elf(needed=("liby.so",)), "./server", "/server", there)


def test_a_library_that_is_copied_too_is_found() -> None:
    contents = elf(needed=("libx.so",), runpath="$ORIGIN")

    check(contents, "./server", "/srv/server", image(LOADER), copied=["/srv/libx.so"])


def test_a_program_of_another_architecture_is_refused() -> None:
    with pytest.raises(ProgramRejected, match=r"\./server is for arm64, image debian is for amd64"):
        check(elf(machine=ARM64), "./server", "/server", image(LOADER, LIBC))


@pytest.mark.parametrize(("kind", "entry"), [(1, 0), (3, 0), (4, 0)])
def test_object_files_libraries_and_core_dumps_are_no_programs(kind: int, entry: int) -> None:
    with pytest.raises(ProgramRejected, match="not a program"):
        check(elf(kind=kind, entry=entry), "./server", "/server", image(LOADER, LIBC))


def test_a_damaged_program_is_refused() -> None:
    with pytest.raises(ProgramRejected, match="damaged"):
        check(elf()[:100], "./server", "/server", image(LOADER, LIBC))


@pytest.mark.parametrize(("name", "reads"), [("./a.py", "/usr/bin/env python3"), ("./a", "/bin/sh")])
def test_a_script_without_an_interpreter_is_told_the_line_that_its_name_asks_for(
    name: str, reads: str
) -> None:
    with pytest.raises(ProgramRejected, match="neither an ELF program nor a script") as refused:
        check(b"hello\n", name, "/a", image())

    assert refused.value.hint == f"sed -i '1i #!{reads}' {name}"


@pytest.mark.parametrize(
    "line", [b"#!/bin/sh", b"#! /bin/sh -e", b"#!/usr/bin/env sh", b"#!/usr/bin/env -S sh -e"]
)
def test_a_script_whose_interpreter_is_there_passes(line: bytes) -> None:
    check(line + b"\necho hello\n", "./server", "/server", image("/bin/sh", "/usr/bin/env"))


@pytest.mark.parametrize(
    ("line", "missing"),
    [(b"#!/bin/bash", "/bin/bash"), (b"#!/usr/bin/env ruby", "ruby"), (b"#!/usr/bin/env A=1 ruby", "ruby")],
)
def test_a_script_without_its_interpreter_is_refused_by_naming_it(line: bytes, missing: str) -> None:
    with pytest.raises(ProgramRejected, match=f"needs {missing}, which image debian does not have"):
        check(line + b"\n", "./server", "/server", image("/bin/sh", "/usr/bin/env"))


def test_windows_line_ends_are_named_as_such() -> None:
    with pytest.raises(ProgramRejected, match="Windows line ends") as refusal:
        check(b"#!/bin/sh\r\necho\r\n", "./server", "/server", image("/bin/sh"))

    assert refusal.value.hint == r"sed -i 's/\r$//' ./server"


@pytest.mark.parametrize("line", [b"#!", b"#!  \n", b"#!sh\n"])
def test_a_script_that_names_no_interpreter_is_refused(line: bytes) -> None:
    with pytest.raises(ProgramRejected, match="names no interpreter"):
        check(line, "./server", "/server", image("/bin/sh"))


def test_a_command_is_found_by_path_or_by_the_search_path() -> None:
    there = image("/usr/bin/python3", "/opt/x")

    assert resolve_command("python3", there) == "/usr/bin/python3"
    assert resolve_command("/opt/x", there) == "/opt/x"
    assert resolve_command("opt/x", there) == "/opt/x"
    assert resolve_command("server", there, copied=["/usr/bin/server"]) == "/usr/bin/server"


@pytest.mark.parametrize("word", ["a" * 256, "/bin/" + "a" * 256, "é" * 128])
def test_a_name_that_no_file_can_have_is_looked_for_in_no_image(word: str) -> None:
    there = Asked(fake_image("debian", {}))

    with pytest.raises(ProgramRejected, match=r"has no (command|file)"):
        resolve_command(word, there)

    assert not [path for path in there.asked if len(os.path.basename(path).encode()) > 255]


@pytest.mark.parametrize(("word", "meant"), [("python", "python3"), ("pyhton3", "python3"), ("bsh", "sh")])
def test_a_mistyped_command_is_refused_with_the_one_that_was_meant(word: str, meant: str) -> None:
    with pytest.raises(ProgramRejected, match=rf"no command .{word}., did you mean {meant}\?"):
        resolve_command(word, image("/usr/bin/python3", "/bin/sh"))


def test_a_command_that_is_not_in_the_image_is_refused() -> None:
    with pytest.raises(ProgramRejected, match='image debian has no command "frobnicate"'):
        resolve_command("frobnicate", image("/bin/sh"))


def test_where_a_file_that_is_not_in_the_image_comes_from_is_told() -> None:
    with pytest.raises(ProgramRejected, match="image debian has no file /opt/y") as refused:
        resolve_command("/opt/y", image("/bin/sh"))

    assert refused.value.hint == "help files"


def test_a_file_of_the_image_without_its_run_bit_is_no_command() -> None:
    with pytest.raises(ProgramRejected, match="may not be executed"):
        resolve_command("/etc/passwd", image(files={"/etc/passwd": (0o644, b"")}))


def test_a_relative_command_counts_from_the_images_working_directory() -> None:
    there = fake_image("app", {"/srv/app/run": (0o755, b"")})
    there = replace(there, details=replace(there.details, working_dir="/srv/app"))

    assert resolve_command("./run", FakeFiles(there)) == "/srv/app/run"
    assert resolve_command("app/run", FakeFiles(there), directory="/srv") == "/srv/app/run"
