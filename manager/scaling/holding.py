"""When a limit begins to hold an app below the workers that it needs, and when none does any more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from balancer.decision import ScalingDecision

LIMITS = ("max", "host", "share")  # those that leave an app with fewer workers than it needs
OVER_S = 60.0  # demand that wavers around a limit is told once, not at every tick


@dataclass(slots=True)
class Holds:
    """The apps that are held, each with the time at which it was seen held last.

    In memory only: the next manager tells once more of what still is held.
    """

    _held_at: dict[str, float] = field(default_factory=dict)

    def news(self, app: str, decision: ScalingDecision) -> str:
        """Return what a decision changes in whether its app is held, "" for nothing."""
        if decision.raw is None:
            return ""  # nobody knows what it needs
        limit = next((one for one in reversed(decision.limits) if one.name in LIMITS), None)
        if limit is not None and decision.final < decision.raw and decision.carried_out:
            known = app in self._held_at
            self._held_at[app] = decision.at_s
            return "" if known else f"held to {decision.final} by {limit.name}: it needs {decision.raw}"
        if not self._is_over(app, decision.at_s):
            return ""
        del self._held_at[app]
        return "no limit holds it any more"

    def keep(self, apps: Collection[str]) -> None:
        """Forget all apps but these."""
        for app in self._held_at.keys() - apps:
            del self._held_at[app]

    def _is_over(self, app: str, now_s: float) -> bool:
        since = self._held_at.get(app)
        return since is not None and not 0 <= now_s - since < OVER_S
