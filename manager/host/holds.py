"""What a drill or a repair holds down for a while: nobody starts it before that is over.

A hold is a file, of all managers or of one container. It tells until when, by the clock that all processes
of this machine share.
"""

from __future__ import annotations

import time
from pathlib import Path

from manager.api.places import Places
from manager.host.files import write_whole


def hold_file(places: Places, container: str = "") -> Path:
    """Return the file that holds a container down; without a name, the cloud's managers."""
    return places.run / (f"hold-{container}" if container else "hold")


def hold(places: Places, for_s: float, container: str = "") -> None:
    """It is not started for the next `for_s` seconds."""
    write_whole(hold_file(places, container), f"{time.monotonic() + for_s}\n".encode())


def held_s(places: Places, container: str = "") -> float:
    """Return for how long it is held down from now on, 0 when it is not."""
    try:
        return max(0.0, float(hold_file(places, container).read_text()) - time.monotonic())
    except (OSError, ValueError):
        return 0.0


def lift_hold(places: Places, container: str = "") -> float:
    """It is not held down; returns for how long it would have been, 0 when it was not."""
    left_s = held_s(places, container)
    hold_file(places, container).unlink(missing_ok=True)
    return left_s
