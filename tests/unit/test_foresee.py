"""What `--dry-run` says of a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manager.api.amounts import ScaleChange
from manager.plan.foresee import foreseen
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale
from tests.simulation.worlds import an_app

WEB = an_app()
SCALED = wishes.autoscaled(WEB, Autoscale(1, 4))
STOPPED = wishes.stopped(WEB, None)


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (None, WEB, ["make web", "start web.1, web.2"]),
        (None, replace(WEB, want=0), ["make web, without workers"]),
        (WEB, wishes.scaled(WEB, ScaleChange("web", 4)), ["start web.3, web.4"]),
        (WEB, wishes.scaled(WEB, ScaleChange("web", 1)), ["stop web.2"]),
        (WEB, wishes.updated(WEB, WEB.template), ["replace web.1, web.2 by revision 2, 1 at a time"]),
        (
            STOPPED,
            wishes.updated(STOPPED, WEB.template),
            ["keep revision 2 of web for its next start"],
        ),
        (WEB, wishes.restarted(WEB, 2), ["replace web.2"]),
        (WEB, wishes.stopped(WEB, None), ["stop web.1, web.2"]),
        (WEB, wishes.removed(WEB), ["stop web.1, web.2", "remove web"]),
        (WEB, wishes.with_spares(WEB, 2), ["keep 2 spares of web"]),
        (WEB, SCALED, ["web is scaled by itself from now on, 1 to 4 workers"]),
        (SCALED, WEB, ["web is scaled by hand from now on"]),
        (WEB, WEB, []),
        (
            wishes.updated(WEB, WEB.template),
            wishes.updated(WEB, WEB.template, order="stop-first", parallel=2),
            ["the update of web goes on stop-first, 2 at a time"],
        ),
    ],
)
def test_the_plan_tells_the_whole_way_to_what_is_asked_for(
    before: AppSpec | None, after: AppSpec, steps: list[str]
) -> None:
    assert list(foreseen(before, after)) == steps
