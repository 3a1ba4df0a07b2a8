"""How many workers an app should have: one tick's decision, the same for production, replay and tests.

The order is: look whether anything can be decided; learn; pick a number (pick.py); apply the limits.
Adding happens at once. Removing waits: the number never falls below what any decision of the last
seconds found right (_wait_s), but for workers that were to serve what waited already: once that is served,
they are of no more help. What cannot be seen is never a reason to remove.
"""

from __future__ import annotations

import math
from dataclasses import replace

from balancer.choose import Cost, Thresholds, thresholds
from balancer.decision import Limit, Model, ScalingDecision, Trust, action_of
from balancer.hidden import unhidden
from balancer.host import worker_cores
from balancer.learn import is_unread, lead_s, learned, renewed
from balancer.memory import Memory, Wish
from balancer.pick import Pick, pick, thresholds_by_utilization
from balancer.samples import Mode, Observation, Policy, Sample, known, problem_of, sample_of
from balancer.standby import kept_spares, within_reach
from balancer.tell import OBJECTIVE, curve_points, inputs_of, reason_of, safe_rate, with_demand

REMOVE_AFTER_S = 24.0  # the longest that fewer must have been enough; a ragged load wants most back within it
REGRET = 2.0  # times that a worker takes to be back, for which it is kept under a smooth load
GAP_SPANS = 3.0  # a longer silence between decisions is a restart or a stepped clock
SHOWN_COSTS = 2  # numbers of workers above those that came out


def decide(policy: Policy, memory: Memory, seen: Observation, now_s: float) -> tuple[ScalingDecision, Memory]:
    """Return the decision on what was seen at now_s (wall clock, seconds), and what to remember.

    Raises nothing: what cannot be decided on is a decision to hold, with its reason.
    """
    memory = replace(renewed(memory, seen.revision, policy.slo_s), number=memory.number + 1)
    if not math.isfinite(now_s):
        return _held(policy, memory, seen, memory.at_s or 0.0, "the time is not known")
    memory, why_held = _awake(memory, seen, now_s)
    problem = problem_of(seen)
    if problem is not None:
        return _held(policy, replace(memory, waiting=None, took_s=None), seen, now_s, problem)
    sample = sample_of(seen, memory.waiting)
    if seen.connections is None and not sample.counts_waiting:
        sample = unhidden(sample, memory, worker_cores(memory, sample))
    picked, memory = pick(policy, learned(policy, memory, sample, now_s), sample, now_s)
    if why_held is not None:
        return _held(policy, memory, seen, now_s, why_held)
    return _limited(policy, memory, sample, picked, now_s)


def _awake(memory: Memory, seen: Observation, now_s: float) -> tuple[Memory, str | None]:
    """Return the memory at now_s, and why this tick must not act.

    After a silence the number is held for one start-up time: what was wanted may not be there yet, and
    the first figures span more than they say.
    """
    before_s, memory = memory.at_s, replace(memory, at_s=now_s)
    if before_s is None:
        return memory, "this is the first look at the app"
    span_s = known(seen.span_s) or 1.0
    if 0.0 < now_s - before_s <= GAP_SPANS * span_s:
        left_s = memory.hold_until_s - now_s
        held = f"held for {left_s:.0f} s more, until what was wanted before can be there"
        return memory, held if left_s > 0.0 else None
    memory = replace(memory, hold_until_s=now_s + lead_s(memory) + span_s, waiting=None, took_s=None)
    if now_s > before_s:
        return memory, f"held: nothing was decided for {now_s - before_s:.0f} s before"
    demand = replace(memory.demand, since_s=now_s, rates=(), surprises=(), pending=(), next_rps=None)
    memory = replace(memory, demand=demand, wishes=(), reach=None, changed_s=None, starved_s=None)
    trial = memory.trial.anew(now_s)
    return replace(memory, moved_s=now_s, removed_s=now_s, trial=trial), "the clock stepped back"


def _held(
    policy: Policy, memory: Memory, seen: Observation, now_s: float, why: str
) -> tuple[ScalingDecision, Memory]:
    """Return the decision to keep the number within the operator's own bounds.

    The number is remembered as needed, so that nothing is removed soon after.
    """
    before = known(seen.wanted)
    if before is None:
        before = memory.wishes[-1].workers if memory.wishes else policy.min
    final, limits = _clamped(before, _bounds(policy, None)) if before else (0, ())
    spares, memory = kept_spares(memory, None, seen.memory_room, final, policy.max, now_s)
    decision = _decision(policy, memory, seen, now_s, (before, final), why)
    return _remembered(memory, replace(decision, limits=limits, spares=spares), final)


def _limited(
    policy: Policy, memory: Memory, sample: Sample, picked: Pick, now_s: float
) -> tuple[ScalingDecision, Memory]:
    """Return the decision for a picked number: within its bounds, and not below what was just needed."""
    unread, seen = is_unread(memory, sample), sample.seen
    # while nothing is known of the workers that there are, nobody knows that fewer would do
    wait_s = REMOVE_AFTER_S if unread else _wait_s(memory, sample)
    final, limits = _within_limits(policy, memory, picked, sample.wanted, now_s - wait_s)
    reach = _reach(policy, picked, final)
    spares, memory = kept_spares(memory, reach, seen.memory_room, final, policy.max, now_s)
    reason = reason_of(sample, picked.model.trusted, picked.demand, picked.raw, limits)
    decision = _decision(policy, memory, seen, now_s, (sample.wanted, final), reason)
    decision = replace(
        decision,
        inputs=with_demand(decision.inputs, sample, picked.demand, picked.backlog_rps, unread=unread),
        model=_told_model(policy, picked, final),
        raw=picked.raw,
        lasting=picked.lasting,
        costs=_shown(picked.costs, picked.raw, final),
        limits=limits,
        thresholds=_thresholds(policy, picked, final),
        removes_after_s=wait_s,
        bounded_by="host" if _most(policy, picked) < policy.max else "max",
        spares=spares,
    )
    lasting, _ = _clamped(picked.lasting, _bounds(policy, picked.cap))
    return _remembered(memory, decision, lasting)


def _decision(
    policy: Policy, memory: Memory, seen: Observation, now_s: float, change: tuple[int, int], why: str
) -> ScalingDecision:
    """Return the decision for a change from one number to another, with what is known without a model."""
    before, final = change
    return ScalingDecision(
        id=memory.number,
        at_s=now_s,
        from_workers=before,
        final=final,
        action=action_of(before, final),
        reason=why,
        carried_out=policy.mode is Mode.ON,
        inputs=inputs_of(memory, seen, now_s),
        model=Model(Trust.RULE, memory.cpu.windows),
    )


def _within_limits(
    policy: Policy, memory: Memory, picked: Pick, now: int, since_s: float
) -> tuple[int, tuple[Limit, ...]]:
    """Return the number that stays of a picked one, not below what decisions after since_s needed."""
    objective = (OBJECTIVE, picked.needed, picked.needed)
    bounded, limits = _clamped(picked.raw, (objective, *_bounds(policy, picked.cap)))
    final = _not_too_soon(memory, bounded, now, policy.max, since_s)
    return final, limits if final == bounded else (*limits, Limit("recent", bounded, final))


def _bounds(policy: Policy, cap: int | None) -> tuple[tuple[str, int, int], ...]:
    """Return name, least and most of each bound; the operator's minimum is the last word."""
    host = () if cap is None else (("host", 0, cap),)
    return (("max", 0, policy.max), *host, ("min", policy.min, policy.max))


def _clamped(number: int, bounds: tuple[tuple[str, int, int], ...]) -> tuple[int, tuple[Limit, ...]]:
    limits: tuple[Limit, ...] = ()
    for name, least, most in bounds:
        after = min(max(number, least), most)
        if after != number:
            limits = (*limits, Limit(name, number, after))
        number = after
    return number, limits


def _wait_s(memory: Memory, sample: Sample) -> float:
    """Return how long fewer workers must have been enough: longer where demand strays by more than chance.

    Other autoscalers call it the stabilization window of scaling down, and have one length for all loads.
    A demand that strays no more than chance arrivals do hardly ever wants back at once what it let go.
    """
    back_s = lead_s(memory) + sample.span_s
    return min(REMOVE_AFTER_S, REGRET * back_s * memory.demand.dispersion)


def _not_too_soon(memory: Memory, bounded: int, now: int, most: int, since_s: float) -> int:
    """Return the number, or as many of those there are now as a decision after since_s needed."""
    recent = [wish.workers for wish in memory.wishes if wish.at_s > since_s]
    return bounded if bounded >= now else min(now, most, max([bounded, *recent]))


def _remembered(memory: Memory, decision: ScalingDecision, lasting: int) -> tuple[ScalingDecision, Memory]:
    """Return the decision, and the memory with the number below which later ones may not go too soon."""
    now_s = decision.at_s
    recent = tuple(wish for wish in memory.wishes if wish.at_s > now_s - REMOVE_AFTER_S)
    memory = replace(memory, wishes=(*recent, Wish(now_s, lasting)))
    return decision, replace(memory, changed_s=now_s) if decision.changes else memory


def _reach(policy: Policy, picked: Pick, final: int) -> int | None:
    """Return how many workers there should be, with the spares; None where no cost could be computed."""
    return None if picked.outlook is None else within_reach(picked.outlook, final, _most(policy, picked))


def _told_model(policy: Policy, picked: Pick, final: int) -> Model:
    if picked.capacity is None:
        return picked.model
    return replace(
        picked.model,
        safe_rate_rps=safe_rate(picked.capacity, policy.slo_share, final),
        curve=curve_points(picked.capacity, final),
    )


def _shown(costs: tuple[Cost, ...], raw: int, final: int) -> tuple[Cost, ...]:
    """Return the costs that an explanation and the sharing of a full host need."""
    return costs[: max(raw, final) + SHOWN_COSTS]


def _thresholds(policy: Policy, picked: Pick, final: int) -> Thresholds | None:
    if picked.capacity is not None:
        return thresholds(picked.capacity, picked.demand, final, policy.min, _most(policy, picked))
    if picked.model.safe_rate_rps is None:
        return None
    safe_rps = picked.model.safe_rate_rps
    return thresholds_by_utilization(picked.demand, safe_rps, final, policy.min, _most(policy, picked))


def _most(policy: Policy, picked: Pick) -> int:
    """Return the number of workers above which none will be asked for."""
    return max(policy.min, min(policy.max, picked.cap or policy.max))
