from __future__ import annotations
import math
from dataclasses import dataclass, field, replace
import numpy as np
from balancer.samples import Observation, Policy, known
from balancer.fit import *
from balancer import forecast as F
from balancer import choose as C

DOWN_WINDOW_S = 24.0
DRAIN_S = 4.0
FALL_WINDOW_S, FALL_TRUST = 24.0, 0.8
KAPPA_DOWN, KAPPA_UP = 0.25, 0.1
LEAD0 = 3.0

@dataclass(frozen=True, slots=True)
class Memory:
    number: int = 0
    at_s: float | None = None
    inflight: float | None = None
    ready: int = 0
    changed_s: float = -1e9
    removed_s: float = -1e9
    leads: tuple[float, ...] = ()
    cpu: CpuFit = CpuFit()
    slow: SlowFit = SlowFit()
    history: F.History = F.History()
    wishes: tuple[tuple[float, int], ...] = ()
    neighbours: float = 0.0


@dataclass
class Decision:
    final: int
    reason: str


def decide(policy, m: Memory, o: Observation, now_s):
    span = o.span_s
    done = o.completed; failed = o.failed or 0
    infl = known(o.inflight)
    d_infl = infl - m.inflight if infl is not None and m.inflight is not None else 0.0
    demand = max(0.0, (done + d_infl) / span)
    m = replace(m, history=F.learn_demand(m.history, now_s, demand, span), inflight=infl, leads=(m.leads + o.started_in_s)[-11:])
    if o.ready != m.ready or o.starting:
        m = replace(m, changed_s=now_s, removed_s=now_s if o.ready < m.ready else m.removed_s, ready=o.ready)
    settled = now_s - m.changed_s > 1.5 * span
    if settled and done > 0 and failed <= 0.02 * done and o.cpu_cores is not None:
        m = replace(m, cpu=learn_cpu(m.cpu, CpuSample(now_s, o.ready, (done - failed) / span, o.cpu_cores, span)))
    line = cpu_line(m.cpu)
    cur = o.wanted
    if o.own_cores is not None and now_s - m.removed_s > 12 and not o.starting:
        nb = max(0.0, o.host_used_cores - o.own_cores)
        m = replace(m, neighbours=m.neighbours + 0.1 * (nb - m.neighbours))
    if line is None or m.cpu.count < MIN_SAMPLES:
        n = cur
        if infl is not None and o.ready and infl > 4 * o.ready:
            n = min(policy.max, cur + 1)
        return Decision(n, 'rule'), replace(m, number=m.number + 1, at_s=now_s)
    rate_max = line.rate_at(o.worker_cores)
    curve = slow_curve(m.slow, line.cores_per_rps, o.worker_cores, policy.slo_s)
    lead = (sorted(m.leads)[int(0.9 * (len(m.leads) - 1))] if m.leads else LEAD0)
    f = F.forecast(m.history, now_s, lead + span, span)
    m = replace(m, history=replace(m.history, pending=(*m.history.pending, (now_s + lead + span, max(f.level, f.ahead))), next=max(0.0, f.level + f.slope * span)))
    # learn latency
    use = demand / (o.ready * rate_max) if o.ready else 9
    p95 = o.latencies.quantile_s(0.95) if o.latencies else None
    if settled and p95 and use < 0.95 and abs(demand - f.level) < 3 * math.sqrt(m.history.spread * max(f.level, .5) / span) and (infl is None or abs(d_infl) <= 4 * math.sqrt(o.ready) + 2) and failed <= 0.02 * done and (infl is None or infl < 6*o.ready):
        m = replace(m, slow=learn_slow(m.slow, now_s, o.ready, use, done, o.latencies.share_over(policy.slo_s) * done))
        curve = slow_curve(m.slow, line.cores_per_rps, o.worker_cores, policy.slo_s)
    if infl is None:
        p50 = o.latencies.quantile_s(0.5) if o.latencies else None
        back = done / span * p50 if p50 else 0
    else:
        back = infl
    excess = max(0.0, back - 4 * max(o.ready, 1)) / DRAIN_S
    cap = max(1, math.ceil((o.host_cores - m.neighbours) / o.worker_cores - 0.1))
    top = max(policy.min, min(policy.max, cap))
    n = np.arange(max(policy.min, 1), top + 1)
    cost = C.costs(n, np.array(f.points), np.array(f.odds), curve, rate_max, policy.slo_share, excess)
    raw = int(n[int(np.argmin(cost + np.where(n < cur, KAPPA_DOWN * (cur - n), KAPPA_UP * (n - cur))))])
    wishes = tuple((t, w) for t, w in m.wishes if t > now_s - (FALL_WINDOW_S if f.slope < 0 and f.trust > FALL_TRUST else DOWN_WINDOW_S)) + ((now_s, raw),)
    final = raw if raw >= cur else min(cur, max(w for _, w in wishes))
    why = f'd={demand:.0f} lvl={f.level:.0f} sl={f.slope:.2f} ahead={f.ahead:.0f} sd={f.sd:.1f} x={rate_max:.1f} err={line.error:.3f} V={curve.level:.2f},{curve.steep:.2f},{curve.split:.2f} ex={excess:.0f} raw={raw} cap={cap} surges={len(m.history.surges)} spread={m.history.spread:.1f}'
    return Decision(final, why), replace(m, number=m.number + 1, at_s=now_s, wishes=wishes)
