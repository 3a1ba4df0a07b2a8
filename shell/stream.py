"""What of a stream was printed already, for a stream that had to be asked for again.

Each log line and event carries its time. After a re-send the stream begins anew: all that is older than
the last printed of its worker, or is one of those of the same moment, was seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from manager.api.documents import unix_seconds

_Moment = tuple[str, str]


class Unrepeated:
    """Tells which items of a stream are new."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[_Moment, set[str]]] = {}
        self._mark: dict[str, tuple[_Moment, set[str]]] = {}

    def resent(self) -> None:
        """Note that the stream begins anew: what was printed until now comes again."""
        self._mark = {source: (moment, set(texts)) for source, (moment, texts) in self._last.items()}

    @property
    def told_to(self) -> float | None:
        """Return up to when (unix seconds) every source was heard that was heard at all; None for none."""
        seconds = [moment for (moment, _), _ in self._last.values() if moment]
        return unix_seconds(f"{min(seconds)}Z") if seconds else None

    def is_new(self, item: Mapping[str, object]) -> bool:
        """Tell whether an item was not printed before, and remember it."""
        match item:
            case {"kind": "LogLine", "worker": str(source), "time": str(time), "text": str(text)}:
                return self._is_new(source, _moment(time), text)
            case {"kind": "Event", "id": str(number), "at": str(time)}:
                return self._is_new("", _moment(time), number)
            case _:
                return True

    def _is_new(self, source: str, moment: _Moment, text: str) -> bool:
        mark, marked = self._mark.get(source, (("", ""), set()))
        if moment < mark or (moment == mark and text in marked):
            return False
        last, texts = self._last.get(source, (("", ""), set()))
        if moment > last:
            self._last[source] = (moment, {text})
        elif moment == last:
            texts.add(text)
        return True


def _moment(time: str) -> _Moment:
    """Return an RFC 3339 time in a form that orders, however many digits its seconds have."""
    seconds, _, fraction = time.rstrip("Z").partition(".")
    return seconds, fraction.ljust(9, "0")
