"""An image of one program of this machine, with the loader and the libraries it needs, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from manager.api.errors import SetupFailed
from manager.host.recipe import PATH, Recipe

_HEAD_BYTES = 64 * 1024
_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def program_recipe(reference: str, program: Path, *, about: str) -> Recipe:
    """Return the recipe of an image that holds `program` alone. Raises SetupFailed when it is not there."""
    return Recipe(
        reference=reference,
        about=about,
        inputs=(program.name, _identity(program)),
        instructions=(f"ENV PATH={PATH}", f'ENTRYPOINT ["/usr/bin/{program.name}"]'),
        write=lambda out: write_program(program, out),
    )


def _identity(program: Path) -> str:
    """Return what tells two programs apart: the size, and the head of the file, which has the build id.

    The same program in another virtual environment is the same, whatever its path and its age.
    """
    try:
        with program.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            return f"{os.fstat(file.fileno()).st_size} {sha256(head).hexdigest()}"
    except OSError as error:
        raise SetupFailed(f"{program} cannot be read: {error.strerror}", hint="simplecloud doctor") from error


def write_program(program: Path, out: BinaryIO) -> None:
    """`out` is a tar with the program in /usr/bin, and its loader and libraries where it looks for them."""
    places = {f"/usr/bin/{program.name}": program} | {str(path): path for path in _libraries(program)}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted({folder for place in places for folder in Path(place).parents}):
            tar.addfile(_entry(folder, tarfile.DIRTYPE))
        for place, source in places.items():
            _add_file(tar, place, source)


def _add_file(tar: tarfile.TarFile, place: str, source: Path) -> None:
    entry = _entry(Path(place), tarfile.REGTYPE)
    with source.open("rb") as file:
        entry.size = os.fstat(file.fileno()).st_size
        tar.addfile(entry, file)


def _entry(path: Path, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f".{path}")
    entry.type, entry.mode = kind, 0o755
    return entry


def _libraries(program: Path) -> list[Path]:
    """Return the dynamic loader and the libraries it opens for `program`; none for a static program."""
    listing = subprocess.run(
        ["ldd", str(program)], capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"}
    )
    return libraries_in(listing.stdout)


def libraries_in(listing: str) -> list[Path]:
    """Return the files that ldd lists. Raises SetupFailed when one is missing."""
    absent = re.search(r"^\s+(\S+) => not found", listing, re.MULTILINE)
    if absent:
        raise SetupFailed(f"the library {absent[1]} is not on this machine", hint="apt-get -f install")
    return [Path(path) for path in _LIBRARY.findall(listing)]
