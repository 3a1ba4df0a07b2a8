"""Where a person's own files are, by the XDG base directory specification."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def history_file(environment: Mapping[str, str]) -> Path:
    """Return where what was typed is kept: $XDG_STATE_HOME/simplecloud/history."""
    return _base(environment, "XDG_STATE_HOME", ".local/state") / "history"


def init_file(environment: Mapping[str, str]) -> Path:
    """Return the script that every prompt begins with: $XDG_CONFIG_HOME/simplecloud/init.sc."""
    return _base(environment, "XDG_CONFIG_HOME", ".config") / "init.sc"


def _base(environment: Mapping[str, str], variable: str, usual: str) -> Path:
    given = environment.get(variable, "")
    # a relative one is to be ignored, says the specification
    base = Path(given) if given.startswith("/") else Path(environment.get("HOME") or "/root") / usual
    return base / "simplecloud"
