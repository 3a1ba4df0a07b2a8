"""What `rollback` goes back to, what `history` calls the revisions, and what an update begins from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import pytest

from manager.api.arguments import Arguments
from manager.api.errors import AppNotFound, CloudError, Conflict, RouteTaken
from manager.api.values import Value
from manager.server import Call
from manager.service.apps import AppVerbs
from manager.service.changes import Changes, Edit, read_specs
from manager.service.dispatch import Answer
from manager.service.intake import Intake
from manager.service.revisions import RevisionVerbs, earlier, view, views
from manager.state import wishes
from manager.state.model import AppSpec, Autoscale, Order, Past, Revision
from manager.state.records import APPS, app_key, encode, revision_key, undo_key
from manager.state.specs import Held
from manager.state.templates import Template
from tests.fakes.store import FakeStore
from tests.simulation.worlds import NOW, TEMPLATE, an_app

MORE_MEMORY = replace(TEMPLATE, memory_bytes=2**30)
CALL = cast(Call, SimpleNamespace(request=SimpleNamespace(params={}, files=()), progress=str))


@dataclass(slots=True)
class Apps:
    """Takes an update in, while another command makes `meanwhile` of the app; knows what it would store."""

    store: FakeStore
    meanwhile: AppSpec
    tcp_ports: range = range(9000, 9004)
    made: AppSpec | None = None
    note: str = ""
    aside: bool = False

    @property
    def changes(self) -> Changes:
        return cast(Changes, SimpleNamespace(store=self.store, held=Held))

    @property
    def intake(self) -> Intake:
        return cast(Intake, SimpleNamespace(template=self._template, secrets=SimpleNamespace(require=list)))

    def _template(self, arguments: Arguments, files: object, told: object, base: Template) -> Template:
        self.store.write({app_key("web"): encode(self.meanwhile)})
        return replace(base, memory_bytes=MORE_MEMORY.memory_bytes)

    def change(self, call: Call, arguments: Arguments, edit: Edit) -> Answer | None:
        wish = edit(read_specs(self.store.read(APPS)))
        (self.made,), self.note, self.aside = wish.specs, wish.note, wish.aside
        return None


def updated_while(meanwhile: AppSpec, before: AppSpec | None = None) -> AppSpec | None:
    """Return what an update to MORE_MEMORY makes of an app that becomes `meanwhile` at the same time."""
    store = FakeStore(lambda: NOW)
    store.write({app_key("web"): encode(before or an_app())})
    apps = Apps(store, meanwhile)
    RevisionVerbs(cast(AppVerbs, apps)).update(CALL, Arguments({"app": "web"}))
    return apps.made


@pytest.mark.parametrize(
    ("before", "given", "order", "parallel"),
    [
        (wishes.updated(an_app(), MORE_MEMORY), {"order": "stop-first"}, "stop-first", 1),
        (wishes.updated(an_app(), MORE_MEMORY, order="stop-first"), {"parallel": 2}, "stop-first", 2),
        (wishes.updated(an_app(), MORE_MEMORY, order="stop-first"), {}, "stop-first", 1),
        (replace(an_app(), template=MORE_MEMORY), {"order": "stop-first"}, "start-first", 1),
    ],
)
def test_an_update_under_way_goes_on_in_the_order_it_is_told_and_stays_one_change(
    before: AppSpec, given: Mapping[str, Value], order: Order, parallel: int
) -> None:
    store = FakeStore(lambda: NOW)
    store.write({app_key("web"): encode(before)})
    apps = Apps(store, before)

    RevisionVerbs(cast(AppVerbs, apps)).update(CALL, Arguments({"app": "web", **given}))

    assert apps.made == replace(before, order=order, parallel=parallel)
    assert apps.aside is (apps.made != before)


def test_an_update_under_way_may_get_another_order_and_spares_at_once() -> None:
    before = wishes.updated(an_app(), MORE_MEMORY)
    store = FakeStore(lambda: NOW)
    store.write({app_key("web"): encode(before)})
    apps = Apps(store, before)

    arguments = Arguments({"app": "web", "order": "stop-first", "spares": 2})
    RevisionVerbs(cast(AppVerbs, apps)).update(CALL, arguments)

    assert apps.made is not None
    assert (apps.made.order, apps.made.spares, apps.aside) == ("stop-first", 2, False)


def after_a_failure_and_a_success() -> AppSpec:
    """Return an app that runs in revision 3, after 2 failed and 1 was taken up again."""
    failed = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "web.1 failed", NOW)
    return wishes.updated(failed, TEMPLATE)


def history(last: int) -> dict[int, Revision]:
    """Return so many revisions, none with the memory of another."""
    templates = {number: replace(TEMPLATE, memory_bytes=number * 2**20) for number in range(1, last + 1)}
    return {number: Revision(number, NOW, "update", template) for number, template in templates.items()}


def test_a_rollback_never_chooses_a_revision_that_failed() -> None:
    assert earlier(after_a_failure_and_a_success(), history(3)) == 1


def test_a_rollback_never_chooses_a_revision_that_was_overtaken_before_it_had_got_ready() -> None:
    overtaken = wishes.updated(wishes.updated(an_app(), TEMPLATE), TEMPLATE)

    assert earlier(replace(overtaken, fallback=None), history(3)) == 1


def test_history_tells_a_revision_that_another_command_came_before_from_one_that_failed() -> None:
    failed = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "web.1 failed", NOW)
    overtaken = wishes.updated(wishes.updated(failed, TEMPLATE), TEMPLATE)
    undone = wishes.undone(wishes.updated(an_app(), TEMPLATE), an_app())

    assert [seen.state for seen in views(overtaken, history(4).values())] == [
        "former",
        "failed",
        "overtaken",
        "updating",
    ]
    assert [seen.state for seen in views(undone, history(2).values())] == ["current", "overtaken"]


def test_an_undo_of_an_update_under_way_keeps_the_workers_it_began_from_and_marks_it_as_not_ready() -> None:
    under_way = wishes.updated(an_app(), TEMPLATE)

    again = wishes.undone(under_way, an_app())

    assert again == replace(an_app(), newest=2, failed=frozenset({2}), overtaken=frozenset({2}))
    assert wishes.updated(again, TEMPLATE).revision == 3


def test_a_rollback_never_chooses_a_revision_that_an_undo_took_back_though_it_had_never_run() -> None:
    """None was wanted: such an update waits for the first that is."""
    stopped = replace(an_app(), stopped=True)

    again = wishes.undone(wishes.updated(stopped, MORE_MEMORY), stopped)

    assert earlier(wishes.updated(again, TEMPLATE), history(3)) == 1


def test_an_undo_of_an_undo_makes_the_update_again_though_one_before_had_been_rolled_back() -> None:
    before = wishes.rolled_back(wishes.updated(an_app(), TEMPLATE), "web.1 failed", NOW)
    under_way = wishes.updated(before, MORE_MEMORY)

    again = undone(under_way, wishes.undone(under_way, before))

    assert again is not None
    assert (again.revision, again.template, again.failed) == (4, MORE_MEMORY, frozenset({2, 3}))


def test_an_undo_of_an_update_that_had_overtaken_another_falls_back_to_what_both_began_from() -> None:
    overtaken = wishes.updated(an_app(), MORE_MEMORY)

    again = wishes.undone(wishes.updated(overtaken, TEMPLATE), overtaken)

    assert (again.revision, again.template, again.fallback) == (4, MORE_MEMORY, overtaken.fallback)
    assert again.failed == frozenset({2, 3})


def test_an_undo_of_a_start_takes_no_proof_from_a_revision_that_got_ready_since() -> None:
    unproved = wishes.updated(replace(an_app(), stopped=True), MORE_MEMORY)
    ready = replace(unproved, stopped=False, fallback=None)

    again = undone(unproved, ready)

    assert again is not None
    assert (again.stopped, again.revision, again.fallback) == (True, 2, None)


def test_an_undo_calls_no_revision_failed_that_worked() -> None:
    former = wishes.updated(an_app(), TEMPLATE)
    ready = replace(wishes.updated(former, TEMPLATE), fallback=None)

    again = wishes.undone(ready, former)

    assert (again.fallback, again.failed) == (Past.of(ready), frozenset({2}))


def test_history_tells_a_change_against_the_last_revision_that_did_not_fail() -> None:
    more, false = replace(TEMPLATE, memory_bytes=2**30), replace(TEMPLATE, command=("false",))
    spec = wishes.updated(wishes.rolled_back(wishes.updated(an_app(), false), "web.1 failed", NOW), more)
    made = [Revision(n, NOW, "update", template) for n, template in enumerate((TEMPLATE, false, more), 1)]

    assert [seen.changed for seen in views(spec, made)] == ["", "false", "--memory 1G"]


def rolled_back_to(number: int | None) -> None:
    """Go back to a revision of an app that is of revision 60, of which the last few are known, and 4."""
    store, spec = FakeStore(lambda: NOW), replace(an_app(), revision=60)
    store.write({app_key("web"): encode(spec)})
    store.write(
        {revision_key("web", n): encode(Revision(n, NOW, "update", TEMPLATE)) for n in (4, 58, 59, 60)}
    )
    verbs = RevisionVerbs(cast(AppVerbs, Apps(store, spec)))
    verbs.rollback(cast(Call, None), Arguments({"app": "web"} | ({} if number is None else {"to": number})))


def test_a_rollback_to_a_revision_that_is_not_kept_tells_which_are() -> None:
    with pytest.raises(CloudError, match="has no revision 5: those that are kept are 4, 58-60"):
        rolled_back_to(5)


def test_a_rollback_to_the_revision_that_runs_says_so() -> None:
    with pytest.raises(CloudError, match="web is of revision 60 already"):
        rolled_back_to(60)


def test_a_rollback_to_before_there_was_a_port_tells_that_the_app_is_scaled_by_hand_now() -> None:
    store = FakeStore(lambda: NOW)
    spec = replace(an_app(), revision=2, template=replace(TEMPLATE, port=8000), autoscale=Autoscale(1, 3))
    portless = Revision(1, NOW, "run", replace(TEMPLATE, port=None))
    store.write({app_key("web"): encode(spec), revision_key("web", 1): encode(portless)})
    apps = Apps(store, spec)

    RevisionVerbs(cast(AppVerbs, apps)).rollback(cast(Call, None), Arguments({"app": "web"}))

    assert apps.note == "web goes back to revision 1; web has no port now, and is scaled by hand"


HTTP = replace(TEMPLATE, port=8000)
OWN = Revision(1, NOW, "run", HTTP, ("web.localhost", "a.example"), ("/web", "/old"))
MOVED = Revision(2, NOW, "update", HTTP, ("web.localhost", "b.example"), ("/web",))


def rolled_back_from_two(first: Revision, *others: AppSpec) -> AppSpec | None:
    """Return what a rollback to the first revision makes of an app that has moved to b.example."""
    store = FakeStore(lambda: NOW)
    spec = replace(an_app(), revision=2, template=HTTP, hosts=MOVED.hosts, paths=MOVED.paths)
    store.write({app_key(each.name): encode(each) for each in (spec, *others)})
    store.write({revision_key("web", 1): encode(first)})
    apps = Apps(store, spec)
    RevisionVerbs(cast(AppVerbs, apps)).rollback(cast(Call, None), Arguments({"app": "web"}))
    return apps.made


def test_a_rollback_brings_back_the_hosts_and_paths_of_the_revision() -> None:
    made = rolled_back_from_two(OWN)

    assert made is not None
    assert (made.hosts, made.paths) == (OWN.hosts, OWN.paths)
    assert made.fallback is not None
    assert made.fallback.hosts == MOVED.hosts


def test_a_rollback_keeps_the_hosts_and_paths_where_none_are_recorded_of_the_revision() -> None:
    made = rolled_back_from_two(Revision(1, NOW, "run", replace(HTTP, cpus=0.5)))

    assert made is not None
    assert (made.hosts, made.paths) == (MOVED.hosts, MOVED.paths)


def test_a_rollback_is_refused_while_another_app_has_a_host_of_the_revision() -> None:
    with pytest.raises(RouteTaken, match=r"shop has the route a\.example already"):
        rolled_back_from_two(OWN, replace(an_app(), name="shop", hosts=("a.example",)))


def test_history_tells_of_the_hosts_and_paths_beside_those_that_any_app_has() -> None:
    spec = replace(an_app(), revision=2, template=HTTP)

    first, second = views(spec, (OWN, MOVED))

    assert first.options[-4:] == ["--host", "a.example", "--path", "/old"]
    assert second.options[-2:] == ["--host", "b.example"]
    assert second.changed == "--host b.example, without --host a.example, without --path /old"


def test_an_undo_of_what_cannot_be_read_says_so() -> None:
    store = FakeStore(lambda: NOW)
    store.write({app_key("web"): encode(an_app()), undo_key("web"): '{"v":2}'})

    with pytest.raises(CloudError, match="cannot be read"):
        RevisionVerbs(cast(AppVerbs, Apps(store, an_app()))).undo(cast(Call, None), Arguments({"app": "web"}))


def undone(former: AppSpec, now: AppSpec | None) -> AppSpec | None:
    """Return what an undo makes of an app as it is now; None: it was removed."""
    return undoing(former, now).made


def undoing(former: AppSpec, now: AppSpec | None) -> Apps:
    """Return what an undo of an app was given to; now: the app as it is, None when it was removed."""
    store = FakeStore(lambda: NOW)
    store.write({undo_key("web"): encode(former)} | ({app_key("web"): encode(now)} if now else {}))
    apps = Apps(store, now or former)
    RevisionVerbs(cast(AppVerbs, apps)).undo(cast(Call, None), Arguments({"app": "web"}))
    return apps


def test_an_app_that_was_removed_after_one_that_reached_it_is_to_be_brought_back_before_that() -> None:
    client = replace(an_app(), name="client", template=replace(TEMPLATE, reach=("web",)))
    store = FakeStore(lambda: NOW)
    store.write({undo_key("client"): encode(client), undo_key("web"): encode(an_app())})
    verbs = RevisionVerbs(cast(AppVerbs, Apps(store, client)))

    with pytest.raises(AppNotFound, match='no app is named "web", which client reaches') as refused:
        verbs.undo(cast(Call, None), Arguments({"app": "client"}))

    assert refused.value.hint == "undo web"


def test_an_undo_that_went_back_to_a_revision_of_before_is_taken_back_as_an_undo() -> None:
    under_way = wishes.updated(an_app(), MORE_MEMORY)

    again = undoing(under_way, wishes.undone(under_way, an_app()))

    assert again.note == "took back: undo web (revision 1)"
    assert again.made is not None
    assert (again.made.revision, again.made.template) == (3, MORE_MEMORY)


def test_an_update_that_was_rolled_back_leaves_nothing_to_take_back_and_the_undo_says_so() -> None:
    failed = wishes.rolled_back(wishes.updated(an_app(), MORE_MEMORY), "web.1 failed", NOW)

    with pytest.raises(CloudError, match="to revision 2, which was rolled back already"):
        undone(an_app(), failed)


def test_an_undo_of_a_scale_does_not_bring_back_an_update_that_failed_since() -> None:
    under_way = wishes.updated(an_app(want=2), MORE_MEMORY)
    failed = wishes.rolled_back(replace(under_way, want=5), "web.1 failed", NOW)

    made = undone(under_way, failed)

    assert made is not None
    assert (made.want, made.revision, made.template) == (2, 1, TEMPLATE)


def test_an_undo_deploys_no_update_that_was_overtaken_by_one_that_failed() -> None:
    under_way = wishes.updated(an_app(), replace(TEMPLATE, read_only=True))
    failed = wishes.rolled_back(wishes.updated(under_way, MORE_MEMORY), "web.1 failed", NOW)

    with pytest.raises(CloudError, match="to revision 3, which was rolled back already"):
        undone(under_way, failed)


def test_an_undo_blames_the_update_that_was_rolled_back_and_none_that_it_overtook() -> None:
    under_way = wishes.updated(an_app(want=2), replace(TEMPLATE, read_only=True))
    failed = wishes.rolled_back(wishes.updated(replace(under_way, want=5), MORE_MEMORY), "web.1 failed", NOW)

    made = undone(under_way, failed)

    assert made is not None
    assert (made.want, made.revision, made.rolled_back) == (2, 1, failed.rolled_back)


def test_a_removed_app_comes_back_as_it_was_before_an_update_that_had_not_proved_itself() -> None:
    made = undone(wishes.updated(an_app(), MORE_MEMORY), None)

    assert made is not None
    assert (made.template, made.revision, made.fallback) == (TEMPLATE, 3, None)


def test_a_rollback_of_what_an_undo_brought_back_passes_over_what_is_the_same() -> None:
    removed = replace(an_app(), template=history(2)[2].template, revision=2)

    again = wishes.undone(None, removed)

    assert earlier(again, history(2) | {3: Revision.of(again, NOW, "undo")}) == 1


def test_there_is_nothing_before_the_first_revision() -> None:
    assert earlier(an_app(), history(1)) is None


def test_a_revision_that_failed_is_called_so_for_good() -> None:
    spec = after_a_failure_and_a_success()

    states = [view(spec, revision, None).state for revision in history(3).values()]

    assert states == ["former", "failed", "updating"]


def test_an_update_takes_nothing_back_of_one_that_was_made_meanwhile() -> None:
    other = wishes.updated(an_app(), replace(TEMPLATE, read_only=True))

    with pytest.raises(Conflict, match="something else"):
        updated_while(other)


def test_an_update_goes_on_from_a_scale_that_was_made_meanwhile() -> None:
    made = updated_while(an_app(want=5))

    assert made is not None
    assert (made.want, made.template) == (5, MORE_MEMORY)


def test_an_update_to_what_runs_already_is_done_and_changes_nothing() -> None:
    spec = replace(an_app(), template=MORE_MEMORY)

    assert updated_while(spec, before=spec) == spec


def test_an_undo_forgets_no_failure() -> None:
    spec = after_a_failure_and_a_success()

    assert wishes.undone(spec, an_app()).failed == {2, 3}, "3 had not got ready"
    assert wishes.undone(wishes.rolled_back(spec, "web.1 failed", NOW), an_app()).failed == {2, 3}
