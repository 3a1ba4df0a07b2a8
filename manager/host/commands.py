"""Commands of the system, run to their end, and the right to run them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from manager.api.errors import NotAllowed, SetupFailed


def run(argv: Sequence[str], what: str) -> None:
    """The command has ended well. Raises SetupFailed with its last line."""
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except OSError as error:
        raise SetupFailed(f"cannot {what}: {argv[0]}: {error.strerror}", hint="simplecloud doctor") from error
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines() or [f"exit code {error.returncode}"]
        raise SetupFailed(f"cannot {what}: {words[-1]}", hint="simplecloud doctor") from error


def require_root(what: str) -> None:
    """Raise NotAllowed for all but root; `what` is what needs it."""
    if os.geteuid() != 0:
        raise NotAllowed(f"{what} needs root", hint="sudo simplecloud up")
