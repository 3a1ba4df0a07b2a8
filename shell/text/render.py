"""What the manager answered, as lines: every kind of result (items of streams are in stream_item).

Pure: documents in, text out. Results go to stdout (`result`, log lines, events), the rest to stderr
(`notes`, progress); that choice is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from manager.api.documents import counted
from manager.api.listings import LISTINGS
from manager.api.rows.changing import FIRST_RUN
from shell.text import cells
from shell.text.document import Document, fields, items, number, words
from shell.text.glyphs import ascii_only, columns, escaped, paint
from shell.text.tables import Options, as_json, is_too_wide, listing

NO_APPS = f"no apps yet: {FIRST_RUN}"
_EMPTY = {
    "AppList": NO_APPS,
    "WorkerList": "no workers",
    "StatsList": "no worker runs",
    "RouteList": "no routes",
    "EventList": "no events",
    "ImageList": "no images",
    "SecretList": "no secrets",
    "AutoscaleList": "no app scales by itself: autoscale APP --max N",
}
_MEND = "doctor --fix"
_CAUSES = {"overload": "overload: not sent, too many were open"}


def result(document: Document, options: Options) -> Iterator[str]:
    """Return the lines of stdout for a result; raises UsageError for a column that is not there."""
    lines = _lines(document, options)
    return lines if options.utf8 else (ascii_only(line) for line in lines)


def _lines(document: Document, options: Options) -> Iterator[str]:
    kind = str(document.get("kind", ""))
    if kind in LISTINGS:
        return listing(kind, items(document.get("items")), options)
    if options.format in ("json", "jsonl"):
        return iter(as_json(document, options).splitlines())
    return _told(kind, document, options)


def _told(kind: str, document: Document, options: Options) -> Iterator[str]:
    """Return a single thing as it is told to people."""
    match kind:
        case "Result":
            return _sentence(document)
        case "Plan":
            return _plan(words(document.get("steps")))
        case "Status":
            return _status(document, options)
        case "ProcessTable":
            return _processes(document)
        case "Decision":
            from shell.text import explain

            return explain.lines(document, options)
        case "Whatif":
            from shell.text import whatif

            return whatif.lines(document, options)
        case "AppDescription" | "WorkerDescription":
            from shell.text import describe

            return describe.lines(document, options)
        case "LoadReport":
            return _load_report(document)
        case _:
            return iter(as_json(document, Options(width=0, utf8=options.utf8)).splitlines())


def notes(document: Document, options: Options) -> Iterator[str]:
    """Return the lines of stderr that come with a result: its notes, and why a listing is empty.

    That a listing is empty is said on a terminal only, and not where a filter made it so.
    """
    kind = str(document.get("kind", ""))
    if kind != "Status":
        yield from (f"note: {escaped(note)}" for note in words(document.get("notes")))
    if kind == "CheckList" and options.format == "table":
        yield from _fixes(items(document.get("items")), options)
    empty = kind in _EMPTY and not document.get("items")
    if empty and options.width is not None and not options.filters and options.format in ("table", "wide"):
        yield f"note: {_EMPTY[kind]}"


def _fixes(checks: Sequence[Document], options: Options) -> Iterator[str]:
    """Return each fix whole where the terminal has no room for them in the table: they are for pasting."""
    if is_too_wide("CheckList", checks, options):
        for check in checks:
            if check.get("fix"):
                yield f"{escaped(str(check.get('name')))}: {escaped(str(check.get('fix')))}"


def _sentence(document: Document) -> Iterator[str]:
    if message := str(document.get("message", "")):
        yield escaped(message)


def _plan(steps: Sequence[str]) -> Iterator[str]:
    if not steps:
        yield "nothing to do"
    for at, step in enumerate(steps, start=1):
        yield f"{at:>3}  {escaped(step)}"


def _status(document: Document, options: Options) -> Iterator[str]:
    for part, well, fact in _parts(document, options.now):
        mark = {True: "ok", False: "not ok", None: ""}[well]
        colour = {True: "32", False: "31", None: ""}[well] if options.colour else ""
        yield f"{part:<8}  {paint(mark, colour)}{' ' * (6 - len(mark))}  {fact}".rstrip()
    for note in words(document.get("notes")):
        yield f"note: {escaped(note)}"


def _parts(status: Document, now: float) -> Iterator[tuple[str, bool | None, str]]:
    """Return a part of the cloud, whether it is well (None: it cannot be unwell), and a fact."""
    etcd, proxy = fields(status.get("etcd")), fields(status.get("proxy"))
    docker, network = fields(status.get("docker")), fields(status.get("network"))
    host = fields(status.get("host"))
    yield "cloud", status.get("converged") is True, _cloud_fact(status)
    yield "manager", True, _manager_fact(status, now)
    yield "etcd", etcd.get("healthy") is True, _etcd_fact(etcd)
    serves = proxy.get("healthy") is True
    yield "proxy", serves, _text(proxy.get("url")) + ("" if serves else f" does not answer: {_MEND}")
    yield "docker", docker.get("healthy") is True, _docker_fact(docker)
    intact = network.get("intact") is True
    rest = "" if intact else ", bridge or rules are not known to be intact: net --repair"
    yield "network", intact, f"{_text(network.get('bridge'))} {_text(network.get('subnet'))}{rest}"
    memory = cells.cell(host.get("memory_bytes"), "bytes", now)
    yield "host", None, f"{_text(host.get('cores'))} cores, {memory} memory"


def _docker_fact(docker: Document) -> str:
    if docker.get("healthy") is not True:
        return f"does not answer: {_MEND}"
    lives = docker.get("live_restore") is True
    rest = "live-restore on" if lives else "live-restore off: workers end when dockerd restarts (see doctor)"
    return f"{_text(docker.get('version'))}, {rest}"


def _cloud_fact(status: Document) -> str:
    counts = ", ".join(counted(number(status.get(f"{noun}s")) or 0, noun) for noun in ("app", "worker"))
    return f"{_text(status.get('cloud'))}: {counts}, {settled(status)}"


def settled(status: Document) -> str:
    """Return whether every app is as it was asked for: one that is not may be so for good."""
    return "all as asked" if status.get("converged") is True else "not as asked"


def _manager_fact(status: Document, now: float) -> str:
    manager = fields(status.get("manager"))
    started = cells.cell(manager.get("started_at"), "age", now)
    standbys = items(status.get("standbys"))
    others = ", ".join(f"standby pid {_text(standby.get('pid'))}" for standby in standbys)
    lead = f"pid {_text(manager.get('pid'))}, {_text(manager.get('role'))}, up {started}"
    return f"{lead}, {others or f'no standby: {_MEND}'}"


def _etcd_fact(etcd: Document) -> str:
    members = items(etcd.get("members"))
    away = [_text(member.get("name")) for member in members if member.get("healthy") is not True]
    fact = f"{len(members) - len(away)} of {len(members)} members healthy"
    return f"{fact}, without {', '.join(away)}: {_MEND}" if away else fact


def _processes(document: Document) -> Iterator[str]:
    rows = [[escaped(cell) for cell in words(row)] for row in [document.get("headers"), *_rows(document)]]
    widths = [max(map(columns, column)) for column in zip_longest(*rows, fillvalue="")]
    for row in rows:  # ps may leave cells out
        padded = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=False))
        yield "  ".join(padded).rstrip()


def _rows(document: Document) -> Sequence[object]:
    rows = document.get("rows")
    return rows if isinstance(rows, list) else ()


def _load_report(report: Document) -> Iterator[str]:
    for label in ("sent", "ok", "failed"):
        yield f"{label:<9}{cells.cell(report.get(label), 'count', 0):>8}"
    for cause, count in fields(report.get("errors")).items():
        yield f"{'':<9}{cells.cell(count, 'count', 0):>8}  {_CAUSES.get(cause, _text(cause))}"
    yield f"{'rate':<9}{cells.cell(report.get('rate_rps'), 'rate', 0):>8} req/s"
    for label in ("p50", "p95", "p99"):
        yield f"{label:<9}{cells.cell(report.get(f'{label}_s'), 'seconds', 0):>8}"
    workers = fields(report.get("per_worker"))
    if workers:
        yield "workers  " + ", ".join(f"{_text(name)} {_text(count)}" for name, count in workers.items())


def _text(value: object) -> str:
    return cells.cell(value, "text", 0)
