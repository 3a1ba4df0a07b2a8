"""Words that tell how much or how long: durations, sizes, cores, rates and what is made of them."""

from __future__ import annotations

import re

from manager.api.cite import cited
from manager.api.suggest import Meant

LONGEST_S = 10 * 365 * 86400.0
MOST_BYTES = 2**50  # 1024T
_PART = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)(ms|s|m|h)")
_DURATION = re.compile(f"(?:{_PART.pattern})+")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)I?B?", re.ASCII | re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def seconds(word: str) -> float:
    """Return the seconds of a duration such as 500ms, 5s, 2m or 1h30m."""
    if word.isdecimal() and len(word) < 8:
        raise Meant(f"{cited(word)} is not a duration: it has no unit such as ms, s, m or h", f"{word}s")
    if not _DURATION.fullmatch(word):  # first, as a search for parts in it could begin at each digit
        raise ValueError(f"{cited(word[:40])} is not a duration such as 500ms, 5s, 2m or 1h30m")
    duration_s = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(word))
    if duration_s > LONGEST_S:
        raise ValueError(f"{cited(word[:40])} is longer than ten years")
    return duration_s


def span(word: str) -> float:
    """Return the seconds of a duration in which something can be done."""
    if not word.strip("0") or not (duration_s := seconds(word)):
        raise ValueError(f"{cited(word[:40])} is no time at all")
    return duration_s


def size(word: str) -> int:
    """Return the bytes of a size such as 64M, 64m, 64MiB or 1G (powers of 1024)."""
    found = _SIZE.fullmatch(word)
    if found is None:
        raise ValueError(f"{cited(word[:40])} is not a size such as 64M or 1G")
    size_bytes = float(found[1]) * _BYTES[found[2].upper()]
    if size_bytes > MOST_BYTES:
        raise ValueError(f"{cited(word[:40])} is more than 1024T")
    return round(size_bytes)


def memory(word: str) -> int:
    """Return the bytes of a memory limit; Docker refuses less than 6M."""
    limit = size(word)
    if limit < 6 * 2**20:
        told = f"{cited(word[:40])} is below the smallest memory limit, 6M"
        if word.isdecimal() and int(word) >= 6:
            raise Meant(told, f"{word}M")
        raise ValueError(told)
    return limit


def cpus(word: str) -> float:
    """Return a number of cores such as 0.5."""
    if not re.fullmatch(r"(?=.)[0-9]{0,4}(\.[0-9]{1,3})?", word) or not 0.01 <= float(word) <= 1024:
        raise ValueError(f"{cited(word[:40])} is not a number of cores such as 0.5 or 2")
    return float(word)


def rate(word: str) -> float:
    """Return requests per second, above 0 and at most 100000."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", word) or not 0 < float(word) <= 100_000:
        raise ValueError(f"{cited(word[:40])} is not a rate: above 0, at most 100000 requests per second")
    return float(word)


def objective(word: str) -> tuple[float, float]:
    """Return an objective such as 250ms or 250ms,99% as (seconds, share of requests); 95% when not said."""
    duration, comma, percent = word.partition(",")
    if comma and not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?%?", percent):
        raise ValueError(f"{cited(word[:40])} is not an objective such as 250ms or 250ms,99%")
    right = f"{duration[:8]}ms" if duration.isdecimal() else duration
    if comma and not percent.endswith("%"):
        raise Meant(f"{cited(word[:40])} is not an objective: its share has no %", f"{right},{percent}%")
    if right != duration:
        told = f"{cited(word[:40])} is not an objective: its time has no unit such as ms or s"
        raise Meant(told, f"{right}{comma}{percent}")
    limit_s, share = seconds(duration), float(percent[:-1]) / 100 if comma else 0.95
    if not 0.001 <= limit_s <= 600 or not 0.5 <= share < 1:
        raise ValueError(f"{cited(word[:40])}: an objective is 1ms to 10m, for 50% to 99.99% of the requests")
    return limit_s, share


def objective_word(limit_s: float, share: float) -> str:
    """Return an objective as it is typed."""
    return f"{duration_word(limit_s)},{100 * share:g}%"


def duration_word(duration_s: float) -> str:
    """Return a duration as it is typed."""
    milliseconds = round(1000 * duration_s, 3)
    return f"{milliseconds:.12g}ms" if milliseconds % 1000 else f"{milliseconds // 1000:.0f}s"


def ramp(word: str) -> tuple[float, float]:
    """Return the first and the last rate of a ramp such as 10:200, in requests per second."""
    first, colon, last = word.partition(":")
    if not colon:
        raise ValueError(f"{cited(word[:40])} is not a ramp such as 10:200")
    return rate(first), rate(last)
