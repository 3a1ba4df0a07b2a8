"""Every verb of the command table that the manager carries out has a function behind it."""

from __future__ import annotations

from unittest.mock import MagicMock

from manager.api.commands import COMMANDS
from manager.service.verbs import dispatcher


def test_the_manager_answers_exactly_the_verbs_that_the_table_gives_it() -> None:
    nothing_is_asked = MagicMock()

    answered = dispatcher(nothing_is_asked).verbs

    # the last are the shell's to carry out, with the manager's help
    assert set(answered) - {"exec", "cp", "export", "secret", "watch"} == {
        row.verb for row in COMMANDS if row.where == "manager"
    }
