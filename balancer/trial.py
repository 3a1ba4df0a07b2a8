"""More workers on trial, where requests are slow with CPU left and the figures do not tell why.

A worker that serves few requests at once, each of which waits for a database, is full long before its CPU is:
more workers help. A request that takes as long wherever it is served is not helped. Figures of one number of
workers do not tell the two apart, so another is tried: what a worker serves now is taken for all that it can
do, and the workers that are added for that stay if fewer requests are slow with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from balancer.smoothing import RATE

IDLE = 0.35  # of the CPU that workers may use: with less, their requests do not wait for each other's
MISSED = 1.5  # times the slow requests that the objective allows, before a trial
HELPED = 2 / 3  # of the slow requests that led to it: with fewer the workers stay
SLOW_S, SHOWS_S = 60.0, 60.0  # before a trial; from the last change of the workers to its end
LONGEST_S = 300.0  # that a trial goes on, however often the workers change
AGAIN_S = 1800.0  # from one that did not help to the next


@dataclass(frozen=True, slots=True)
class Trial:
    """What leads to a trial, and one that is on.

    slow_share: of the requests; each_rps: what one worker served; both exponentially smoothed.
    slow_since_s: since when too many are slow, with CPU left.  began_s, slow_before: when it began, and
    their share then.  failed_s: when one ended that did not help.
    """

    slow_share: float = 0.0
    each_rps: float = 0.0
    slow_since_s: float | None = None
    began_s: float | None = None
    slow_before: float = 0.0
    failed_s: float | None = None

    def after(self, slow_share: float, each_rps: float, *, allowed: float, rho: float, now_s: float) -> Trial:
        """Return it after one more tick; rho is the utilization of the CPU that the workers may use.

        What is slow while they use more than IDLE of it does not count: CPU may be why.
        """
        if rho > IDLE:
            return self if self.began_s is not None else replace(self, slow_share=0.0, slow_since_s=None)
        slow_share = round(self.slow_share + RATE * (slow_share - self.slow_share), 5)
        each_rps = round(self.each_rps + RATE * (each_rps - self.each_rps), 3)
        since_s, enough = (now_s, MISSED) if self.slow_since_s is None else (self.slow_since_s, 1.0)
        return replace(
            self,
            slow_share=slow_share,
            each_rps=each_rps,
            slow_since_s=since_s if slow_share > enough * allowed else None,
        )

    def is_due(self, now_s: float) -> bool:
        """Tell whether requests have been slow for long enough, and no trial failed lately."""
        if self.began_s is not None or self.slow_since_s is None:
            return False
        rested = self.failed_s is None or now_s - self.failed_s >= AGAIN_S
        return rested and now_s - self.slow_since_s >= SLOW_S

    def begun(self, now_s: float) -> Trial:
        return replace(self, began_s=now_s, slow_before=self.slow_share)

    def is_over(self, moved_s: float | None, now_s: float) -> bool:
        """Tell whether it is on and shows by now whether it helps.

        moved_s: when other workers last got ready; until some have since it began, nothing was tried.
        """
        if self.began_s is None or moved_s is None or moved_s < self.began_s:
            return False
        return now_s - moved_s >= SHOWS_S or now_s - self.began_s >= LONGEST_S

    def ended(self, now_s: float) -> Trial:
        """Return it ended; it has failed unless fewer requests are slow."""
        failed_s = now_s if self.slow_share > HELPED * self.slow_before else None
        return replace(self, began_s=None, slow_since_s=None, failed_s=failed_s)

    def anew(self, now_s: float) -> Trial:
        """Return it on a clock that stepped back: one that is on has just begun."""
        began_s = None if self.began_s is None else now_s
        return replace(self, began_s=began_s, slow_since_s=None, failed_s=None)
