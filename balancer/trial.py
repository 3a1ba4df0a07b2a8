"""More workers on trial, where requests are late with CPU left and the figures do not tell why.

A worker that serves few requests at once, each of which waits for a database, is full long before its CPU is:
more workers help. A request that takes as long wherever it is served is not helped. Figures of one number of
workers do not tell the two apart, so another is tried: what a worker serves now is taken for all that it can
do, and the workers that are added for that stay if fewer requests are late with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from balancer.smoothing import RATE

IDLE = 0.35  # of the CPU that workers may use: with less, their requests do not wait for each other's
MISSED, HELPED = 1.5, 2 / 3  # times the late requests that are allowed, for a trial; that there were, to stay
LATE_S, SHOWS_S = 60.0, 60.0  # before a trial; from the last change of the workers to its end
AGAIN_S = 1800.0  # from one that did not help to the next


@dataclass(frozen=True, slots=True)
class Trial:
    """What leads to a trial, and one that is on.

    late: the share of late requests, each_rps: what one worker served, both exponentially smoothed.
    late_since_s: since when that is too much, with CPU left.  began_s, late_before: when it began, and with
    what share.  failed_s: when one ended that did not help.
    """

    late: float = 0.0
    each_rps: float = 0.0
    late_since_s: float | None = None
    began_s: float | None = None
    late_before: float = 0.0
    failed_s: float | None = None

    def after(self, late: float, each_rps: float, *, allowed: float, rho: float, now_s: float) -> Trial:
        """Return it after one more tick; rho is the utilization of the CPU that the workers may use.

        What is late while they use more than IDLE of it does not count: CPU may be why.
        """
        if rho > IDLE:
            return self if self.began_s is not None else replace(self, late=0.0, late_since_s=None)
        late = round(self.late + RATE * (late - self.late), 5)
        each_rps = round(self.each_rps + RATE * (each_rps - self.each_rps), 3)
        since_s, enough = (now_s, MISSED) if self.late_since_s is None else (self.late_since_s, 1.0)
        return replace(
            self, late=late, each_rps=each_rps, late_since_s=since_s if late > enough * allowed else None
        )

    def is_due(self, now_s: float) -> bool:
        """Tell whether requests have been late for long enough, and no trial failed lately."""
        if self.began_s is not None or self.late_since_s is None:
            return False
        rested = self.failed_s is None or now_s - self.failed_s >= AGAIN_S
        return rested and now_s - self.late_since_s >= LATE_S

    def begun(self, now_s: float) -> Trial:
        return replace(self, began_s=now_s, late_before=self.late)

    def is_over(self, moved_s: float | None, now_s: float) -> bool:
        """Tell whether it is on and shows by now whether it helps; moved_s: when other workers got ready."""
        if self.began_s is None:
            return False
        return now_s - max(self.began_s, moved_s or self.began_s) >= SHOWS_S

    def ended(self, now_s: float) -> Trial:
        """Return it ended; it has failed unless fewer requests are late."""
        failed_s = now_s if self.late > HELPED * self.late_before else None
        return replace(self, began_s=None, late_since_s=None, failed_s=failed_s)

    def anew(self, now_s: float) -> Trial:
        """Return it on a clock that stepped back: one that is on has just begun."""
        began_s = None if self.began_s is None else now_s
        return replace(self, began_s=began_s, late_since_s=None, failed_s=None)
