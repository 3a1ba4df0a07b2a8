"""What one tick teaches: which of its numbers may enter which fit."""

from __future__ import annotations

import math
from dataclasses import replace

from balancer.choose import Capacity, price_of
from balancer.fit import CpuFit, CpuLine, CpuSample, learn_cpu
from balancer.forecast import Rate, learn_demand
from balancer.host import busiest_cores, is_starved, neighbours_cores, worker_cores
from balancer.latency import SlowFit, SlowSample, learn_slow, slow_curve
from balancer.memory import Memory
from balancer.samples import QUEUED, Policy, Sample, known
from balancer.trial import Trial

SETTLED_SPANS = 1.5  # so many spans after the ready workers changed, a span is theirs alone
FAILED_SHARE = 0.02  # time-outs are no completions: they would make a worker look strong
LEAST_RPS = 0.5  # requests/s; of fewer, CPU tells nothing of what they cost
# So many starts are kept, and their 90th percentile counts: one slow start among them does not.
START_TIMES, LEAD_SHARE = 11, 0.9
FIRST_START_S = 3.0  # before any was seen
QUEUED_TICKS = 5  # in a row, before workers are taken to be limited by something else than CPU
IDLE_CPU = 0.7  # of what workers may use: with less they have CPU left


def renewed(memory: Memory, revision: str, slo_s: float) -> Memory:
    """Return the memory without what another program or another objective taught."""
    if memory.at_s is not None and revision != memory.revision:
        memory = replace(
            memory,
            cpu=CpuFit(),
            slow=SlowFit(),
            start_times_s=(),
            peak_cores=0.0,
            ceiling_rps=None,
            queued_rps=(),
            trial=Trial(),
        )
    if slo_s != memory.slo_s:
        ceiling_rps = None if memory.trial.began_s is not None else memory.ceiling_rps
        memory = replace(memory, slow=SlowFit(), trial=Trial(), ceiling_rps=ceiling_rps)
    return replace(memory, revision=revision, slo_s=slo_s)


def lead_s(memory: Memory) -> float:
    """Return how long a new worker takes to be ready, the 90th percentile of the last starts."""
    times = sorted(memory.start_times_s)
    return times[int(LEAD_SHARE * (len(times) - 1))] if times else FIRST_START_S


def learned(policy: Policy, memory: Memory, sample: Sample, now_s: float) -> Memory:
    """Return the memory with a tick's demand, start times, CPU, neighbours, and what limits its workers."""
    before, memory = memory.ready, _moved(memory, sample, now_s)
    if _whole(memory, sample, now_s) and is_starved(memory, sample):
        memory = replace(memory, starved_s=now_s)
    times = tuple(round(t, 3) for t in sample.seen.started_in_s if known(t) is not None)
    memory = replace(
        memory,
        waiting=round(sample.waiting, 3),
        took_s=None if sample.took_s is None else round(sample.took_s, 4),
        start_times_s=(*memory.start_times_s, *times)[-START_TIMES:],
        neighbours_cores=neighbours_cores(memory, sample, now_s),
        demand=learn_demand(memory.demand, Rate(now_s, round(sample.demand, 3)), sample.span_s),
    )
    if _settled(memory, sample, now_s):
        memory = _learned_cpu(memory, sample, sample.ready, sample.cores, now_s)
    elif _only_busy(memory, sample, now_s):
        memory = _learned_cpu(memory, sample, sample.wanted, known(sample.seen.own_cores), now_s)
    return _with_trial(policy, _with_ceiling(policy, memory, sample, before), sample, now_s)


def learned_slow(memory: Memory, sample: Sample, worker_rps: float, now_s: float) -> Memory:
    """Return the memory with a tick's slow requests, when its queue was at rest."""
    latencies = sample.seen.latencies
    if latencies is None or not known(latencies.total):
        return memory
    slow = latencies.share_over(memory.slo_s) * sample.completed
    if known(slow) is None or not (_at_rest(sample) and _settled(memory, sample, now_s)):
        return memory
    rho = sample.demand / (sample.ready * worker_rps)
    seen = SlowSample(now_s, sample.ready, rho, sample.completed, slow)
    return replace(memory, slow=learn_slow(memory.slow, seen))


def is_unread(memory: Memory, sample: Sample) -> bool:
    """Tell whether nothing was learned yet of the workers that there are: overloaded ones come and go."""
    asked = sample.demand >= LEAST_RPS
    return asked and memory.moved_s is not None and memory.cpu.at_s <= memory.moved_s


def worker_rate(memory: Memory, line: CpuLine, cores: float) -> float:
    """Return the requests/s of one full worker, by its CPU or by what it was seen unable to exceed."""
    by_cpu = line.rate_at(cores)
    return min(by_cpu, memory.ceiling_rps) if memory.ceiling_rps else by_cpu


def capacity_of(memory: Memory, policy: Policy, worker_rps: float, *, counted: bool) -> Capacity:
    """Return what one worker of that rate can do, and what a slow request is worth.

    counted: whether waiting requests are; else hidden ones make others slow, and any share is allowed.
    """
    curve = slow_curve(memory.slow, 1.0 / worker_rps, policy.slo_s)
    allowed = 1.0 - policy.slo_share if counted else 1.0
    return Capacity(worker_rps, curve, price_of(policy.slo_share, worker_rps), allowed)


def _moved(memory: Memory, sample: Sample, now_s: float) -> Memory:
    """Return the memory with the time at which other workers became ready, also as many as before."""
    if sample.ready == memory.ready and not sample.seen.started_in_s:
        return memory
    removed_s = now_s if sample.ready < memory.ready else memory.removed_s
    first_s = now_s - sample.span_s if memory.moved_s is None else now_s
    return replace(memory, ready=sample.ready, moved_s=first_s, removed_s=removed_s)


def _settled(memory: Memory, sample: Sample, now_s: float) -> bool:
    """Tell whether all of the span was served by the workers that are ready now, and few requests failed.

    Just-ready ones served a part of the span only. (The CPU of starting ones is not among the ready ones'.)
    Those that are out of rotation finish what they have: it would be counted for the others.
    """
    none_out = sample.ready + sample.starting >= sample.wanted
    return _whole(memory, sample, now_s) and none_out and sample.ready > 0 and _few_failed(sample)


def _only_busy(memory: Memory, sample: Sample, now_s: float) -> bool:
    """Tell whether workers come and go only as they are too busy to answer: taken together they are the same.

    All that they do and use is seen, once those that were wanted last have started. Only requests that are
    counted tell that workers are too busy.
    """
    change_s = lead_s(memory) + SETTLED_SPANS * sample.span_s
    settled = memory.changed_s is None or now_s - memory.changed_s > change_s
    queued = known(sample.seen.inflight) or 0.0
    return settled and not sample.starting and _few_failed(sample) and queued > QUEUED * sample.ready


def _few_failed(sample: Sample) -> bool:
    return sample.failed_share <= FAILED_SHARE


def _whole(memory: Memory, sample: Sample, now_s: float) -> bool:
    """Tell whether the workers that are ready now were so for the whole span."""
    return memory.moved_s is None or now_s - memory.moved_s > SETTLED_SPANS * sample.span_s


def _learned_cpu(memory: Memory, sample: Sample, workers: int, cores: float | None, now_s: float) -> Memory:
    """Return the memory with what so many workers used for what was served."""
    if cores is None or sample.served < LEAST_RPS:
        return memory
    seen = CpuSample(now_s, workers, round(sample.served, 3), round(cores, 5), sample.span_s)
    peak_cores = max(memory.peak_cores, round(cores / workers, 5))
    return replace(memory, cpu=learn_cpu(memory.cpu, seen), peak_cores=peak_cores)


def _with_ceiling(policy: Policy, memory: Memory, sample: Sample, before: int) -> Memory:
    """Return the memory with the most that one worker served while requests waited for something else.

    Found only after some such ticks in a row. Then it is only raised, by another such row or a tick that
    meets the objective: where waiting comes from elsewhere, more workers serve less each, and a ceiling that
    sank with them would ask for ever more of them. The most of those ticks counts: once clients give up
    waiting, workers are busy with what nobody waits for.

    before: the workers that were ready at the beginning of the span.
    """
    if sample.cores is None or not sample.ready:
        return memory
    waits = _is_late(policy, sample) and _waits_for_something_else(memory, sample)
    # one that just left, or is too busy to be in rotation, had its part in what was served
    sharing = max(sample.ready, sample.wanted - sample.starting, before)
    each_rps = round(sample.served / sharing, 3)
    queued_rps = (*memory.queued_rps, each_rps)[-QUEUED_TICKS:] if waits else ()
    memory = replace(memory, queued_rps=queued_rps)
    if len(queued_rps) < QUEUED_TICKS and memory.ceiling_rps is None:
        return memory
    counted = queued_rps if len(queued_rps) == QUEUED_TICKS else ()
    in_time = () if _is_late(policy, sample) else (each_rps,)
    most_rps = max([*counted, *in_time, memory.ceiling_rps or 0.0])
    return replace(memory, ceiling_rps=most_rps) if most_rps >= LEAST_RPS else memory


def _with_trial(policy: Policy, memory: Memory, sample: Sample, now_s: float) -> Memory:
    """Return the memory after one more tick: a trial begins with a ceiling, which goes if it fails."""
    slow_share, trial = sample.seen.slow_share(policy.slo_s), memory.trial
    if slow_share is None or sample.cores is None or not sample.ready:
        return memory
    rho, each_rps = _utilization(memory, sample), sample.served / sample.ready
    trial = trial.after(slow_share, each_rps, allowed=1.0 - policy.slo_share, rho=rho, now_s=now_s)
    has_room = sample.wanted < policy.max
    if memory.ceiling_rps is None and has_room and trial.is_due(now_s):
        return replace(memory, trial=trial.begun(now_s), ceiling_rps=trial.each_rps)
    if not trial.is_over(memory.moved_s, now_s):
        return replace(memory, trial=trial)
    ended = trial.ended(now_s)
    return replace(memory, trial=ended, ceiling_rps=memory.ceiling_rps if ended.failed_s is None else None)


def _is_late(policy: Policy, sample: Sample) -> bool:
    """Tell whether the objective was missed; an app that sleeps may have many open requests and meet it."""
    latencies = sample.seen.latencies
    return latencies is None or latencies.share_over(policy.slo_s) > 1.0 - policy.slo_share


def _waits_for_something_else(memory: Memory, sample: Sample) -> bool:
    """Tell whether throughout the span more requests were open than where only CPU is short.

    At a utilization rho of the CPU about rho / (1 - rho) are open by processor sharing (M/G/1), and often a
    few times as many. The busiest worker tells: while it has no CPU left, CPU may be all that is short.
    """
    rho = _utilization(memory, sample)
    explained = 1.0 + QUEUED * rho / (IDLE_CPU - rho) if rho < IDLE_CPU else math.inf
    return sample.open_throughout > explained * sample.ready and not is_starved(memory, sample)


def _utilization(memory: Memory, sample: Sample) -> float:
    """Return the utilization of the CPU that a worker may use, by the busiest one."""
    return busiest_cores(sample) / worker_cores(memory, sample)


def _at_rest(sample: Sample) -> bool:
    """Tell whether few requests waited, and about as many at the end of the span as at its beginning."""
    by_chance = QUEUED * math.sqrt(sample.ready) + 2.0  # what waits at several workers strays as a root does
    return abs(sample.waiting_change) <= by_chance and sample.waiting < 1.5 * QUEUED * sample.ready
