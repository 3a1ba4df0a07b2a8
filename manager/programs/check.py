"""Whether an image has what a program needs, told before anything is started.

A program whose loader is missing fails with "no such file or directory", which sends people looking for the
program.  Here the message names what is missing, and in which image.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from shlex import quote
from typing import Protocol

from manager.api.cite import cited
from manager.api.errors import ProgramRejected
from manager.programs.elf import MAGIC, Contents, Elf, NotElf, read_elf

_SHEBANG_BYTES = 256  # what the kernel looks at
_NAME_BYTES = 255  # of a file, in any file system of Linux
_LD_SO_CACHE = "/etc/ld.so.cache"
_LIBRARY_DIRECTORIES = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_MULTIARCH = {
    "amd64": "x86_64-linux-gnu",
    "386": "i386-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "arm": "arm-linux-gnueabihf",
    "riscv64": "riscv64-linux-gnu",
    "ppc64le": "powerpc64le-linux-gnu",
    "s390x": "s390x-linux-gnu",
}
_OFTEN_MEANT = (
    "sh",
    "bash",
    "ash",
    "python3",
    "busybox",
    "nc",
    "perl",
    "node",
    "java",
    "env",
    "sleep",
    "cat",
)


class ImageFiles(Protocol):
    """The files of one image, symlinks followed inside it."""

    reference: str
    architecture: str
    search_path: tuple[str, ...]
    working_dir: str

    def mode(self, path: str) -> int | None:
        """Return the permission bits of the regular file at `path`, None when there is none."""

    def is_directory(self, path: str) -> bool:
        """Return whether a directory is at `path`."""

    def read(self, path: str) -> bytes | None:
        """Return the first MiB of the regular file at `path`, None when there is none."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An image with the files that will be copied into it."""

    image: ImageFiles
    copied: Collection[str]

    def has(self, path: str) -> bool:
        return path in self.copied or self._mode(path) is not None

    def can_run(self, path: str) -> bool:
        return path in self.copied or bool((self._mode(path) or 0) & 0o111)

    def is_directory(self, path: str) -> bool:
        return _can_be(path) and self.image.is_directory(path)

    def _mode(self, path: str) -> int | None:
        return self.image.mode(path) if _can_be(path) else None

    def found_command(self, word: str) -> str | None:
        """Return where a command without a slash stands, as the search path finds it."""
        candidates = (f"{directory.rstrip('/')}/{word}" for directory in self.image.search_path)
        return next((path for path in candidates if self.can_run(path)), None)


def _can_be(path: str) -> bool:
    """Return whether a file can have these names; Docker fails at one that none can have."""
    return all(len(name.encode(errors="replace")) <= _NAME_BYTES for name in path.split("/"))


def check_places(targets: Collection[str], image: ImageFiles) -> None:
    """Return when files can be copied to all these paths in workers of the image; raises ProgramRejected."""
    place = _Place(image, frozenset(targets))
    for target in targets:
        if place.is_directory(target):
            raise ProgramRejected(
                f"{target} is a directory in image {image.reference}: no file can be copied there",
                hint=f"--copy FILE:{target.rstrip('/')}/",
            )
        above = (str(parent) for parent in PurePosixPath(target).parents)
        if (file := next(filter(place.has, above), None)) is not None:
            raise ProgramRejected(f"{target} would be below {file}, which is a file", hint="help run")


def check(
    contents: Contents, name: str, target: str, image: ImageFiles, copied: Collection[str] = ()
) -> None:
    """Return when the program can run in the image at the path `target`; raises ProgramRejected.

    contents: all of the file.  name: as its owner calls it.  copied: paths that will be in the workers too.
    """
    place = _Place(image, frozenset(copied))
    if contents[:4] == MAGIC:
        _check_elf(_elf(contents, name), name, target, place)
    elif contents[:2] == b"#!":
        _check_script(contents[:_SHEBANG_BYTES], name, place)
    else:
        reads = "/usr/bin/env python3" if name.endswith(".py") else "/bin/sh"
        raise ProgramRejected(
            f"{name} is neither an ELF program nor a script that begins with #!",
            hint=f"sed -i '1i #!{reads}' {quote(name)}",
        )


def resolve_command(
    word: str, image: ImageFiles, copied: Collection[str] = (), directory: str | None = None
) -> str:
    """Return the path of what a command's first word runs in the image; raises ProgramRejected.

    directory: where it is run, None for the image's own.
    """
    place = _Place(image, frozenset(copied))
    if "/" not in word:
        if found := place.found_command(word):
            return found
        raise _unknown(word, place)
    path = str(PurePosixPath(directory or image.working_dir) / word)
    if place.can_run(path):
        return path
    if place.has(path):
        raise ProgramRejected(f"{word} in image {image.reference} may not be executed", hint="help files")
    raise ProgramRejected(f"image {image.reference} has no file {word}", hint="help files")


def _unknown(word: str, place: _Place) -> ProgramRejected:
    there = (name for name in (f"{word}3", *_OFTEN_MEANT) if place.found_command(name))
    near = get_close_matches(word, there, n=1)
    meant = f", did you mean {near[0]}?" if near else ""
    return ProgramRejected(
        f"image {place.image.reference} has no command {cited(word)}{meant}", hint="images"
    )


def _check_script(head: bytes, name: str, place: _Place) -> None:
    line = head.split(b"\n", 1)[0][2:].decode(errors="replace")
    if line.endswith("\r"):
        raise ProgramRejected(
            f"{name} has Windows line ends: its interpreter would be {cited(line.strip(' '))}",
            hint=f"sed -i 's/\\r$//' {quote(name)}",
        )
    interpreter, *arguments = line.split() or [""]
    if not interpreter.startswith("/"):
        raise ProgramRejected(
            f"the #! line of {name} names no interpreter by an absolute path", hint=f"head -n1 {quote(name)}"
        )
    if not place.can_run(interpreter):
        raise _lacks(place, name, interpreter)
    wanted = _asked_of_env(arguments) if PurePosixPath(interpreter).name == "env" else ""
    if wanted and "/" not in wanted and not place.found_command(wanted):
        raise _lacks(place, name, wanted)


def _asked_of_env(arguments: list[str]) -> str:
    """Return the command that `env` is to find: its first argument that is no option and no NAME=VALUE."""
    return next((word for word in arguments if not word.startswith("-") and "=" not in word), "")


def _elf(contents: Contents, name: str) -> Elf:
    try:
        return read_elf(contents)
    except NotElf as error:
        raise ProgramRejected(f"{name} is a damaged ELF file: {error}", hint="help files") from error


def _check_elf(elf: Elf, name: str, target: str, place: _Place) -> None:
    image = place.image
    if elf.architecture != image.architecture:
        raise ProgramRejected(
            f"{name} is for {elf.architecture}, image {image.reference} is for {image.architecture}",
            hint="images",
        )
    if not elf.runnable:
        raise ProgramRejected(f"{name} is an ELF library or object file, not a program", hint="help run")
    if elf.interpreter and not place.can_run(elf.interpreter):
        raise _lacks(place, name, elf.interpreter)
    missing = _missing_libraries(elf, target, place)
    if missing:
        raise _lacks(place, name, " and ".join(missing))


def _missing_libraries(elf: Elf, target: str, place: _Place) -> list[str]:
    # Without a loader nobody looks for libraries: such a program has itself all that it names.
    needed = elf.needed if elf.interpreter else ()
    directories = list(_library_directories(elf, target))
    missing = [name for name in needed if not _is_in(name, directories, place)]
    return [name for name in missing if not _is_known_to_loader(name, place)]


def _is_in(name: str, directories: Iterable[str], place: _Place) -> bool:
    if "/" in name:
        return place.has(name)
    return any(place.has(f"{directory}/{name}") for directory in directories)


def _library_directories(elf: Elf, target: str) -> Iterator[str]:
    origin = str(PurePosixPath(target).parent)
    for directory in elf.search_path:
        yield directory.replace("${ORIGIN}", origin).replace("$ORIGIN", origin).rstrip("/")
    if elf.architecture in _MULTIARCH:
        yield f"/lib/{_MULTIARCH[elf.architecture]}"
        yield f"/usr/lib/{_MULTIARCH[elf.architecture]}"
    yield from _LIBRARY_DIRECTORIES


def _is_known_to_loader(name: str, place: _Place) -> bool:
    """Return whether ldconfig found the library, wherever the image's ld.so.conf sent it."""
    cache = place.image.read(_LD_SO_CACHE) or b""
    # The paths stand in it as texts ended by zero bytes; what is read amiss is not in the image either.
    paths = (text.decode(errors="replace") for text in cache.split(b"\0") if text.startswith(b"/"))
    return any(place.has(path) for path in paths if PurePosixPath(path).name == name)


def _lacks(place: _Place, name: str, missing: str) -> ProgramRejected:
    return ProgramRejected(
        f"{name} needs {missing}, which image {place.image.reference} does not have", hint="images"
    )
