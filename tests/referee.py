"""The referee's adapter"""
from __future__ import annotations
import math
from balancer.decide import Memory, decide
from balancer.samples import Latencies, Observation, Policy


class Adapter:
    def reset(self, cfg):
        self.cfg = cfg
        self.policy = Policy(max=cfg['max'], min=cfg['min'], slo_s=cfg['slo_s'], slo_share=0.99)
        self.memory = Memory()
        self.asked = []
        self.known = None
        self.why = ''

    def decide(self, obs):
        d, self.memory = decide(self.policy, self.memory, self.observation(obs), obs.t)
        self.why = d.reason
        want = min(max(d.final, self.cfg['min']), self.cfg['max'])
        self.asked += [obs.t] * max(0, want - obs.replicas)
        return want

    def observation(self, o):
        fresh = sorted((a for a in o.ages if a < o.dt), reverse=True)
        started = []
        self.asked = self.asked[: len(fresh) + o.starting]
        for age in fresh:
            if self.asked:
                started.append(max(0.0, o.t - age - self.asked.pop(0)))
        lat = None
        if o.completed:
            edges = sorted((e, c) for e, c in ((o.lat_p50, .5 * o.completed), (o.lat_p95, .95 * o.completed), (o.lat_p99, .99 * o.completed), (self.cfg['slo_s'], (1 - o.slow_frac) * o.completed)))
            lat = Latencies(tuple(e for e, _ in edges), tuple(sorted(c for _, c in edges)), o.completed)
        return Observation(span_s=o.dt, wanted=o.replicas, ready=o.ready, starting=o.starting, completed=o.completed, failed=o.failed, latencies=lat,
            inflight=o.inflight, cpu_cores=sum(o.cpu), own_cores=sum(o.cpu), worker_cores=self.cfg['rep_cores'], host_cores=self.cfg['cores'], host_used_cores=o.host_cpu, started_in_s=tuple(started))
