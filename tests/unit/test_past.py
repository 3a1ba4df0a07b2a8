"""What apps were before is known without a question for each key."""

from __future__ import annotations

from collections.abc import Mapping

from manager.api.errors import AppNotFound, ManagerUnreachable
from shell.prompt.named import Named
from shell.prompt.past import Histories, decisions_of

HISTORY = {
    "items": [
        {"revision": 1, "state": "former", "change": "run", "changed": ""},
        {"revision": 2, "state": "former", "change": "update", "changed": "-e GREETING=hi"},
        {"revision": 3, "state": "former", "change": "update", "changed": "--image tools, /app/other.py"},
        {"revision": 4, "state": "current", "change": "undo", "changed": "--image base"},
    ]
}


class Manager:
    """A manager that tells histories, and counts how often."""

    def __init__(self, *gone: str) -> None:
        self.asked: list[str] = []
        self.gone = gone
        self.away = False

    def ask(self, method: str, params: Mapping[str, object]) -> Mapping[str, object]:
        assert method == "history"
        app = str(params["app"])
        self.asked.append(app)
        if self.away:
            raise ManagerUnreachable("the manager is away")
        if app in self.gone:
            raise AppNotFound(f'no app is named "{app}"')
        return HISTORY


def apps(**revisions: int) -> list[Mapping[str, object]]:
    return [{"name": name, "revision": revision} for name, revision in revisions.items()]


def decision(number: int, action: str = "hold") -> Mapping[str, object]:
    return {"id": number, "action": action, "reason": "60 req/s"}


def test_revisions_are_told_with_what_they_brought_and_without_the_current_one() -> None:
    assert Histories(Manager().ask).take(apps(web=4)) == {
        "web": (
            Named("3", "update --image tools, /app/other.py"),
            Named("2", "update -e GREETING=hi"),
            Named("1", "run"),
        )
    }


def test_a_history_is_asked_for_once_for_each_new_revision() -> None:
    manager = Manager()
    histories = Histories(manager.ask)

    for revision in (4, 4, 4, 5, 5):
        assert histories.take(apps(web=revision)).keys() == {"web"}

    assert manager.asked == ["web", "web"]


def test_an_app_that_was_always_as_it_is_has_no_history_to_ask_for() -> None:
    manager = Manager()

    assert Histories(manager.ask).take(apps(web=1, api=1)) == {}
    assert manager.asked == []


def test_of_many_histories_a_few_are_asked_for_at_a_time() -> None:
    manager, many = Manager(), apps(**{f"app{number}": 2 for number in range(20)})
    histories = Histories(manager.ask)

    assert len(histories.take(many)) == 8
    assert len(histories.take(many)) == 16
    assert len(histories.take(many)) == 20
    assert len(manager.asked) == 20


def test_an_app_that_is_gone_is_forgotten_and_a_history_that_nobody_tells_is_left_out() -> None:
    manager = Manager("api")
    histories = Histories(manager.ask)
    histories.take(apps(web=4))

    assert histories.take(apps(api=2)) == {}


def test_a_history_that_is_refused_keeps_no_other_from_being_told() -> None:
    manager = Manager("api")
    histories = Histories(manager.ask)

    assert histories.take(apps(api=2, web=4)).keys() == {"web"}
    histories.take(apps(api=2, web=4))
    assert manager.asked == ["api", "web"]


def test_a_manager_that_is_away_is_asked_again_and_once_at_a_time() -> None:
    manager = Manager()
    histories = Histories(manager.ask)
    manager.away = True
    assert histories.take(apps(api=2, web=4)) == {}
    assert manager.asked == ["api"]

    manager.away = False
    assert histories.take(apps(api=2, web=4)).keys() == {"api", "web"}


def test_decisions_are_told_with_what_they_did() -> None:
    kept = [decision(4), decision(2, "up")]

    past = decisions_of({"explain web": {"id": 4, "kept": kept}, "apps": {}})

    assert past == {"web": (Named("4", "hold: 60 req/s"), Named("2", "up: 60 req/s"))}
