"""What `rollback` goes back to, and what `history` calls the revisions."""

from __future__ import annotations

from manager.service.revisions import earlier, view
from manager.state import wishes
from manager.state.model import AppSpec, Revision
from tests.simulation.worlds import NOW, TEMPLATE, an_app


def after_a_failure_and_a_success() -> AppSpec:
    """Return an app that runs in revision 3, after 2 failed and 1 was taken up again."""
    failed = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "web.1 failed", NOW)
    return wishes.updated(failed, TEMPLATE)


def history(last: int) -> dict[int, Revision]:
    return {number: Revision(number, NOW, "update", TEMPLATE) for number in range(1, last + 1)}


def test_a_rollback_never_chooses_a_revision_that_failed() -> None:
    assert earlier(after_a_failure_and_a_success(), history(3)) == 1


def test_there_is_nothing_before_the_first_revision() -> None:
    assert earlier(an_app(), history(1)) is None


def test_a_revision_that_failed_is_called_so_for_good() -> None:
    spec = after_a_failure_and_a_success()

    states = [view(spec, revision).state for revision in history(3).values()]

    assert states == ["former", "failed", "updating"]


def test_an_undo_forgets_no_failure() -> None:
    spec = after_a_failure_and_a_success()

    assert wishes.undone(spec, an_app()).failed == {2}
    assert wishes.undone(wishes.rolled_back(spec, "web.1 failed", NOW), an_app()).failed == {2, 3}
