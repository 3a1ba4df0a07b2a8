"""What is asked of an app whose waiting requests nobody can count.

Completions hide what a saturated app is asked for: it does what it can, and the rest waits. But they tell
how long they took, and the CPU tells how much was worked on. Let r times as much be asked for as can be
done, of a processor-sharing queue. One that leaves it is any of those in it, and those pile up: a request
that came at s is still there at t with the odds (s / t) ** (1 / (r - 1)). So the half of them that is
younger than the median came since t * 2 ** (1 / r - 1), and the median time grows, each second, by
x = 1 - 2 ** (1 / r - 1), whence

    r = 1 / (1 + log2(1 - x))
"""

from __future__ import annotations

import math
from dataclasses import replace

from balancer.fit import WORK_MOMENT, cpu_line
from balancer.memory import Memory
from balancer.samples import Sample

BUSY = 0.85  # of the CPU that the workers may use: some of them have nothing left
MOST_OVER = 4.0  # times what can be done; with more, the median hardly grows faster
UNUSUAL = 4.0  # times the median: what took as long had to wait
BY_CHANCE = 2.0  # times the median: what queues that are no overload may add to it in a span
SURE_SD = 2.0  # standard deviations of the work that a number of requests brings


def unhidden(sample: Sample, memory: Memory, usable_cores: float) -> Sample:
    """Return the sample with the demand that completions, their times and the CPU tell of.

    What an overload leaves undone waits, beside what waited before: Little's law tells of it late, by
    requests that ended, and those came before most of the others.
    memory: from before the sample.  usable_cores: what one worker may use.
    """
    asked, over = sample.completed * (1.0 - _late_share(sample, memory)), 1.0
    if _busy(sample, memory, usable_cores):
        over = _overload(sample, memory)
        asked = max(asked, _asked_of_busy(sample, memory, over))
    change, waiting = asked - sample.completed, sample.waiting
    if over > 1.0:
        waiting = max(waiting, (memory.waiting or 0.0) + change)
    return replace(sample, demand=asked / sample.span_s, waiting=waiting, waiting_change=change)


def overload(growth: float) -> float:
    """Return demand over what can be done, at least 1, for the growth of the median, seconds a second."""
    if growth <= 0.0:
        return 1.0
    left = 1.0 + math.log2(1.0 - growth) if growth < 1.0 else 0.0
    return 1.0 / max(left, 1.0 / MOST_OVER)


def _busy(sample: Sample, memory: Memory, usable_cores: float) -> bool:
    """Tell whether workers that were ready all the time may have had no CPU left."""
    through = min(sample.ready, memory.ready) or sample.ready
    return sample.cores is not None and sample.cores >= BUSY * usable_cores * through


def _late_share(sample: Sample, memory: Memory) -> float:
    """Return the share of what was done that had been asked for before the span, and waited since.

    Else the demand would seem to go on while only a queue is emptied. Where requests usually take as long,
    as many are asked for as are done.
    """
    if sample.seen.latencies is None or memory.took_s is None:
        return 0.0
    return sample.seen.latencies.share_over(max(sample.span_s, UNUSUAL * memory.took_s))


def _asked_of_busy(sample: Sample, memory: Memory, over: float) -> float:
    """Return the requests that the CPU was enough for, done or not, times the overload.

    Without one, less what may be the chance of their sizes.
    """
    worked = _worked(sample, memory)
    if over > 1.0:
        return max(sample.completed, worked) * over
    return worked - SURE_SD * math.sqrt(WORK_MOMENT * worked)


def _overload(sample: Sample, memory: Memory) -> float:
    """Return the overload by the growth of the median that chance does not explain.

    It grew since the first request was late: for no longer than the slowest took.
    """
    latencies, before_s = sample.seen.latencies, memory.took_s
    if latencies is None or sample.took_s is None or before_s is None:
        return 1.0
    since_s = min(sample.span_s, latencies.quantile_s(0.95) or sample.span_s)
    return overload((sample.took_s - (1.0 + BY_CHANCE) * before_s) / since_s)


def _worked(sample: Sample, memory: Memory) -> float:
    line = cpu_line(memory.cpu)
    if line is None or sample.cores is None:
        return 0.0
    cores = sample.cores - line.idle_cores * sample.ready
    return max(0.0, sample.span_s * cores / line.cores_per_rps)
