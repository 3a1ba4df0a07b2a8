"""What one pass collects before it is put in order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from manager.plan.steps import Launch, SaveSpec, SlowStep
from manager.state.model import WorkerKey, WorkerRecord
from manager.state.world import World

RESYNC_S = 2.0


@dataclass(slots=True)
class Draft:
    """What one pass collects.

    spares: starts of spares, which wait for everything else.  cramped: a wanted worker got no address.
    used: the addresses that are taken; empty until somebody needs one.
    """

    saves: list[WorkerRecord] = field(default_factory=list)
    specs: list[SaveSpec] = field(default_factory=list)
    slow: list[SlowStep] = field(default_factory=list)
    spares: list[Launch] = field(default_factory=list)
    cramped: bool = False
    used: set[IPv4Address] = field(default_factory=set)
    forgets: list[WorkerKey] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    look_again_s: float = math.inf

    def again_in(self, seconds: float) -> None:
        self.look_again_s = min(self.look_again_s, max(0.0, seconds))

    def applied_to(self, world: World) -> World:
        """Return the picture with the records as they will be saved."""
        if not self.saves:
            return world  # with all that was derived from it
        return replace(world, records={**world.records, **{record.key: record for record in self.saves}})
