"""The files that a cloud still has of apps that were: what `export` names by its hash is copied from there.

The shell opens them as its own user, as any other file: who may not read them is told which ones are missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from shell.apps.entry import Entry
from shell.files import split_copy
from shell.language.parsing import texts

_SHA256 = re.compile(r"[0-9a-f]{64}")


def from_kept(wanted: Entry, current: Entry | None, directory: Path) -> Entry:
    """Return the app with a copy of each file of `directory` that it needs and has neither here nor there."""
    copies = texts(wanted.params, "copy")
    own, there = {split_copy(copy)[1] for copy in copies}, current.files if current is not None else {}
    found = {
        path: os.path.join(directory, sha256)
        for path, sha256 in wanted.files.items()
        if path not in own and there.get(path) != sha256 and _is_kept(directory, sha256)
    }
    if not found:
        return wanted
    params = {**wanted.params, "copy": [*copies, *(f"{source}:{path}" for path, source in found.items())]}
    return replace(wanted, params=params, files=_without(wanted.files, found))


def _is_kept(directory: Path, sha256: str) -> bool:
    return bool(_SHA256.fullmatch(sha256)) and os.access(directory / sha256, os.R_OK)


def _without(files: Mapping[str, str], found: Mapping[str, str]) -> Mapping[str, str]:
    return {path: sha256 for path, sha256 in files.items() if path not in found}
