"""What the host gives: the cores that a worker may use, and those that neighbours on it use and keep."""

from __future__ import annotations

from balancer.memory import Memory
from balancer.samples import Sample, known

FULL_HOST = 0.9  # of its cores: even of a full host, meters and schedulers leave a part unused
DRAIN_S = 12.0  # the CPU of draining workers is not seen, and must not be taken for a neighbour's
NEIGHBOUR_RATE = 0.1  # of each tick's reading of what neighbours use: a burst of theirs is no limit
# Of the cores that a worker may use: with nearly all it is not short of CPU; as little as the second it gets
# even on a crowded host.
NEARLY_ALL, MODEST = 0.9, 0.1
GIVES_AGAIN_S = 300.0  # so long after workers starved, no more are tried on the same host


def worker_cores(memory: Memory, sample: Sample) -> float:
    """Return the cores that one worker may use: its limit, else the most that one used, at least 1."""
    limit = known(sample.seen.worker_cores)
    return limit if limit else max(1.0, memory.peak_cores)


def busiest_cores(sample: Sample) -> float:
    """Return the cores of the worker that used most, where that is known, else the mean of the ready ones.

    The mean misleads where some have a queue and others none: where the proxy leaves out those that are too
    busy to answer, and where new workers have joined old ones, whose queue stays with them.
    """
    busiest = known(sample.seen.busiest_cores)
    return (sample.cores or 0.0) / max(sample.ready, 1) if busiest is None else busiest


def host_full(sample: Sample) -> bool:
    """Tell whether the host's cores are used up, by whomever."""
    cores, used = known(sample.seen.host_cores), known(sample.seen.host_used_cores)
    return cores is not None and used is not None and used > FULL_HOST * cores


def neighbours_cores(memory: Memory, sample: Sample, now_s: float) -> float:
    """Return the cores that neighbours use and keep; as before while the app's own are not all seen.

    Exponentially smoothed: what the host uses, less what this app and those that share with it use. But a
    busy host divides its cores anew among all who ask. So while workers get all that they ask for, neighbours
    keep no more than twice the app's use would leave them; once workers starve, all that neighbours use.
    """
    used, own = known(sample.seen.host_used_cores), known(sample.seen.own_cores)
    drained = memory.removed_s is None or now_s - memory.removed_s > DRAIN_S
    if own is None and drained and not sample.starting:
        own = sample.cores
    if used is None or own is None:
        return memory.neighbours_cores
    apps_own = own + (known(sample.seen.sharing_cores) or 0.0)
    others, before = used - apps_own, memory.neighbours_cores
    if memory.starved_s == now_s:
        return round(max(others, before), 4)
    smoothed = round(before + NEIGHBOUR_RATE * (others - before), 4)
    host_cores = known(sample.seen.host_cores)
    if host_cores is None or _starved_lately(memory, now_s) or not _gets_all_it_asks(memory, sample):
        return smoothed
    return min(smoothed, max(0.0, round(host_cores - apps_own - own, 4)))


def is_starved(memory: Memory, sample: Sample) -> bool:
    """Tell whether requests wait for CPU that the host gives to others, after a span of the same workers."""
    seen = sample.ready > 0 and sample.cores is not None
    return seen and host_full(sample) and sample.has_queued and not _gets_all_it_asks(memory, sample)


def _gets_all_it_asks(memory: Memory, sample: Sample) -> bool:
    """Tell whether a worker got the CPU that it asked for."""
    busiest, may_use = busiest_cores(sample), worker_cores(memory, sample)
    return busiest >= NEARLY_ALL * may_use or is_modest(busiest, may_use)


def is_modest(cores: float, worker_cores: float) -> bool:
    """Tell whether a worker that may use worker_cores asks for so little that it gets it on any host."""
    return cores <= MODEST * worker_cores


def _starved_lately(memory: Memory, now_s: float) -> bool:
    return memory.starved_s is not None and now_s - memory.starved_s < GIVES_AGAIN_S
