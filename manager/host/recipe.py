"""How one image is made on this machine, and the mark that tells from what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from manager.engine.payload import RECIPE

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# On disk and without the mount options (nodev, noexec) that /tmp often has: a root file system needs both.
SCRATCH = "/var/tmp"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one image is made: `inputs` is everything its content depends on, `write` makes its tar."""

    reference: str
    about: str
    inputs: tuple[str, ...]
    instructions: tuple[str, ...]
    write: Callable[[BinaryIO], None]

    @property
    def mark(self) -> str:
        made_from = "\0".join((*self.inputs, *self.instructions))
        return sha256(made_from.encode()).hexdigest()[:16]

    @property
    def changes(self) -> tuple[str, ...]:
        return (*self.instructions, f"LABEL {RECIPE}={self.mark}")
