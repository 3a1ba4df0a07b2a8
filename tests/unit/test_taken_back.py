"""What an undo says that it takes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.amounts import ScaleChange
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale
from manager.state.taken_back import taken_back, takes_back
from tests.simulation.worlds import TEMPLATE, an_app

WEB = an_app()
AUTO = wishes.autoscaled(WEB, Autoscale(1, 6))
TOLD = wishes.autoscaled(WEB, Autoscale(1, 6, mode="recommend"))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (WEB, None, "rm web"),
        (WEB, wishes.scaled(WEB, ScaleChange("web", 5)), "scale web=5"),
        (WEB, wishes.stopped(WEB, None), "stop web"),
        (WEB, wishes.stopped(WEB, 1), "stop web.1"),
        (wishes.stopped(WEB, 1), WEB, "start web.1"),
        (wishes.stopped(WEB, None), WEB, "start web"),
        (wishes.stopped(WEB, None), wishes.started(wishes.stopped(WEB, None), 2), "start web.2"),
        (wishes.stopped(wishes.stopped(WEB, 1), None), WEB, "start web"),
        (WEB, wishes.updated(WEB, replace(TEMPLATE, read_only=True)), "update web (revision 2)"),
        (WEB, wishes.with_spares(WEB, 2), "update web --spares 2"),
        (WEB, AUTO, "autoscale web --max 6"),
        (AUTO, wishes.autoscaled(AUTO, Autoscale(2, 6, 0.1, 0.99)), "autoscale web --min 2 --slo 100ms,99%"),
        (AUTO, wishes.autoscaled(AUTO, None), "autoscale web off"),
        (AUTO, wishes.scaled(AUTO, ScaleChange("web", 5), manual=True), "scale web=5 --manual"),
        (AUTO, replace(AUTO, want=4), "nothing that is seen"),
        (TOLD, wishes.scaled(TOLD, ScaleChange("web", 5)), "scale web=5"),
    ],
)
def test_what_an_undo_takes_back_is_told_as_the_command_that_made_it(
    before: AppSpec, now: AppSpec | None, told: str
) -> None:
    assert taken_back(before, now, "update") == f"took back: {told}"


def test_a_dry_run_of_an_undo_tells_what_it_would_take_back() -> None:
    scaled = wishes.scaled(WEB, ScaleChange("web", 5))

    assert taken_back(WEB, scaled, "update", dry_run=True) == "would take back: scale web=5"


def test_workers_that_were_made_anew_are_never_said_to_be_taken_back() -> None:
    renewed = wishes.with_new_spares(wishes.restarted(replace(WEB, spares=2), 2))
    scaled = wishes.scaled(renewed, ScaleChange("web", 5))

    assert not takes_back(replace(WEB, spares=2), renewed)
    assert taken_back(replace(WEB, spares=2), scaled, "update") == "took back: scale web=5"


def test_a_revision_is_told_by_the_verb_that_made_it() -> None:
    assert taken_back(WEB, wishes.restarted(WEB, None), "restart") == "took back: restart web (revision 2)"
