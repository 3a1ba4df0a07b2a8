"""R3"""
from __future__ import annotations
import math
from dataclasses import dataclass, replace
import numpy as np

KEEP = 60
LINE_HALF_LIFE_S = 12.0
JUMP = 4.0
SURGE_SD = 3.0
SURGE_HALF_S = 600.0
SURGE_KEEP = 24
SURGE_W = 1.0
SHRINK = 4.0


@dataclass(frozen=True, slots=True)
class History:
    since_s: float = 0.0
    samples: tuple[tuple[float, float], ...] = ()
    spread: float = 1.0
    surges: tuple[tuple[float, float, float], ...] = ()
    pending: tuple[tuple[float, float], ...] = ()
    next: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    level: float
    slope: float
    ahead: float
    sd: float
    points: tuple[float, ...]
    odds: tuple[float, ...]
    trust: float = 0.0


def learn_demand(h: History, at_s, rate, span_s) -> History:
    if not h.samples:
        return History(at_s, ((at_s, rate),))
    last5 = sorted(r for _, r in h.samples[-5:])
    med = last5[len(last5) // 2]
    sd = math.sqrt(h.spread * max(med, 1.0 / span_s) / span_s)
    dev = (rate - med) / sd
    dev2 = (rate - h.next) / sd if h.next is not None else dev
    if min(abs(dev), abs(dev2)) > JUMP and dev * dev2 > 0:
        samples = ((at_s, rate),)
        spread = h.spread
    else:
        samples = (*h.samples, (at_s, rate))[-KEEP:]
    p = h.samples[-1][1]
    e = (rate - p) ** 2 / (2 * max(p, 1 / span_s) / span_s)
    spread = max(1.0, h.spread + 0.05 * (min(e, 9.0 * h.spread) - h.spread))
    surges, since = h.surges, h.since_s
    due = [f for t, f in h.pending if t <= at_s]
    if due:
        f = due[-1]
        if rate > f + SURGE_SD * math.sqrt(max(f, 1 / span_s) / span_s) :
            surges = (*surges, (at_s, f, rate))
            if len(surges) > SURGE_KEEP:
                since = surges[0][0]; surges = surges[1:]
    pending = tuple(x for x in h.pending if x[0] > at_s)
    return History(since, samples, spread, surges, pending)


Z = np.array([-1.28, -0.52, 0.0, 0.52, 1.28, 2.0])
P = np.array([0.2, 0.2, 0.2, 0.2, 0.15, 0.05])


def forecast(h: History, now_s, lead_s, span_s) -> Forecast:
    t = np.array([x for x, _ in h.samples]) - now_s
    y = np.array([x for _, x in h.samples])
    slow = _line(t, y, SLOW_S, h.spread, span_s, lead_s)
    fast = _line(t, y, FAST_S, h.spread, span_s, lead_s)
    gap = abs(fast[0] - slow[0])
    level, slope, ahead, sd, keep = (fast if gap > SWITCH * fast[5] else slow)[:5]
    base = max(level, ahead)
    points = np.maximum(base + sd * Z, 0.0)
    age = now_s - h.since_s
    expo = SURGE_HALF_S / math.log(2) * (1 - 0.5 ** (age / SURGE_HALF_S)) + 60.0
    atoms = [(min(d, base + d - f), SURGE_W * 0.5 ** ((now_s - ts) / SURGE_HALF_S) / expo * span_s) for ts, f, d in h.surges if d > base]
    tot = sum(p for _, p in atoms)
    k = min(1.0, 0.5 / tot) if tot else 1.0
    return Forecast(level, slope, ahead, sd, tuple(points) + tuple(l for l, _ in atoms), tuple(P * (1 - k * tot)) + tuple(k * p for _, p in atoms), keep)


def _line(t, y, half_s, spread, span_s, lead_s):
    w = 0.5 ** (-t / half_s)
    sw = w.sum(); mt = (w * t).sum() / sw; my = (w * y).sum() / sw
    var = spread * max(my, 1 / span_s) / span_s
    stt = (w * (t - mt) ** 2).sum()
    keep = 0.0
    if len(y) >= 4:
        slope = (w * (t - mt) * (y - my)).sum() / stt
        vs = var * (w * w * (t - mt) ** 2).sum() / stt ** 2
        sig = slope * slope / vs
        keep = sig / (sig + SHRINK)
        slope *= keep
        vs *= keep
    else:
        slope = 0.0; vs = 0.0
    vm = var * (w * w).sum() / sw ** 2
    level = max(0.0, my - slope * mt)
    ahead = max(0.0, my + slope * (lead_s - mt))
    return level, slope, ahead, math.sqrt(vm + vs * (lead_s - mt) ** 2), keep, math.sqrt(vm + vs * mt * mt)


SLOW_S, FAST_S, SWITCH = 20.0, 6.0, 1.5
