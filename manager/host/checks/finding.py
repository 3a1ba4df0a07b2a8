"""What a check found: a line for people, and perhaps a way to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from manager.api.places import Places
from manager.api.views import CheckView
from manager.host.telling import pasteable

Mend = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` makes it well and returns a sentence on what was done; None where a person must decide.

    It may raise CloudError.
    """

    view: CheckView
    mend: Mend | None = None

    def for_cloud(self, places: Places) -> Finding:
        """Return a finding of the machine as this cloud's, ready to paste."""
        return replace(self, view=replace(self.view, fix=pasteable(self.view.fix, places)))


def ok(name: str, fact: str) -> Finding:
    return Finding(CheckView(name, "ok", fact, ""))


def warn(name: str, fact: str, fix: str, mend: Mend | None = None) -> Finding:
    """Return a finding that the cloud works with, but not as well as it could."""
    return Finding(CheckView(name, "warn", fact, fix), mend)


def fail(name: str, fact: str, fix: str, mend: Mend | None = None) -> Finding:
    return Finding(CheckView(name, "FAIL", fact, fix), mend)
