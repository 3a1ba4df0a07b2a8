"""`whatif`: policies side by side on the same recorded load, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shell import cells
from shell.glyphs import escaped
from shell.tables import Options, listing

Document = Mapping[str, object]


def lines(found: Document, options: Options) -> Iterator[str]:
    """Return what was replayed, a table of the policies, and whether the record is reproduced."""
    rows = found.get("policies")
    span = cells.cell(found.get("span_s"), "seconds", 0)
    moment = str(found.get("since", ""))[:19].replace("T", " ")
    decisions = found.get("decisions")
    yield f"{escaped(str(found.get('app')))}: {decisions} decisions in {span} since {escaped(moment)}Z"
    items = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    yield from listing("ReplayList", items, options)
    yield f"today's policy reproduces {found.get('same')} of {found.get('compared')} decisions"
