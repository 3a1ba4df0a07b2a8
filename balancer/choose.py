from __future__ import annotations
import numpy as np
from balancer.fit import MAX_USE

UNMET = 2.0
NORMAL_USE = 0.62
WEIGHT = 0.2


def slow_share(c, workers, use):
    return np.exp(np.minimum(c.level + c.steep * (use - 1) + c.split * (1 / workers - 1), 0.0))


def costs(n, points, odds, curve, rate_max, slo_share, extra):
    price = WEIGHT / (1 - slo_share) / (NORMAL_USE * rate_max)
    lam = points[None, :] + extra
    use = lam / (n[:, None] * rate_max)
    slow = slow_share(curve, n[:, None], use)
    unmet = np.maximum(0.0, lam - MAX_USE * n[:, None] * rate_max)
    return n + price * ((lam * slow + UNMET * unmet) @ odds)
