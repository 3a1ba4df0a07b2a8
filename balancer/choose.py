from __future__ import annotations
import numpy as np
from balancer.fit import LatencyCurve, MAX_USE, TAIL

UNMET = 2.0
NORMAL_USE = 0.62
WEIGHT = 0.2


def slow_share(curve: LatencyCurve, workers, use, slo_s):
    u = np.minimum(use, MAX_USE)
    g = u / (1 - u)
    p95 = curve.base_s + curve.queue_s * g + curve.split_s * g / workers
    floor = 0.7 * curve.base_s
    x = (slo_s - floor) / np.maximum(p95 - floor, 1e-6)
    return np.minimum(1.0, curve.correction * np.exp(-TAIL * np.maximum(x, 0)))


def costs(n, points, odds, curve, rate_max, slo_s, slo_share, extra):
    price = WEIGHT / (1 - slo_share) / (NORMAL_USE * rate_max)
    lam = points[None, :] + extra
    use = lam / (n[:, None] * rate_max)
    slow = slow_share(curve, n[:, None], use, slo_s)
    unmet = np.maximum(0.0, lam - MAX_USE * n[:, None] * rate_max)
    return n + price * ((lam * slow + UNMET * unmet) @ odds)
