"""What happens next to an app, as one sentence with its style, from what the views say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from manager.api.documents import counted, unix_seconds
from shell.text.document import Document, fields, number
from shell.text.explain import demand_rps
from shell.text.styled import Fragment
from shell.traffic.endpoint import http_url

_TROUBLED = ("failed", "backoff", "unready")
_UPDATES = "updating to "
_LONG_S = 5.0  # a start that takes longer says what it waits for


def upcoming(app: Document, workers: Sequence[Document], decision: Document, now: float) -> Fragment:
    """Return what is next for an app with these workers, after the scaler's last decision ({}: none)."""
    note = str(app.get("note") or "")
    if any(worker.get("state") in _TROUBLED for worker in workers):
        return "bad", note
    lead_s = number(fields(decision.get("inputs")).get("lead_s"))
    moves = [*_updating(note), *_starting(workers, lead_s, now), *_leaving(app, workers)]
    if moves:
        return "busy", "; ".join(moves)
    if decision and app.get("scaling") == "auto" and app.get("frozen") is not True:
        return _scaling(decision)
    return "", note


def _updating(note: str) -> Iterator[str]:
    """Yield how far an update is, which the note says."""
    if note.startswith(_UPDATES):
        yield note.removeprefix(_UPDATES)


def _starting(workers: Sequence[Document], usual_s: float | None, now: float) -> Iterator[str]:
    coming = [worker for worker in workers if worker.get("state") == "starting"]
    if not coming:
        return
    others = f" and {len(coming) - 1} more" if len(coming) > 1 else ""
    began = coming[0].get("started_at")
    passed_s = max(0.0, now - unix_seconds(str(began))) if began else 0.0
    usually = f" of ~{max(1.0, usual_s):.0f} s" if usual_s is not None else ""
    waits = f": {coming[0].get('reason')}" if passed_s > max(_LONG_S, 2 * (usual_s or 0.0)) else ""
    yield f"starting {coming[0].get('name')}{others} ({passed_s:.0f} s{usually}){waits}"


def _leaving(app: Document, workers: Sequence[Document]) -> Iterator[str]:
    leaving = [worker for worker in workers if worker.get("state") == "draining"]
    if not leaving:
        return
    others = f" and {len(leaving) - 1} more" if len(leaving) > 1 else ""
    left = sum(number(worker.get("inflight")) or 0.0 for worker in leaving)
    is_tcp = app.get("urls") and http_url(app) is None
    ends = f" after {counted(left, 'open connection' if is_tcp else 'open request')}" if left else ""
    yield f"stopping {leaving[0].get('name')}{others}{ends}"


def _scaling(decision: Document) -> Fragment:
    """Return what the scaler does, and while it holds, how much more load that is good for."""
    action, reason = str(decision.get("action")), str(decision.get("reason", ""))
    if action != "hold":
        return "busy", f"{action}: {reason}"
    above = number(fields(decision.get("thresholds")).get("adds_above_rps"))
    rate = demand_rps(fields(decision.get("inputs")))
    if not above or rate is None:
        return "", f"hold: {reason}"
    return "", f"hold: {max(0.0, 1 - rate / above) * 100:.0f} % headroom; {reason}"
