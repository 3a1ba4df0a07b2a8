"""Which command keeps workers from ending like this again, as far as their ending shows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from manager.state.templates import Template

# how resolvers and the kernel, in the words of C, Go, Node, Java and curl, tell of names and networks outside
_OUTSIDE = re.compile(
    r"failure in name resolution|name or service not known|could not resolve host"
    r"|could not translate host name|failed to lookup address|no such host|\blookup \S+ on \S+:53\b"
    r"|bad address '|eai_again|enotfound|unknownhostexception|network is unreachable|enetunreach",
    re.IGNORECASE,
)


def remedy_of(
    app: str, template: Template, exit_code: int, oom_killed: bool, lines: Iterable[str], host_bytes: int
) -> str:
    """Return the command, with another where one may be meant, after which the app does not end so; or "".

    lines: what the worker printed last.  host_bytes: this machine's memory.
    """
    if oom_killed:
        twice = 2 * template.memory_bytes
        return f"update {app} --memory {twice // 2**20}M" if twice <= host_bytes else ""
    if exit_code == 0 and template.restart == "always" and template.port is None:
        return f"update {app} --restart on-failure"  # a job that did its work
    if exit_code != 0 and not template.egress and any(map(_OUTSIDE.search, lines)):
        return f"update {app} --egress    (or: update {app} --reach APP)"
    return ""
