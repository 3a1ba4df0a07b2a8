"""`whatif`: policies side by side on the same recorded load, as people read it."""

from __future__ import annotations

from collections.abc import Iterator

from shell.text import cells
from shell.text.document import Document, items
from shell.text.glyphs import escaped
from shell.text.tables import Options, listing


def lines(found: Document, options: Options) -> Iterator[str]:
    """Return what was replayed, a table of the policies, and whether the record is reproduced."""
    span = cells.cell(found.get("span_s"), "seconds", 0)
    moment = str(found.get("since", ""))[:19].replace("T", " ")
    decisions = found.get("decisions")
    yield f"{escaped(str(found.get('app')))}: {decisions} decisions in {span} since {escaped(moment)}Z"
    yield from listing("ReplayList", items(found.get("policies")), options)
    yield f"today's policy reproduces {found.get('same')} of {found.get('compared')} decisions"
