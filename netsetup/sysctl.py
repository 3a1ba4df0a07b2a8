"""Kernel settings below /proc/sys/net, of the namespace of the calling thread."""

from __future__ import annotations

from pathlib import Path

from netsetup.errors import NetworkError

_ROOT = Path("/proc/sys/net")


def settle(setting: str, value: int) -> bool:
    """The setting has the value; return whether that was a change.

    setting: such as "ipv4/neigh/sc12abbr/retrans_time_ms".  One that the kernel lacks needs no change
    (IPv6 may be absent).  Raises NetworkError.
    """
    path = _ROOT / setting
    wanted = str(value)
    try:
        if path.read_text().strip() == wanted:
            return False
        path.write_text(wanted)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NetworkError(f"cannot set {path} to {wanted}: {error.strerror}") from error
    return True


def current(setting: str) -> int | None:
    """Return the setting's value, None where the kernel lacks it."""
    try:
        return int((_ROOT / setting).read_text())
    except FileNotFoundError:
        return None
