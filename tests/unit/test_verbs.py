"""Every verb of the command table has a function behind it, in the manager or in the shell."""

from __future__ import annotations

import os
import socket
from inspect import signature
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from manager.api.arguments import Arguments
from manager.api.commands import COMMANDS
from manager.api.errors import AppNotFound, CloudError, UsageError
from manager.api.wire import Request
from manager.server import Call
from manager.service.dispatch import ID_LIMIT, Answer, Dispatcher
from manager.service.verbs import dispatcher
from shell.local import act_of


def test_the_manager_answers_exactly_the_verbs_that_the_table_gives_it() -> None:
    nothing_is_asked = MagicMock()

    answered = dispatcher(nothing_is_asked).verbs

    # the last are the shell's to carry out, with the manager's help
    assert set(answered) - {"exec", "cp", "export", "secret", "watch"} == {
        row.verb for row in COMMANDS if row.where == "manager"
    }


@pytest.mark.parametrize("verb", [row.verb for row in COMMANDS if row.where == "shell"])
def test_the_shell_has_a_function_for_each_verb_that_the_table_gives_it(verb: str) -> None:
    assert [*signature(act_of(verb)).parameters] == ["session", "row", "params"]


@pytest.mark.parametrize("verb", ["events", "describe"])
def test_who_asks_what_happened_waits_first_for_what_is_yet_to_be_written(verb: str) -> None:
    core = MagicMock()
    core.journal.settle.side_effect = TimeoutError("waits for the journal")

    with pytest.raises(TimeoutError, match="waits for the journal"):
        dispatcher(core).verbs[verb](MagicMock(), MagicMock())


def test_an_app_whose_record_cannot_be_read_is_not_said_to_be_missing() -> None:
    def inspect(call: Call, arguments: Arguments) -> Answer:
        raise AppNotFound('no app is named "web"', word=arguments.text("target") or "")

    answering = Dispatcher({"inspect": inspect}, unreadable=lambda: {"web"})
    ours, theirs = socket.socketpair()

    with ours, theirs:
        with pytest.raises(CloudError, match="the record of web cannot be read"):
            answering(Call(Request(1, "inspect", {"target": "web"}), ours))
        with pytest.raises(AppNotFound):
            answering(Call(Request(2, "inspect", {"target": "wbe"}), ours))


@pytest.mark.parametrize(
    "request_id", [5, "", ["5f"], "5" * (ID_LIMIT + 1), "\ud800", "5\n"], ids=lambda each: ascii(each)[:9]
)
def test_an_id_that_cannot_tell_a_request_when_it_comes_again_is_refused(request_id: object) -> None:
    answering = Dispatcher({"freeze": lambda call, arguments: {}})
    ours, theirs = socket.socketpair()

    with ours, theirs, pytest.raises(UsageError, match="id of a request"):
        answering(Call(Request(1, "freeze", {"request": request_id}), ours))


def test_a_file_that_is_not_open_for_what_is_asked_is_a_mistake_of_who_sent_it(tmp_path: Path) -> None:
    sent = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    answering = Dispatcher({"backup": lambda call, arguments: {"read": os.read(sent, 1).hex()}})
    ours, theirs = socket.socketpair()

    with ours, theirs, pytest.raises(UsageError, match="backup: a file that came with it is not open for"):
        answering(Call(Request(1, "backup", {"file": "x"}, (sent,)), ours))

    os.close(sent)
    assert not answering.last_error


def test_a_request_whose_form_alone_is_wrong_reaches_no_verb() -> None:
    update = MagicMock()
    ours, theirs = socket.socketpair()
    params = {"app": "web", "egress": True, "no_egress": True}

    with ours, theirs, pytest.raises(UsageError, match="contradict each other"):
        Dispatcher({"update": update})(Call(Request(1, "update", params), ours))

    update.assert_not_called()
