"""The number of workers that one tick's sample asks for, before any limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from balancer.choose import Capacity, Cost, Outlook, Thresholds, cheapest, costs, outlook, with_objective
from balancer.decision import Model, Trust
from balancer.fit import CpuLine, cautious_line, cpu_line
from balancer.forecast import Forecast, forecast, with_pending
from balancer.host import host_full, is_modest, worker_cores
from balancer.learn import capacity_of, lead_s, learned_slow, worker_rate
from balancer.memory import Memory
from balancer.samples import QUEUED, Policy, Sample, known
from balancer.tell import model_of

DRAIN_BACKLOG_S = 2.0  # what waits is to be served within this time; less asks for more workers at once
GOOD_ERROR, GOOD_WINDOWS = 0.1, 20  # relative error of a worker's rate, and samples, for what is told as good
WEAK_ERROR = 0.25  # relative error of a worker's rate, beyond which an idle one is taken to cost nothing
TCP_UTILIZATION = 0.7  # of a worker's capacity; connections have no latency to learn from
CAP_TOLERANCE = 0.1  # workers; the meter's noise is no neighbour
BEYOND_MAX = 2  # times the maximum: up to so many workers it is told how many would be needed


@dataclass(frozen=True, slots=True)
class Pick:
    """A number before its limits, with what led to it.

    raw: the cheapest.  needed: that, or one more for the objective.  lasting: needed without what waits
    already, which is served soon.  cap: the workers beyond which more do not help, None where that is not
    known.  costs: of each number of workers from 1, by the outlook; empty and None where a rule decided.
    capacity: None where it is not known.
    """

    raw: int
    needed: int
    lasting: int
    demand: Forecast
    model: Model
    cap: int | None = None
    backlog_rps: float = 0.0
    costs: tuple[Cost, ...] = ()
    capacity: Capacity | None = None
    outlook: Outlook | None = None


def pick(policy: Policy, memory: Memory, sample: Sample, now_s: float) -> tuple[Pick, Memory]:
    """Return the number for a sample, and the memory with what was expected and learned on the way."""
    ahead_s = lead_s(memory) + sample.span_s
    demand = forecast(memory.demand, now_s, ahead_s, sample.span_s, sample.counts_waiting)
    memory = replace(memory, demand=with_pending(memory.demand, demand, now_s, ahead_s, sample.span_s))
    line = cpu_line(memory.cpu)
    if line is None or sample.cores is None:
        model, cap = Model(Trust.RULE, memory.cpu.windows), _cap_by_limit(memory, sample)
        return _agreed(_by_rule(memory, sample), demand, model, cap), memory
    return _by_model(policy, memory, sample, demand, line, now_s)


def _by_model(
    policy: Policy, memory: Memory, sample: Sample, demand: Forecast, line: CpuLine, now_s: float
) -> tuple[Pick, Memory]:
    """Return the number by what a worker was learned to do: for http the cheapest, for tcp by utilization."""
    cores = worker_cores(memory, sample)
    trust = _trust(memory, line, cores)
    if line.error_at(cores) > WEAK_ERROR:
        line = cautious_line(memory.cpu)
    worker_rps = worker_rate(memory, line, cores)
    if sample.seen.connections is None:
        memory = learned_slow(memory, sample, worker_rps, now_s)
    capacity = capacity_of(memory, policy, worker_rps, counted=sample.counts_waiting)
    model = model_of(memory, line, capacity, cores, trust)
    cap = _cap(memory, sample, line.idle_cores + line.cores_per_rps * worker_rps)
    if sample.seen.connections is not None:
        model = replace(model, safe_rate_rps=TCP_UTILIZATION * worker_rps)
        return _agreed(_by_utilization(demand, TCP_UTILIZATION * worker_rps), demand, model, cap), memory
    return _by_cost(policy, sample, demand, capacity, model, cap), memory


def _by_cost(
    policy: Policy, sample: Sample, demand: Forecast, capacity: Capacity, model: Model, cap: int | None
) -> Pick:
    backlog_rps, most = _backlog(sample), BEYOND_MAX * policy.max
    ahead = outlook(capacity, demand, backlog_rps, most)
    candidates = costs(ahead, sample.wanted)
    raw = cheapest(candidates)
    needed = lasting = _with_objective(capacity, raw, sample.wanted, demand.level_rps + backlog_rps)
    if backlog_rps > 0.0 and sample.counts_waiting:
        without = cheapest(costs(outlook(capacity, demand, 0.0, most), sample.wanted))
        lasting = _with_objective(capacity, without, sample.wanted, demand.level_rps)
    return Pick(raw, needed, lasting, demand, model, cap, backlog_rps, tuple(candidates), capacity, ahead)


def _agreed(number: int, demand: Forecast, model: Model, cap: int | None) -> Pick:
    """Return the pick of a number that costs have no part in."""
    return Pick(number, number, number, demand, model, cap)


def _with_objective(capacity: Capacity, chosen: int, now: int, demand_rps: float) -> int:
    return int(with_objective(capacity, np.array(float(chosen)), now, np.array(demand_rps)))


def _by_rule(memory: Memory, sample: Sample) -> int:
    """Return one more while too much waits and nothing is about to be known, else as many as now.

    Where there are samples already, the next one tells how many are needed; adding would spoil it.
    """
    learning = sample.cores is not None and memory.cpu.windows > 0
    too_much = sample.ready > 0 and sample.waiting > QUEUED * sample.ready
    return sample.wanted + (too_much and not learning and not sample.starting)


def _cap_by_limit(memory: Memory, sample: Sample) -> int | None:
    """Return the workers that could use a host which has no CPU left, never fewer than there are."""
    host_cores = known(sample.seen.host_cores)
    if host_cores is None or not host_full(sample):
        return None
    return max(sample.wanted, math.ceil(host_cores / worker_cores(memory, sample)))


def _by_utilization(demand: Forecast, safe_rps: float) -> int:
    wanted = max(demand.level_rps, demand.ahead_rps) + demand.sd_rps
    return max(1, math.ceil(wanted / safe_rps))


def thresholds_by_utilization(demand: Forecast, safe_rps: float, now: int, low: int, high: int) -> Thresholds:
    """Return the steady demands at which `_by_utilization` would leave `now`."""
    most, least = (max(0.0, workers * safe_rps - demand.sd_rps) for workers in (now, now - 1))
    return Thresholds(most if now < high else None, least if now > low else None)


def _backlog(sample: Sample) -> float:
    return max(0.0, sample.waiting - QUEUED * max(sample.ready, 1)) / DRAIN_BACKLOG_S


def _trust(memory: Memory, line: CpuLine, cores: float) -> Trust:
    good = line.error_at(cores) <= GOOD_ERROR and memory.cpu.windows >= GOOD_WINDOWS
    return Trust.GOOD if good else Trust.WEAK


def _cap(memory: Memory, sample: Sample, full_cores: float) -> int | None:
    """Return the workers that fill what the neighbours leave of the host; more would not help.

    full_cores: what one worker uses when it is full. To those who ask for little neighbours leave it.
    """
    host_cores = known(sample.seen.host_cores)
    if host_cores is None or full_cores <= 0:
        return None
    modest = is_modest(full_cores, worker_cores(memory, sample))
    free_cores = host_cores - (0.0 if modest else max(0.0, memory.neighbours_cores))
    return max(1, math.ceil(free_cores / full_cores - CAP_TOLERANCE))
