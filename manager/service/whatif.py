"""`whatif`: the recorded load of an app under another policy, beside today's and what really was."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from balancer.samples import Policy
from balancer.whatif import Replay, Tally, alike, recorded
from manager.api.agreement import require_bounds
from manager.api.arguments import Arguments
from manager.api.documents import document, rfc3339
from manager.api.errors import CloudError
from manager.api.views import PolicyName, ReplayView, WhatifView
from manager.loop.reconcile import Reconciler
from manager.scaling.recording import Recording, Tape
from manager.scaling.scaler import policy_of
from manager.server import Call
from manager.service.dispatch import Answer
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale

REPLAY_S = 3600.0
HOW_TOLD = (
    "OVER is measured in what was recorded; of a policy the learned curve tells it, from the load as seen"
)


@dataclass(frozen=True, slots=True)
class Whatif:
    """What the command needs."""

    reconciler: Reconciler
    recording: Recording

    def whatif(self, call: Call, arguments: Arguments) -> Answer:
        spec = wishes.find(self.reconciler.seen().world.specs, arguments.text("app") or "")
        if spec.autoscale is None:
            raise CloudError(
                f"{spec.name} is scaled by hand: no load is recorded of it",
                hint=f"autoscale {spec.name} --max 6",
                word=spec.name,
            )
        today = policy_of(spec.autoscale)
        other = _asked(arguments, spec.autoscale)
        now_s, back_s = time.time(), arguments.number("replay") or REPLAY_S
        tape = self.recording.read(spec.name, spec.created_at, now_s - back_s)
        policies = [today] if alike(today, other) else [today, other]
        replays = [Replay(policy, now_s - back_s) for policy in policies]
        really, first_s = _play(call, tape, replays)
        if not really.steps:
            raise _nothing(spec, tape, back_s)
        return _answer(spec, tape, replays, really, first_s)


def _asked(arguments: Arguments, base: Autoscale) -> Policy:
    """Return today's policy with what is asked otherwise; raises UsageError."""
    most = arguments.whole("max") or base.max
    least = arguments.whole("min") or max(1, base.min)
    require_bounds(arguments, least, most, "whatif")
    limit_s, share = arguments.pair("slo") or (base.slo_s, base.slo_share)
    return Policy(most, least, limit_s, share)


def _play(call: Call, tape: Tape, replays: list[Replay]) -> tuple[Tally, float]:
    """Play the tape under each policy; returns what really was, and when it began (unix seconds)."""
    really, first_s, told_at = Tally(), 0.0, time.monotonic()
    since_s = replays[0].since_s
    for segment in tape:
        call.check()
        if time.monotonic() - told_at > 1.0:
            told_at = time.monotonic()
            call.progress(f"replayed {really.steps} decisions, up to {rfc3339(segment.steps[0].at_s)}")
        recorded(really, segment, replays[0].policy, since_s)
        first_s = first_s or next((step.at_s for step in segment.steps if step.at_s >= since_s), 0.0)
        for replay in replays:
            replay.play(segment)
    return really, first_s


def _nothing(spec: AppSpec, tape: Tape, back_s: float) -> CloudError:
    damaged = f" ({tape.skipped} damaged records are left out)" if tape.skipped else ""
    return CloudError(
        f"no load of {spec.name} is recorded in the last {_duration(back_s)}: it had no requests{damaged}",
        hint=f"load {spec.name} --rps 20 --for 60s",
    )


def _answer(spec: AppSpec, tape: Tape, replays: list[Replay], really: Tally, first_s: float) -> Answer:
    today, *asked = replays
    views = [_view("recorded", None, really), _view("today", today.policy, today.tally)]
    views += [_view("asked", replay.policy, replay.tally) for replay in asked]
    view = WhatifView(
        app=spec.name,
        since=rfc3339(first_s),
        span_s=round(really.span_s, 3),
        decisions=really.steps,
        compared=today.compared,
        same=today.same,
        skipped=tape.skipped,
        policies=views,
    )
    return document("Whatif", {**asdict(view), "notes": list(_notes(tape, replays, really))})


def _view(name: PolicyName, policy: Policy | None, tally: Tally) -> ReplayView:
    return ReplayView(
        policy=name,
        min=policy.min if policy else None,
        max=policy.max if policy else None,
        slo_s=policy.slo_s if policy else None,
        slo_share=policy.slo_share if policy else None,
        mean_workers=round(tally.worker_s / tally.span_s, 3) if tally.span_s else None,
        max_workers=tally.most,
        worker_hours=round(tally.worker_s / 3600.0, 4),
        over_s=round(tally.over_s, 3),
        unknown_s=round(tally.unknown_s, 3),
        ups=tally.ups,
        downs=tally.downs,
    )


def _notes(tape: Tape, replays: Iterable[Replay], really: Tally) -> Iterable[str]:
    if tape.skipped:
        yield f"{tape.skipped} damaged records are left out"
    unknown_s = max(replay.tally.unknown_s for replay in replays)
    if unknown_s:
        yield f"OVER leaves out {_duration(unknown_s)}: not enough was learned yet to tell slow requests"
    other = really.steps - next(iter(replays)).compared
    if other:
        yield f"{other} decisions were made under another policy than today's: they are not compared"
    yield HOW_TOLD


def _duration(span_s: float) -> str:
    """Return a time for people, such as 40 ms, 2.1 s, 20 min or 1 h 30 min."""
    if span_s < 0.9995:
        return f"{1000 * span_s:.0f} ms"
    if span_s < 599.5:
        return f"{round(span_s, 1 if span_s < 10 else None):g} s"
    hours, minutes = divmod(round(span_s / 60), 60)
    told = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(filter(None, told))
