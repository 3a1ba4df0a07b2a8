"""Docker's filter lets the cloud's frames pass.

dockerd drops what is forwarded and not its own, frames between ports of our bridge included (br_netfilter).
An accept of ours elsewhere cannot undo that; its chain DOCKER-USER is the place it keeps for others.
Changed through iptables, the tool that owns these tables; nft must not touch them.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from netsetup.errors import NetworkError

CHAIN = "DOCKER-USER"
_LEGACY = "iptables-legacy"
_TOOLS = ("iptables-nft", _LEGACY)
_LEGACY_TABLES = Path("/proc/thread-self/net/ip_tables_names")

Rule = tuple[str, ...]


class Forwarding:
    """The accept rules of one bridge, marked with the cloud's alias.  Threads may change them at once."""

    def __init__(self, bridge: str, alias: str) -> None:
        self._bridge = bridge
        self._alias = alias
        self._stood_at: tuple[int, bool] | None = None
        self._changing = threading.Lock()

    def ensure(self, generation: int, egress: bool) -> list[str]:
        """The rules stand in each of Docker's chains; return a sentence for each where they had not.

        generation: nftables', which spares asking iptables-nft again.  egress: some port has a way out.
        Raises NetworkError.
        """
        wanted = self._wanted(egress)
        with self._changing:
            tools = (_LEGACY,) if self._stood_at == (generation, egress) else _TOOLS
            made = [
                f"rule of {self._alias} put into {CHAIN} by {tool}"
                for tool, present in _chains(tools)
                if self._replace(tool, present, wanted)
            ]
            self._stood_at = None if made else (generation, egress)
        return made

    def intact(self, generation: int, egress: bool) -> bool:
        """Return whether the rules stand in each of Docker's chains.

        What happens in iptables-legacy, of which the generation says nothing, is seen by ensure() alone.
        """
        if self._stood_at != (generation, egress):
            wanted = self._wanted(egress)
            if not all(self._marked(present) == wanted for _, present in _chains()):
                return False
            self._stood_at = (generation, egress)
        return True

    def remove(self) -> None:
        """No rule of Docker's chains carries the mark.  Raises NetworkError."""
        with self._changing:
            for tool, present in _chains():
                self._replace(tool, present, [])

    def count(self) -> int:
        return sum(len(self._marked(present)) for _, present in _chains())

    def _wanted(self, egress: bool) -> list[Rule]:
        """One rule for what stays on the bridge; with a way out for all of it, and our own table decides."""
        mark = ("-m", "comment", "--comment", self._alias, "-j", "ACCEPT")
        inward, outward = ("-i", self._bridge), ("-o", self._bridge)
        ways = [(*inward, *outward), inward, outward] if egress else [(*inward, *outward)]
        return sorted((*way, *mark) for way in ways)

    def _marked(self, present: Iterable[Rule]) -> list[Rule]:
        mark = ("--comment", self._alias)
        return sorted(rule for rule in present if mark in pairwise(rule))

    def _replace(self, tool: str, present: Iterable[Rule], wanted: list[Rule]) -> bool:
        """The chain has the rules wanted and no other of ours; return whether that was a change.

        What is wanted comes before what is not goes: no frame meets a chain that lacks it.
        """
        marked = self._marked(present)
        for rule in (Counter(wanted) - Counter(marked)).elements():
            _iptables(tool, "-I", CHAIN, *rule)
        for rule in (Counter(marked) - Counter(wanted)).elements():
            _iptables(tool, "-D", CHAIN, *rule)
        return marked != wanted


def marks() -> list[str]:
    """Return the comment of each rule in Docker's chains that has one."""
    return [
        comment
        for _, rules in _chains()
        for rule in rules
        for option, comment in pairwise(rule)
        if option == "--comment"
    ]


def _chains(tools: Iterable[str] = _TOOLS) -> list[tuple[str, list[Rule]]]:
    """Return each tool that knows the chain, with the chain's rules."""
    listed = [(tool, _list(tool)) for tool in tools if tool != _LEGACY or _has_legacy_tables()]
    return [(tool, rules) for tool, rules in listed if rules is not None]


def _has_legacy_tables() -> bool:
    """iptables-legacy makes the tables it is asked for, so it is asked only where they are."""
    try:
        return "filter" in _LEGACY_TABLES.read_text().split()
    except FileNotFoundError:
        return False


def _list(tool: str) -> list[Rule] | None:
    """Return the chain's rules, None where there is no chain or no such tool."""
    try:
        answer = _run(tool, "-S", CHAIN)
    except FileNotFoundError:
        return None
    if answer.returncode:
        return None
    lines = [tuple(shlex.split(line)) for line in answer.stdout.splitlines()]
    return [line[2:] for line in lines if line[:2] == ("-A", CHAIN)]


def _iptables(tool: str, *words: str) -> None:
    answer = _run(tool, *words)
    if answer.returncode:
        raise NetworkError(f"{tool} refused {shlex.join(words)}: {answer.stderr.strip()}")


def _run(tool: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Waits up to 5 s for another program that holds the tables' lock."""
    return subprocess.run([tool, "-w", "5", *words], capture_output=True, text=True, check=False)
