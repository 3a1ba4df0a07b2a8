"""Each kind of failure: what the tree says of it holds for people, for programs and over the socket."""

from __future__ import annotations

import json
import re

import pytest

from manager.api import errors
from manager.api.errors import CloudError, error_of
from shell.text.complaint import as_json, explain

EXIT_CODES = {1, 2, 3, 4, 5, 6}
DRAWN = dict(re.findall(r"(\w+) +exit \d +([a-z-]+)", errors.__doc__ or ""))
CODES = dict(re.findall(r"(\w+) +exit (\d)", errors.__doc__ or ""))


def tree(root: type[CloudError] = CloudError) -> list[type[CloudError]]:
    """Return every class that the module of the errors defines."""
    below = [found for branch in root.__subclasses__() for found in tree(branch)]
    return [found for found in (root, *below) if found.__module__ == errors.__name__]


EACH = pytest.mark.parametrize("error", tree(), ids=lambda error: error.__name__)


def test_the_drawn_tree_has_every_class_and_no_other() -> None:
    assert set(DRAWN) == {error.__name__ for error in tree()}


@EACH
def test_kind_and_exit_code_are_those_of_the_drawn_tree(error: type[CloudError]) -> None:
    assert (error.kind, str(error.exit_code)) == (DRAWN[error.__name__], CODES[error.__name__])
    assert error.exit_code in EXIT_CODES


@EACH
def test_people_read_one_line_and_the_next_step(error: type[CloudError]) -> None:
    told = explain(error("web does not answer", hint="trace web"))

    assert told == "error: web does not answer\nhint:  trace web"


@EACH
def test_programs_read_kind_message_and_hint(error: type[CloudError]) -> None:
    told = json.loads(as_json(error("web does not answer", hint="trace web")))

    assert told == {"error": {"kind": error.kind, "message": "web does not answer", "hint": "trace web"}}


@EACH
def test_over_the_socket_it_ends_a_command_with_the_same_code(error: type[CloudError]) -> None:
    arrived = error_of(error.kind, "web does not answer", "trace web")

    assert (arrived.kind, arrived.exit_code) == (error.kind, error.exit_code)
    assert (arrived.message, arrived.hint) == ("web does not answer", "trace web")
