"""Where a cloud listens and where its etcd is, as `up` is told it: a word that is refused is pointed at."""

from __future__ import annotations

import re

from manager.api.cite import cited
from manager.api.suggest import Meant

_ENDPOINT = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?/?")
_DEFAULT_PORT = "2379"
_MOST_PORTS = 1000


def ipv4(word: str) -> str:
    """Return an IPv4 address; whether it is one of this machine, is told where it is taken."""
    numbers = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})", word)
    if numbers is None or any(int(each) > 255 or each != str(int(each)) for each in numbers.groups()):
        raise Meant(f"{cited(word)} is not an IPv4 address", "127.0.0.1")
    return word


def port_range(word: str) -> str:
    """Return FIRST-LAST when these are ports, and not too many."""
    bounds_of(word)
    return word


def bounds_of(word: str) -> tuple[int, int]:
    """Return the first and the last port of FIRST-LAST."""
    found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", word)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (1 <= first <= last <= 65535 and last - first < _MOST_PORTS):
        raise Meant(f"{cited(word)} is not a range of ports", "9000-9015")
    return first, last


def endpoints(word: str) -> str:
    """Return the URLs of an etcd's members when they are such."""
    members_of(word)
    return word


def members_of(word: str) -> tuple[str, tuple[str, ...]]:
    """Return the scheme of an etcd's URLs, and `host:port` of each of its members."""
    matches = [_ENDPOINT.fullmatch(url) for url in word.split(",")]
    found = [match for match in matches if match is not None]
    schemes = {match[1] for match in found}
    if len(found) < len(matches) or len(schemes) != 1:
        raise Meant(f"{cited(word)} is not https://HOST:PORT,...", "https://10.0.0.5:2379")
    return schemes.pop(), tuple(f"{match[2]}:{match[3] or _DEFAULT_PORT}" for match in found)
