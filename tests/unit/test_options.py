"""A revision as the options of `run` that make it."""

from __future__ import annotations

from dataclasses import replace

from manager.api.values import BASE_IMAGE
from manager.state.model import Revision
from manager.state.options import unusual_words
from manager.state.templates import Template
from tests.simulation.worlds import NOW, TEMPLATE

PLAIN = Template(command=("serve",), image=BASE_IMAGE)


def options(template: Template, *routes: tuple[str, ...]) -> list[str]:
    return unusual_words("web", Revision(1, NOW, "run", template, *routes))


def test_a_revision_is_told_by_the_options_that_are_not_usual() -> None:
    greeting = replace(TEMPLATE, environment={"GREETING": "hi", "MARK": "2"}, read_only=True, cpus=0.5)

    assert options(PLAIN) == []
    assert options(replace(PLAIN, image="tools:1"), ("web.localhost",), ("/web",)) == []
    assert sorted(options(greeting)) == sorted(
        ["--port", "8000/http", "--env", "GREETING=hi", "--env", "MARK=2", "--cpus", "0.5", "--read-only"]
    )
