"""All apps of one tick on one host: each is decided on for itself, then what the host has is shared out.

Apps that share are no neighbours to each other. Each may ask for all that the real neighbours leave, so
that a worker that saves much can take the place of one that saves little; if the cores of the others
counted against it, whoever came first would keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from balancer.decide import decide
from balancer.decision import ScalingDecision
from balancer.memory import Memory
from balancer.samples import Mode, Observation, Policy, known
from balancer.share import Claim, claim_by_use, claim_of, cut_to_share, share


@dataclass(frozen=True, slots=True)
class Asked:
    """One app before its decision: what is asked of it, what is remembered, what was seen."""

    policy: Policy
    memory: Memory
    seen: Observation


@dataclass(frozen=True, slots=True)
class Decided:
    """One app's decision, and what to remember.

    asked: what it was decided on.  share: the number that a full host left of it, None where uncut.
    """

    asked: Asked
    decision: ScalingDecision
    memory: Memory
    share: int | None = None


def decide_all(apps: Mapping[str, Asked], now_s: float) -> dict[str, Decided]:
    """Return the decision on each app; together they ask for no more cores than the host has.

    An app whose decisions are only told takes no part: what it uses is a neighbour's.
    """
    decided = {}
    for app, asked in _among_others(apps).items():
        decision, memory = decide(asked.policy, asked.memory, asked.seen, now_s)
        decided[app] = Decided(asked, decision, memory)
    shares = _shares({app: one for app, one in decided.items() if _takes_part(one.asked)})
    return {app: _cut(one, shares.get(app)) for app, one in decided.items()}


def _takes_part(asked: Asked) -> bool:
    return asked.policy.mode is Mode.ON


def _among_others(apps: Mapping[str, Asked]) -> dict[str, Asked]:
    """Return each app with the cores that the others use with which it shares the host."""
    own = {app: known(asked.seen.own_cores) or 0.0 for app, asked in apps.items() if _takes_part(asked)}
    told = {}
    for app, asked in apps.items():
        others = sum(cores for other, cores in own.items() if other != app)
        told[app] = replace(asked, seen=replace(asked.seen, sharing_cores=others))
    return told


def _shares(decided: Mapping[str, Decided]) -> dict[str, int]:
    """Return what each app gets; nothing for one app alone, whose limit is in its own decision."""
    hosts = [cores for one in decided.values() if (cores := known(one.asked.seen.host_cores)) is not None]
    if len(decided) < 2 or not hosts:
        return {}
    # Each has its own idea of the same neighbours; who uses most has seen best what they give up.
    knows = max(decided.values(), key=lambda one: known(one.asked.seen.own_cores) or 0.0)
    neighbours = knows.memory.neighbours_cores
    claims = [_claim(app, one) for app, one in decided.items()]
    return share(claims, max(hosts) - max(0.0, neighbours))


def _claim(app: str, one: Decided) -> Claim:
    least = _least(one)
    used = known(one.asked.seen.cpu_cores) or 0.0
    return claim_of(app, one.decision, least) or claim_by_use(app, one.decision, least, used)


def _least(one: Decided) -> int:
    """Return the workers that the app keeps whatever others want.

    Those it has, after a change as long as removing waits, else two apps of like worth would take a
    worker from each other at every tick; and where it cannot be said what they are worth.
    """
    decision, ago = one.decision, one.decision.inputs.changed_ago_s
    fresh = ago is not None and ago < decision.removes_after_s
    recent = any(limit.name == "recent" for limit in decision.limits)
    keeps = decision.from_workers if fresh or recent or not decision.costs else 0
    return max(one.asked.policy.min, keeps)


def _cut(one: Decided, workers: int | None) -> Decided:
    decision, memory = cut_to_share(one.decision, one.memory, one.asked.memory, workers)
    return one if decision is one.decision else replace(one, decision=decision, memory=memory, share=workers)
