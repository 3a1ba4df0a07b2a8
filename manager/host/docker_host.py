"""Which Docker of this machine a cloud is on: where DOCKER_HOST leads at its first `up`, which is remembered.

Only a Unix socket will do: workers are joined to a bridge here, so they must run here.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from manager.api.errors import SetupFailed, UsageError
from manager.api.places import Places
from manager.host.dockerd import SOCKET
from manager.host.settings import load

VARIABLE = "DOCKER_HOST"
_UNIX = "unix://"


def asked_socket() -> Path | None:
    """Return the socket that DOCKER_HOST names, None where it says nothing; raises UsageError."""
    address = os.environ.get(VARIABLE)
    if not address:
        return None
    path = address.removeprefix(_UNIX)
    if path == address or not path.startswith("/"):
        raise UsageError(
            f"{VARIABLE}={address}: a cloud needs the Docker of this machine, at a Unix socket",
            hint=f"unset {VARIABLE}    (or: export {VARIABLE}={_UNIX}{SOCKET})",
        )
    return Path(path)


def docker_socket(places: Places) -> Path:
    """Return the socket of the cloud's Docker: as remembered, else as asked, else the usual one."""
    with suppress(SetupFailed, PermissionError):  # `down` and `doctor` do without settings
        if (known := load(places)) is not None:
            return Path(known.docker)
    return asked_socket() or SOCKET
