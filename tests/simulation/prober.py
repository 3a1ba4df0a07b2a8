"""The prober without sockets: the same pauses, and a verdict of what the fakes say at that moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from manager.observe.verdicts import Target, Verdict

FIRST_S, PERIOD_S, AGAIN_S = 0.02, 0.4, 0.1


class FakeProber:
    """What manager.observe.health.Prober does, when `probe` is called.

    answers: whether the container of this id answers at this address.
    """

    def __init__(
        self, answers: Callable[[str, str], bool], changed: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._answers = answers
        self._changed = changed
        self._clock = clock
        self._targets: dict[str, Target] = {}
        self._due: dict[str, float] = {}
        self._verdicts: dict[str, Verdict] = {}

    @property
    def due_at(self) -> float | None:
        return min(self._due.values(), default=None)

    def watch(self, targets: Mapping[str, Target]) -> None:
        now = self._clock()
        self._targets = dict(targets)
        self._due = {name: self._due.get(name, now + FIRST_S) for name in targets}
        self._verdicts = {name: seen for name, seen in self._verdicts.items() if name in targets}

    def verdicts(self) -> Mapping[str, Verdict]:
        return dict(self._verdicts)

    def found(self, *, well: bool) -> frozenset[str]:
        """Return the containers whose last answer was good, or was not."""
        return frozenset(name for name, seen in self._verdicts.items() if seen.ok == well)

    def probe(self) -> None:
        """Everybody whose time has come is asked."""
        now = self._clock()
        for name in [name for name, due_at in self._due.items() if due_at <= now]:
            before = self._verdicts.get(name)
            ok = self._answers(name, self._targets[name].address)
            self._verdicts[name] = Verdict(ok, "GET / 200" if ok else "GET / no answer in 1 s", now, 0.01)
            self._due[name] = now + (PERIOD_S if ok else AGAIN_S)
            if before is None or before.ok != ok:
                self._changed()
