"""What carries the mark of any cloud on this machine: links by their alias, tables by their name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from netsetup.addresses import cloud_alias
from netsetup.forwarding import marks
from netsetup.links import aliases
from netsetup.netlink import Netlink
from netsetup.nft import Nft

_TABLE = re.compile(r"table (?:bridge|inet) sc_([0-9a-f]{4})")
_MARK = cloud_alias("")


@dataclass(frozen=True, slots=True)
class Survey:
    """How many links and rules of Docker's chain there are by cloud, and how many tables by tag."""

    links: Mapping[str, int]
    rules: Mapping[str, int]
    tables: Mapping[str, int]


def survey() -> Survey:
    """Return what there is now.  Raises NetworkError; needs root for the rules."""
    with Netlink() as netlink:
        links = Counter(_cloud_of(alias) for alias in aliases(netlink) if alias.startswith(_MARK))
    rules = Counter(_cloud_of(mark) for mark in marks() if mark.startswith(_MARK))
    with closing(Nft()) as nft:
        tables = Counter(_TABLE.findall(nft.tables()))
    return Survey(links, rules, tables)


def _cloud_of(alias: str) -> str:
    return alias.removeprefix(_MARK)
