"""The files that a cloud still has of apps that are gone: what `export` names by its hash comes from there.

The shell opens them as its own user, as it does any file; who may not read one is told that it is missing.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from shell.apps.entry import Entry
from shell.files import split_copy
from shell.language.parsing import texts

_SHA256 = re.compile(r"[0-9a-f]{64}")


def from_kept(wanted: Entry, current: Entry | None, directory: Path) -> Entry:
    """Return the app with a copy of each file in `directory` that it needs, and neither copies nor has."""
    copies = texts(wanted.params, "copy")
    from_here = {split_copy(copy)[1] for copy in copies}
    there = current.files if current is not None else {}
    found = {
        path: f"{directory / sha256}:{path}"
        for path, sha256 in wanted.files.items()
        if path not in from_here and there.get(path) != sha256 and _is_kept(directory, sha256)
    }
    if not found:
        return wanted
    params = {**wanted.params, "copy": [*copies, *found.values()]}
    others = {path: sha256 for path, sha256 in wanted.files.items() if path not in found}
    return replace(wanted, params=params, files=others)


def _is_kept(directory: Path, sha256: str) -> bool:
    return bool(_SHA256.fullmatch(sha256)) and os.access(directory / sha256, os.R_OK)
