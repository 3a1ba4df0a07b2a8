"""Where a cloud keeps its things on this machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from manager.api.cite import cited
from manager.api.errors import UsageError

DEFAULT_CLOUD = "default"
GROUP = "simplecloud"
_CLOUD_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one cloud; `tag` is the 4 hex digits that mark its links and rules."""

    cloud: str

    @property
    def tag(self) -> str:
        from hashlib import sha256  # it loads OpenSSL, 4 ms that few commands of the shell need

        return sha256(self.cloud.encode()).hexdigest()[:4]

    @property
    def run(self) -> Path:
        return Path("/run/simplecloud") / self.cloud

    @property
    def state(self) -> Path:
        return Path("/var/lib/simplecloud") / self.cloud

    @property
    def programs(self) -> Path:
        return self.state / "programs"

    @property
    def log(self) -> Path:
        return Path("/var/log/simplecloud") / self.cloud

    @property
    def socket(self) -> Path:
        return self.run / "manager.sock"

    @property
    def prompt(self) -> str:
        return "cloud> " if self.cloud == DEFAULT_CLOUD else f"cloud:{self.cloud}> "


def places_of(cloud: str | None) -> Places:
    """Return the places of the named cloud, else of $SIMPLECLOUD_CLOUD, else of `default`.

    Raises UsageError for a name that is not one.
    """
    name = cloud_of(cloud)
    if not _CLOUD_NAME.fullmatch(name):
        raise UsageError(
            f"{cited(name)} is not a cloud's name: lower-case letters, digits and dashes, at most 30",
            hint="simplecloud --cloud test ps",
        )
    return Places(name)


def cloud_of(cloud: str | None = None) -> str:
    """Return the name of the cloud that is meant, be it a name or not.

    An empty one was asked for with a variable that is not set: that means no cloud, and not `default`.
    """
    return os.environ.get("SIMPLECLOUD_CLOUD") or DEFAULT_CLOUD if cloud is None else cloud


def program(cloud: str, hint: str = "") -> str:
    """Return what calls the program, as it was called, for a cloud; `hint` may name the cloud already."""
    from shlex import quote  # for hints alone

    named = "--cloud" in hint or cloud == cloud_of()
    word = quote(os.environ.get("SIMPLECLOUD_PROGRAM", "simplecloud"))
    return word if named else f"{word} --cloud {cloud}"
