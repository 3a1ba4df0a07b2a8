"""The first lines of the live view: how the cloud and its parts are, and what of the host is used. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shell.live.view import Seen
from shell.text import cells, styled
from shell.text.document import fields, number
from shell.text.render import settled
from shell.text.sparkline import bar
from shell.text.styled import Fragment, Line
from shell.text.tables import Options

_BUSY, _FULL = 0.7, 0.9  # shares of the host
_BAR_BESIDE_COLUMNS = 46  # what stands beside the two bars of the header


def lines(seen: Seen, options: Options) -> Iterator[Line]:
    """Yield who does not answer, how the cloud is, and what of the host is used."""
    if seen.away_since is not None:
        who, rest = absence(seen, seen.away_since, options.now)
        yield styled.line(f"{who}: showing the last picture; {rest}", "bad")
    if not seen.status:
        yield styled.line("waiting for the manager")
        return
    yield _state(seen, options.screen_columns)
    yield _usage(seen, options)


def absence(seen: Seen, since: float, now: float) -> tuple[str, str]:
    """Return who does not answer, and what that means."""
    who, rest = ("cloud", "up starts it") if seen.down else ("manager", "workers keep serving")
    return f"{who} DOWN {now - since:.0f} s", rest


def _state(seen: Seen, width: int) -> Line:
    """Return how the cloud and its parts are; where not all fits, only parts that are not well."""
    cloud, parts, state = ("head", str(seen.status.get("cloud"))), _parts(seen), _settled(seen)
    whole = (cloud, *_health(parts), ("", "  "), state)
    if styled.columns_of(whole) <= width:
        return whole
    ailing = {part: well for part, well in parts.items() if not well}
    return (cloud, ("", "  "), state, *_health(ailing or {"all parts": True}))


def _parts(seen: Seen) -> dict[str, bool]:
    """Return the parts of the cloud, and whether each is well."""
    return {
        "manager": seen.away_since is None,
        "etcd": fields(seen.status.get("etcd")).get("healthy") is True,
        "proxy": fields(seen.status.get("proxy")).get("healthy") is True,
        "docker": fields(seen.status.get("docker")).get("healthy") is True,
    }


def _health(parts: Mapping[str, bool]) -> Iterator[Fragment]:
    for part, well in parts.items():
        yield "", f"  {part} "
        yield ("well", "ok") if well else ("bad", "NOT OK")


def _settled(seen: Seen) -> Fragment:
    return "well" if seen.status.get("converged") is True else "busy", settled(seen.status)


def _usage(seen: Seen, options: Options) -> Line:
    """Return what of the host everything on it uses."""
    cores, memory = number(seen.host.get("cores")) or 0.0, number(seen.host.get("memory_bytes")) or 0.0
    cpu, used = number(seen.host.get("used_cores")) or 0.0, number(seen.host.get("used_memory_bytes")) or 0.0
    columns = min(20, max(4, (options.screen_columns - _BAR_BESIDE_COLUMNS) // 2))
    return (
        ("", "cpu "),
        _bar(cpu / cores if cores else 0, columns, options),
        ("", f" {cpu:.2f} of {cores:g} cores   memory "),
        _bar(used / memory if memory else 0, columns, options),
        ("", f" {cells.size(used)} of {cells.size(memory)}"),
    )


def _bar(share: float, columns: int, options: Options) -> Fragment:
    style = "well" if share < _BUSY else "busy" if share < _FULL else "bad"
    return style, bar(share, columns, utf8=options.utf8)
