"""`describe`: an app or a worker in labelled blocks. Documents in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import wrap

from manager.api.documents import sentences
from shell.text import cells, stream_item
from shell.text.document import Document, fields, items, words
from shell.text.glyphs import cut, escaped, mark, stripped
from shell.text.tables import Options, listing

Fact = tuple[str, str]

_LABEL_COLUMNS = 9
_WORKER_COLUMNS = "worker,state,address,restarts,age,reason"


def lines(document: Document, options: Options) -> Iterator[str]:
    """Return the facts, then the workers of an app, the last ending and the last events."""
    is_app = document.get("kind") == "AppDescription"
    yield escaped(str(document.get("name")))
    facts = _app_facts(document, options) if is_app else _worker_facts(document, options)
    for label, text in (*facts, *_template_facts(fields(document.get("spec")))):
        if text:
            yield from _fact(label, text, options)
    workers = items(document.get("workers"))
    if workers:
        room = None if options.width is None else options.width - 2
        plain = replace(options, format="table", columns=_WORKER_COLUMNS, width=room)
        yield from ("", "workers", *(f"  {line}" for line in listing("WorkerList", workers, plain)))
    yield from _ending(fields(document.get("ending")), options)
    yield from _events(items(document.get("events")), options)


def _fact(label: str, text: str, options: Options) -> Iterator[str]:
    """Return a fact under its label, wrapped where the terminal ends."""
    room = None if options.width is None else max(20, options.width - _LABEL_COLUMNS - 4)
    parts = [text] if room is None else wrap(text, room, break_long_words=False, break_on_hyphens=False)
    for number, part in enumerate(parts):
        yield f"  {'' if number else label:<{_LABEL_COLUMNS}}  {part}"


def _app_facts(app: Document, options: Options) -> Iterator[Fact]:
    spec = fields(app.get("spec"))
    decision, note = fields(app.get("decision")), _text(app.get("note"))
    yield "note", "" if note == _text(decision.get("reason")) else note
    yield "workers", f"{app.get('ready')} of {app.get('want')} ready"
    spares = spec.get("spares")
    yield "spares", f"{app.get('spares')} of {spares} are ready and paused" if spares else ""
    yield "revision", f"{app.get('revision')}, app made {_ago(app.get('created_at'), options)}"
    yield "scaling", _scaling(fields(spec.get("autoscale")))
    yield "decision", _decision(decision, options)
    urls = [f"{route.get('url')}" for route in items(app.get("routes"))]
    for number, url in enumerate(urls):
        yield "" if number else "routes", escaped(url)
    if not urls:
        yield "routes", f"none: update {escaped(str(app.get('name')))} -p PORT"
    yield "traffic", _traffic(app)
    yield "usage", _usage(app)


def _worker_facts(worker: Document, options: Options) -> Iterator[Fact]:
    reason = _text(worker.get("reason"))
    yield "state", f"{worker.get('state')}: {reason}" if reason else str(worker.get("state"))
    address = ":".join(str(worker[part]) for part in ("address", "port") if worker.get(part))
    yield "address", address if worker.get("address") else "none"
    container = worker.get("container")
    runs = f"pid {worker.get('pid')}, started {_ago(worker.get('started_at'), options)}"
    yield "container", f"{container}, {runs if worker.get('pid') else 'not running'}" if container else "none"
    yield "revision", _text(worker.get("revision"))
    yield "restarts", _text(worker.get("restarts"))
    yield "traffic", _traffic(worker)
    yield "usage", _usage(worker)


def _template_facts(spec: Document) -> Iterator[Fact]:
    template = fields(spec.get("template"))
    yield "command", cells.cell(template.get("command"), "list", 0)
    yield "image", _text(template.get("image"))
    yield "directory", escaped(str(template.get("workdir") or ""))
    yield "files", ", ".join(_text(mount.get("path")) for mount in items(template.get("mounts")))
    yield "variables", ", ".join(map(escaped, fields(template.get("environment"))))  # values may be secret
    yield "health", _health(fields(template.get("health")), template)
    yield "limits", _limits(template)
    yield "rights", _rights(template)
    yield "reaches", _reaches(template)
    yield "restart", sentences(_text(template.get("restart")), _drain(template))


def _drain(template: Document) -> str:
    """Return how long what is open lasts when a worker leaves; "" for an app without a port."""
    drain = cells.cell(template.get("drain_s"), "seconds", 0)
    ends = "open connections" if template.get("protocol") == "tcp" else "open requests"
    return f"{ends} have {drain} when a worker leaves" if template.get("port") else ""


def _scaling(policy: Document) -> str:
    if not policy:
        return "by hand"
    share = cells.cell(policy.get("slo_share"), "ratio", 0)
    slo = cells.cell(policy.get("slo_s"), "seconds", 0)
    how = "recommended" if policy.get("mode") == "recommend" else "by itself"
    return f"{how}, {policy.get('min')} to {policy.get('max')} workers: {share} within {slo}"


def _decision(decision: Document, options: Options) -> str:
    if not decision:
        return ""
    told, app = escaped(str(decision.get("reason"))), decision.get("app")
    return f"{decision.get('action')}, {_ago(decision.get('at'), options)}: {told} (explain {app})"


def _health(health: Document, template: Document) -> str:
    path = _text(health.get("path"))
    match health.get("kind"):
        case "http":
            return f"any answer below 500 to GET {path} on port {template.get('port')}"
        case "path":
            return f"2xx or 3xx to GET {path} on port {template.get('port')}"
        case "tcp":
            return f"port {template.get('port')} accepts connections"
        case _:
            return "it runs"


def _limits(template: Document) -> str:
    cpus = template.get("cpus")
    cores = f"{cpus:g} cores" if isinstance(cpus, int | float) else "any core"
    memory = cells.cell(template.get("memory_bytes"), "bytes", 0)
    read_only = ", root file system read-only" if template.get("read_only") else ""
    return f"{memory} memory, {cores}, {template.get('pids')} processes{read_only}"


def _rights(template: Document) -> str:
    """Return as whom the workers run, where that is not as any image says."""
    user, added = template.get("user"), ", ".join(map(escaped, words(template.get("cap_add"))))
    return sentences(
        f"runs as {_text(user)}" if user else "", f"capabilities added: {added}" if added else ""
    )


def _reaches(template: Document) -> str:
    """Return what the workers may connect to beside each other; nothing, where that is all."""
    apps = [f"the workers of {name}" for name in map(escaped, words(template.get("reach")))]
    return ", ".join([*apps, *(["other networks"] if template.get("egress") else [])])


def _traffic(view: Document) -> str:
    rate, p95 = view.get("rate_rps"), cells.cell(view.get("p95_s"), "seconds", 0)
    if rate is None:
        return ""
    errors = cells.cell(view.get("error_ratio"), "ratio", 0)
    failed = f", {errors} errors" if "error_ratio" in view else ""
    return f"{cells.cell(rate, 'rate', 0)} req/s, p95 {p95}{failed}"


def _usage(view: Document) -> str:
    cores, memory = view.get("cpu_cores"), view.get("memory_bytes")
    if cores is None and memory is None:
        return ""
    return f"{cells.cell(cores, 'cores', 0)} cores, {cells.cell(memory, 'bytes', 0)} memory"


def _ending(ending: Document, options: Options) -> Iterator[str]:
    if not ending:
        return
    yield from ("", "last ending")
    yield f"  {_text(ending.get('worker'))}, {_ago(ending.get('at'), options)}: {_text(ending.get('words'))}"
    for line in words(ending.get("last_lines")):
        yield f"    | {stripped(line)}"


def _events(events: Sequence[Document], options: Options) -> Iterator[str]:
    if not events:
        return
    yield from ("", "last events")
    for event in events:
        line = stream_item.line({"kind": "Event", **event}, replace(options, format="table", quiet=False))
        text = f"  {line}"
        yield text if options.width is None else cut(text, options.width, mark(options.utf8))


def _ago(moment: object, options: Options) -> str:
    return f"{cells.cell(moment, 'age', options.now)} ago" if moment else cells.NOTHING


def _text(value: object) -> str:
    return "" if value in (None, "") else cells.cell(value, "text", 0)
