"""What an ELF file says of itself and of what it needs, read from its bytes.

Source of the layout: the System V ABI, chapters 4 and 5 (man 5 elf).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import NamedTuple

MAGIC = b"\x7fELF"

Contents = bytes | mmap

# e_machine, 64 bits, little-endian -> the architecture as Go and Docker call it
_ARCHITECTURES = {
    (62, True, True): "amd64",
    (3, False, True): "386",
    (183, True, True): "arm64",
    (40, False, True): "arm",
    (243, True, True): "riscv64",
    (21, True, True): "ppc64le",
    (21, True, False): "ppc64",
    (22, True, False): "s390x",
    (258, True, True): "loong64",
    (8, True, True): "mips64le",
    (8, True, False): "mips64",
    (8, False, True): "mipsle",
    (8, False, False): "mips",
}
_EXECUTABLE, _SHARED = 2, 3
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NULL, _NEEDED, _STRINGS, _RPATH, _RUNPATH = 0, 1, 5, 15, 29
_MOST_ENTRIES = 4096


class NotElf(ValueError):
    """The bytes begin like an ELF file and are not a whole one."""


@dataclass(frozen=True, slots=True)
class Elf:
    """A program or library: its loader ("" when it needs none) and the libraries that it names.

    runnable: it can be started, which object files, core dumps and plain libraries cannot.
    search_path: its own directories for libraries; $ORIGIN in them is the program's directory.
    """

    architecture: str
    runnable: bool
    interpreter: str
    needed: tuple[str, ...]
    search_path: tuple[str, ...]


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class _Reader:
    contents: Contents
    wide: bool
    order: str

    def numbers(self, layout: str, offset: int) -> tuple[int, ...]:
        """Return the fields of a struct layout without padding; raises NotElf beyond the end."""
        size = struct.calcsize("=" + layout)
        return struct.unpack(self.order + layout, self.slice(offset, size))

    def slice(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes; raises NotElf beyond the end."""
        found = self.contents[offset : offset + size]
        if len(found) != size:
            raise NotElf("it ends too early")
        return found

    def text(self, offset: int) -> str:
        """Return the text that a zero byte ends; raises NotElf when none does."""
        end = self.contents.find(b"\0", offset) if offset < len(self.contents) else -1
        if end < 0:
            raise NotElf("a name in it does not end")
        return self.contents[offset:end].decode(errors="replace")


def read_elf(contents: Contents) -> Elf:
    """Return what an ELF file says of itself.  Raises NotElf when it is cut off or damaged."""
    reader = _reader(contents)
    kind, machine = reader.numbers("HH", 16)
    (entry,) = reader.numbers("Q" if reader.wide else "I", 24)
    segments = list(_segments(reader))
    dynamic = [pair for found in segments if found.kind == _DYNAMIC for pair in _dynamic(reader, found)]
    names = _names(reader, segments, dynamic)
    paths = [path for tag in (_RPATH, _RUNPATH) for path in names.get(tag, ())]
    return Elf(
        architecture=_ARCHITECTURES.get((machine, reader.wide, reader.order == "<"), f"machine {machine}"),
        runnable=kind == _EXECUTABLE or (kind == _SHARED and entry != 0),
        interpreter=next((reader.text(found.offset) for found in segments if found.kind == _INTERPRETER), ""),
        needed=tuple(names.get(_NEEDED, ())),
        search_path=tuple(directory for path in paths for directory in path.split(":") if directory),
    )


def _reader(contents: Contents) -> _Reader:
    width, order = _Reader(contents, wide=False, order="<").numbers("BB", 4)
    if width not in (1, 2) or order not in (1, 2):
        raise NotElf("its header is damaged")
    return _Reader(contents, wide=width == 2, order="<" if order == 1 else ">")


def _segments(reader: _Reader) -> Iterator[_Segment]:
    (table,) = reader.numbers("Q", 32) if reader.wide else reader.numbers("I", 28)
    size, count = reader.numbers("HH", 54 if reader.wide else 42)
    for start in range(table, table + size * count, size or 1):
        if reader.wide:
            kind, _, offset, address, _, length = reader.numbers("IIQQQQ", start)
        else:
            kind, offset, address, _, length = reader.numbers("IIIII", start)
        yield _Segment(kind, offset, address, length)


def _dynamic(reader: _Reader, segment: _Segment) -> Iterator[tuple[int, int]]:
    layout, size = ("QQ", 16) if reader.wide else ("II", 8)
    for index in range(min(segment.size // size, _MOST_ENTRIES)):
        tag, value = reader.numbers(layout, segment.offset + index * size)
        if tag == _NULL:
            return
        yield tag, value


def _names(reader: _Reader, segments: list[_Segment], dynamic: list[tuple[int, int]]) -> dict[int, list[str]]:
    """Return the texts of the dynamic section by tag; its values count from the table of strings."""
    strings = next((_offset_of(value, segments) for tag, value in dynamic if tag == _STRINGS), None)
    found: dict[int, list[str]] = {}
    for tag, value in dynamic:
        if strings is not None and tag in (_NEEDED, _RPATH, _RUNPATH):
            found.setdefault(tag, []).append(reader.text(strings + value))
    return found


def _offset_of(address: int, segments: list[_Segment]) -> int:
    """Return where in the file that byte stands which is loaded at an address."""
    for segment in segments:
        if segment.kind == _LOAD and segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise NotElf("its table of names is not in it")
