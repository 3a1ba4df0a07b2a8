"""What runs inside a worker, and what ps cannot print of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import EngineError
from manager.engine.contract import Engine
from manager.loop.reconcile import Reconciler
from manager.server import Call
from manager.service.inside import Inside
from tests.simulation.worlds import a_worker, an_app, serving


def refuse(name: str, options: Sequence[str]) -> None:
    raise EngineError(f"cannot list the processes of {name}: ps: error: {options}")


@pytest.mark.parametrize(
    ("options", "hint"), [(("-o", "json"), "top -o json web.1"), (("-o", "foo"), "top web.1")]
)
def test_a_format_of_ours_that_was_given_to_ps_is_hinted_at_where_it_belongs(
    options: tuple[str, ...], hint: str
) -> None:
    seen = SimpleNamespace(world=serving([an_app(want=1)], [a_worker(1)]))
    inside = Inside(
        cast(Engine, SimpleNamespace(processes=refuse)),
        cast(Reconciler, SimpleNamespace(seen=lambda: seen)),
    )

    with pytest.raises(EngineError, match=r"processes of web\.1: ") as refused:
        inside.top(cast(Call, None), Arguments({"target": "web", "ps_option": options}))

    assert refused.value.hint == hint
