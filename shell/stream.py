"""What of a stream was printed already, for a stream that had to be asked for again.

After a re-send the stream begins anew. Events are told apart by their numbers, which grow also when the clock
was set back. Each log line carries its time: all that is older than the last printed of its worker, or is
one of those of the same moment, was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from manager.api.documents import unix_seconds
from shell.text.document import Document

_Place = tuple[str, str]  # in the order of the stream


class Unrepeated:
    """Tells which items of a stream are new; `clock` counts seconds, and nobody sets it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, tuple[_Place, set[str]]] = {}
        self._mark: dict[str, tuple[_Place, set[str]]] = {}
        self._heard: dict[str, tuple[str, float]] = {}

    def resent(self) -> None:
        """Note that the stream begins anew: what was printed until now comes again."""
        self._mark = {source: (place, set(texts)) for source, (place, texts) in self._last.items()}

    def unheard_s(self, now: float) -> float | None:
        """Return for how long some source may not have been heard, None where there is none yet.

        now: unix seconds. Counted by the time that a source's last item bears, so that what is on its way
        is in it, and by when that came, which holds also when the clock was set back.
        """
        gaps = (max(now - unix_seconds(said), self._clock() - at) for said, at in self._heard.values())
        return max(gaps, default=None)

    def is_new(self, item: Document) -> bool:
        """Tell whether an item was not printed before, and remember it."""
        match item:
            case {"kind": "LogLine", "worker": str(source), "time": str(moment), "text": str(text)}:
                seconds, _, fraction = moment.rstrip("Z").partition(".")
                self._heard[source] = f"{seconds}Z", self._clock()
                return self._is_new(source, (seconds, fraction.ljust(9, "0")), text)
            case {"kind": "Event", "id": str(number), "at": str(moment)}:
                self._heard[""] = moment, self._clock()
                return self._is_new("", (number, ""), "")
            case _:
                return True

    def _is_new(self, source: str, place: _Place, text: str) -> bool:
        mark, marked = self._mark.get(source, (("", ""), set()))
        if place < mark or (place == mark and text in marked):
            return False
        last, texts = self._last.get(source, (("", ""), set()))
        if place > last:
            self._last[source] = (place, {text})
        elif place == last:
            texts.add(text)
        return True
