"""What is in a directory, for who types the name of a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice

_ENTRIES = 2000  # more help nobody


def entries(directory: str) -> Sequence[str]:
    """Return the names in a directory ('' is the current one), those of directories with a final /."""
    try:
        with os.scandir(os.path.expanduser(directory) or ".") as found:
            return sorted(entry.name + "/" * _is_directory(entry) for entry in islice(found, _ENTRIES))
    except OSError:
        return ()


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
