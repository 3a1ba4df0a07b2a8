"""The stream of the live view: what it asks for, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.status import HostView
from manager.loop.reconcile import Picture, Reconciler
from manager.server import Call
from manager.service.dispatch import Answer
from manager.service.watching import Watching
from manager.state.model import Autoscale, ScalingTarget
from tests.simulation.worlds import NOW, an_app, serving


@pytest.mark.parametrize("decided", [False, True])
def test_a_look_explains_what_was_decided_and_waits_for_no_first_decision(decided: bool) -> None:
    spec = replace(an_app(), autoscale=Autoscale(1, 3))
    targets = {"web": ScalingTarget(2, 1, NOW, "60 req/s")} if decided else {}
    picture = Picture(replace(serving([spec], []), targets=targets), 1, converged=True)
    asked: list[str] = []
    sent: list[dict[str, Answer]] = []

    def verb(name: str, call: Call, arguments: Arguments) -> Answer:
        asked.append(name)
        return {}

    watching = Watching(
        cast(Reconciler, SimpleNamespace(picture=lambda: picture)),
        {name: partial(verb, name) for name in ("apps", "ps", "events", "status", "explain")},
        lambda: HostView(2, 1 << 30, None, None),
    )
    call = cast(Call, SimpleNamespace(emit=lambda kind, documents: sent.append(documents)))

    watching.watch(call, Arguments({"once": True}))

    assert ("explain" in asked) == decided
    assert ("explain web" in sent[0]) == decided
