"""`explain`: a stored decision as people read it. The numbers are the record's; none is computed again."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from manager.api.documents import counted
from shell.text import cells
from shell.text.document import Document, fields, items, number
from shell.text.glyphs import escaped
from shell.text.plot import Plot, as_text
from shell.text.tables import Options

_GAP = "   "
_LEAST = 20  # columns, however narrow the terminal is
_TOLD_CORES = 0.1  # that others keep; the meter is no better
_BOUNDS = {"max": "its max", "host": "the host"}
_TRUST = {"good": "model: good", "weak": "model: weak", "rule": "no model yet: a plain rule decides"}


def lines(record: Document, options: Options) -> Iterator[str]:
    """Return the decision in a few lines: what was seen, what follows, what limits and would change it.

    Below them the curve that was fitted, unless they are to be quiet.
    """
    inputs, model = fields(record.get("inputs")), fields(record.get("model"))
    yield from _head(record, options.width)
    for label, told, source in (
        ("load", _load(inputs), _age(inputs)),
        ("slow", _slow(inputs), ""),
        ("safe rate", _safe(inputs, model), _trust(model)),
        ("learning", _unread(record, inputs, model), ""),
        ("trial", _trial(inputs), ""),
        ("need", _need(record, inputs, model), ""),
        ("limits", _limits(record), _host(inputs)),
        ("spares", _spares(record), ""),
        ("timing", _timing(inputs), ""),
        ("changes", _changes(record, _unit(inputs)), ""),
    ):
        if told:
            yield from _fact(label, told, source, options.width)
    room = options.screen_columns - len("  ")
    drawn = [*as_text(plot_of(record), room, utf8=options.utf8)] if not options.quiet else []
    yield from ["", *(f"  {line}" for line in drawn)] if drawn else []


def _head(record: Document, width: int | None) -> Iterator[str]:
    app, to, was = record.get("app"), record.get("to"), record.get("from")
    moment = str(record.get("at", ""))[11:19]
    what = f"{app} wants {counted(number(to) or 0, 'worker')} (now {record.get('ready', was)})"
    told = escaped(f"{what}: {record.get('action')}: {record.get('reason', '')}")
    which = f"decision {record.get('id')}, {moment}Z"
    if width is None or len(told) + len(_GAP) + len(which) <= width:
        yield f"{told}{_GAP}{which}"
    else:
        yield from (*textwrap.wrap(told, max(width, _LEAST)), f"  {which}")


def _fact(label: str, told: str, source: str, width: int | None) -> Iterator[str]:
    """Yield a fact, and where it is from behind it, or below it where a terminal has no room."""
    line = f"  {label:<10}  {told:<52}  {source}".rstrip()
    if width is None or len(line) <= width:
        yield line
        return
    parts = [part for text in (told, source) for part in textwrap.wrap(text, max(width - 14, _LEAST))]
    for head, part in zip([label, *[""] * len(parts)], parts, strict=False):
        yield f"  {head:<10}  {part}"


def _unit(inputs: Document) -> str:
    return "req/s" if inputs.get("connections") is None else "connections"


def demand_rps(inputs: Document) -> float | None:
    """Return the demand that a decision is for: without its noise, else as it was seen."""
    level = number(inputs.get("level_rps"))
    return level if level is not None else number(inputs.get("rate_rps"))


def _load(inputs: Document) -> str:
    rate, slope = demand_rps(inputs), number(inputs.get("slope_rps_per_s"))
    if rate is None:
        return "not known"
    trend = ""
    if slope is not None and abs(slope) * 60 >= 0.05 * max(rate, 1.0):
        trend = f", {'rising' if slope > 0 else 'falling'} {abs(slope) * 60:.1f} {_unit(inputs)} per minute"
    waiting = number(inputs.get("inflight"))
    return f"{rate:.1f} {_unit(inputs)}{trend}" + (f", {waiting:.0f} in flight" if waiting else "")


def _age(inputs: Document) -> str:
    age = number(inputs.get("age_s"))
    return "" if age is None else f"from the proxy, {cells.seconds(age)} old"


def _slow(inputs: Document) -> str:
    share = number(inputs.get("slow_share"))
    return f"{cells.ratio(share)} of the last requests took longer than the objective" if share else ""


def _safe(inputs: Document, model: Document) -> str:
    rate = number(model.get("safe_rate_rps"))
    full = number(model.get("requests_per_replica_rps"))
    if rate is None and full is None:
        return "not learned yet"
    unit = _unit(inputs)
    serves = "keeps the objective" if unit == "req/s" else "leave room"
    at = f"{rate:.1f} {unit} per worker" if rate else "no rate"
    parts = [f"{at} {serves}" if rate is not None else ""]
    but = " with CPU left" if model.get("limited_by") == "waiting" else ""
    parts += [f"full at {full:.1f} {unit}{but}" if full is not None else ""]
    return ", ".join(part for part in parts if part)


def _trust(model: Document) -> str:
    words = _TRUST.get(str(model.get("trusted")), "")
    r2, windows = number(model.get("r2")), counted(number(model.get("n")) or 0, "window")
    return f"{words} (R2 {r2:.2f}, {windows})" if r2 is not None else f"{words} ({windows})"


def _unread(record: Document, inputs: Document, model: Document) -> str:
    """Return when there may be fewer workers while nothing is learned of those that there are."""
    if inputs.get("unread") is not True or model.get("trusted") == "rule":
        return ""
    after_s = number(record.get("removes_after_s")) or 0
    return f"nothing yet of the workers that there are: fewer of them only after {after_s:.0f} s"


def _trial(inputs: Document) -> str:
    """Return since when there are more workers on trial, or that they did not help."""
    on_s, failed_s = number(inputs.get("trial_ago_s")), number(inputs.get("trial_failed_ago_s"))
    share = cells.ratio(number(inputs.get("slow_before_trial")) or 0.0)
    why = f"as {share} of the requests were slow with CPU left"
    if on_s is not None:
        return f"more workers wanted for {cells.seconds(on_s)} now, {why}"
    if failed_s is not None:
        return f"more workers until {cells.seconds(failed_s)} ago, {why}: they did not help"
    return ""


def _need(record: Document, inputs: Document, model: Document) -> str:
    raw, ahead = number(record.get("raw")), number(inputs.get("ahead_rps"))
    if raw is None:
        return "as many as now"
    lead = number(inputs.get("lead_s"))
    when = (
        f"{ahead:.1f} {_unit(inputs)} in {cells.seconds(lead or 0.0)}"
        if ahead is not None
        else "the load now"
    )
    costs = ", ".join(f"{cost.get('workers')}:{_total(cost):.2f}" for cost in items(record.get("costs")))
    lasting = number(record.get("lasting"))
    soon = f", {lasting:.0f} once what waits is served" if (lasting or raw) < raw else ""
    return f"{when} -> {raw:.0f}{soon}" + (f"   (cost by workers {costs})" if costs else "")


def _total(cost: Document) -> float:
    return sum(number(cost.get(name)) or 0.0 for name in ("workers", "slow", "unmet", "effort"))


def _limits(record: Document) -> str:
    """Return each limit that changed the number, in turn."""
    told = [
        f"{limit.get('name')}: {limit.get('before')} -> {limit.get('after')}"
        for limit in items(record.get("limits"))
    ]
    return "; ".join(told) or "none applied"


def _host(inputs: Document) -> str:
    cores, others = number(inputs.get("host_cores")), number(inputs.get("neighbours_cores")) or 0.0
    if cores is None:
        return "host not known"
    kept = f", {others:.1f} kept by others" if others >= _TOLD_CORES else ""
    return f"host {cores:.1f} cores{kept}"


def _spares(record: Document) -> str:
    """Return how many stand by, if any were decided on, and what they make possible."""
    spares, workers = number(record.get("spares")), number(record.get("to")) or 0
    return f"{spares:.0f} stand by: {workers + spares:.0f} workers within reach" if spares else ""


def _timing(inputs: Document) -> str:
    lead, ago = number(inputs.get("lead_s")), number(inputs.get("changed_ago_s"))
    ready = "start-up time not known"
    if lead is not None:
        starts = number(inputs.get("starts"))
        source = f"of {counted(starts, 'start')}" if starts else "assumed, no start seen yet"
        ready = f"ready in {cells.seconds(lead)} ({source})"
    return ready + (f"; last change {cells.age(ago)} ago" if ago is not None else "")


def _changes(record: Document, unit: str) -> str:
    """Return the demands at which the number would change; nothing where a rule or a pause decided."""
    at = fields(record.get("thresholds"))
    if not at:
        return ""
    above, below = number(at.get("adds_above_rps")), number(at.get("removes_below_rps"))
    after = number(record.get("removes_after_s"))
    bound = _BOUNDS.get(str(record.get("bounded_by")), "its max or the host")
    most = f"would not add: {bound} allows no more than {number(record.get('to')) or 0:.0f}"
    parts = [most if above is None else f"would add above {above:.1f} {unit}"]
    if below is not None:
        parts.append(f"would remove below {below:.1f} {unit} for {after or 0:.0f} s")
    return "   ".join(parts)


def plot_of(record: Document) -> Plot:
    """Return the fitted share of slow requests over the rate of one worker, with the points it is from."""
    model = fields(record.get("model"))
    safe, full = number(model.get("safe_rate_rps")), number(model.get("requests_per_replica_rps"))
    return Plot(
        title="slow requests by the rate of one worker",
        across="req/s",
        curve=[point for point in map(_point, items(model.get("curve"))) if point is not None],
        seen=[point for point in map(_point, items(model.get("seen"))) if point is not None],
        marks=[(at, f"{told} {at:.1f}") for told, at in (("safe", safe), ("full", full)) if at is not None],
    )


def _point(row: Document) -> tuple[float, float] | None:
    rate, share = number(row.get("worker_rps")), number(row.get("slow_share"))
    return None if rate is None or share is None else (rate, share)
