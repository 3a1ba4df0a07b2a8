"""The commands that change what workers are made from, and go back: update, history, rollback, undo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from manager.api.arguments import Arguments
from manager.api.cite import cited
from manager.api.documents import listing, rfc3339, sentences
from manager.api.errors import AppNotFound, CloudError, Conflict
from manager.api.views import RevisionView
from manager.server import Call
from manager.service.apps import AppVerbs
from manager.service.changes import Wish, read_specs
from manager.service.dispatch import Answer
from manager.service.intake import offered_files
from manager.state import wishes
from manager.state.model import AppSpec, Order, Revision
from manager.state.options import changed_words, unusual_words
from manager.state.records import APPS, REVISIONS, UnreadableRecord, decode, readable, undo_key
from manager.state.specs import asked_spares, readdressed, reinstated
from manager.state.taken_back import taken_back, takes_back
from manager.state.templates import Template, bare


@dataclass(frozen=True, slots=True)
class RevisionVerbs:
    """What the revisions of apps are changed and shown with."""

    apps: AppVerbs

    def update(self, call: Call, arguments: Arguments) -> Answer:
        name = arguments.text("app") or ""
        files = offered_files(call.request)
        seen = wishes.changeable(self._specs(), name).template
        reset = arguments.flag("reset")
        base = bare(seen) if reset else seen
        template = self.apps.intake.template(arguments, files, call.progress, base)

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            spec = wishes.changeable(specs, name)
            _require_made_from(spec, seen)
            former = wishes.as_usual(spec) if reset else spec
            moved = readdressed(specs, former, arguments, template, self.apps.tcp_ports)
            moved = wishes.with_spares(moved, asked_spares(arguments))
            if moved == replace(spec, spares=moved.spares, autoscale=moved.autoscale):
                return _goes_on(spec, moved, arguments)  # no worker is made from anything else
            order, parallel = _pace(arguments)
            made = wishes.updated(moved, template, former=spec, order=order, parallel=parallel)
            return Wish((made,), sentences(_left_to_hand(spec, made), _stays_stopped(made)))

        return self.apps.change(call, arguments, edit)

    def history(self, call: Call, arguments: Arguments) -> Answer:
        spec = wishes.find(self._specs(), arguments.text("app") or "")
        return listing("RevisionList", views(spec, self._revisions(spec.name).values()))

    def rollback(self, call: Call, arguments: Arguments) -> Answer:
        name, wanted = arguments.text("app") or "", arguments.whole("to")
        known = self._revisions(name)

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            spec = wishes.changeable(specs, name)
            former = _goal(spec, known, wanted)
            self.apps.intake.secrets.require(former.template.secrets)
            placed = _reached_as(spec, former)
            moved = readdressed(specs, placed, Arguments({}), former.template, self.apps.tcp_ports)
            again = wishes.updated(moved, former.template, former=spec)
            goes_back = f"{name} goes back to revision {former.number}"
            return Wish((again,), sentences(goes_back, _left_to_hand(spec, again), _stays_stopped(again)))

        return self.apps.change(call, arguments, edit)

    def undo(self, call: Call, arguments: Arguments) -> Answer:
        name = arguments.text("app") or ""

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            stored, now = self._former(specs, name), specs.get(name)
            if now is not None and now.removing:
                raise CloudError(f"{name} is still being removed", hint=f"wait {name} gone")
            former = wishes.proved(stored) if now is None else stored
            self.apps.intake.secrets.require(former.template.secrets)
            self._require_reached(specs, former)
            again = reinstated(specs, former, self.apps.tcp_ports, self.apps.changes.held())
            made = self._revisions(name).get(now.revision) if now is not None else None
            change = made.change if made is not None else "update"
            if now is not None and now.revision < former.revision:
                change = "undo"  # of an update under way, which goes back to a revision of before
            _require_something(former, now)
            told = taken_back(former, now, change, dry_run=arguments.flag("dry_run"))
            left = f"{name} is as before its update" if former != stored else ""
            return Wish((wishes.undone(now, again),), sentences(told, left))

        return self.apps.change(call, arguments, edit)

    def _former(self, specs: Mapping[str, AppSpec], name: str) -> AppSpec:
        """Return the app as it was before its last change; raises CloudError when that is not known."""
        entry = self.apps.changes.store.read(undo_key(name)).entries.get(undo_key(name))
        if entry is None:
            wishes.find(specs, name)
            raise CloudError(
                f"nothing was changed of {name} that could be taken back", hint=f"history {name}", word=name
            )
        try:
            return _without_failed(decode(AppSpec, entry.value), specs.get(name))
        except UnreadableRecord as error:
            raise CloudError(
                f"the record of what {name} was before cannot be read", hint=f"history {name}"
            ) from error

    def _require_reached(self, specs: Mapping[str, AppSpec], former: AppSpec) -> None:
        """Raise AppNotFound for an app that it reached, and that an undo would bring back."""
        gone = [name for name in former.template.reach if name not in specs]
        kept = self.apps.changes.store.read(*map(undo_key, gone)).entries if gone else {}
        for name in gone:
            if undo_key(name) in kept:
                told = f"no app is named {cited(name)}, which {former.name} reaches: it was removed"
                raise AppNotFound(told, hint=f"undo {name}", word=former.name)

    def _specs(self) -> dict[str, AppSpec]:
        return read_specs(self.apps.changes.store.read(APPS))

    def _revisions(self, name: str) -> dict[int, Revision]:
        """Return the app's history, oldest first; what cannot be read is left out."""
        entries = self.apps.changes.store.read(f"{REVISIONS}{name}/").entries.values()
        found = (readable(Revision, entry.value) for entry in entries)
        return {revision.number: revision for revision in found if revision is not None}


def _without_failed(former: AppSpec, now: AppSpec | None) -> AppSpec:
    """Return what an app was before, without an update of then once that or a later one was taken back."""
    rollback = now.rolled_back if now is not None else None
    if now is None or rollback is None or former.revision not in now.failed:
        return former
    return replace(wishes.proved(former), hurry=None, rolled_back=rollback)


def _require_something(former: AppSpec, now: AppSpec | None) -> None:
    """Raise CloudError where the last change was an update that took itself back."""
    if now is not None and now.rolled_back is not None and not takes_back(former, now):
        raise CloudError(
            f"the last change of {now.name} was an update to revision {now.rolled_back.revision}, which was "
            "rolled back already: nothing is left to take back",
            hint=f"history {now.name}",
        )


def _pace(arguments: Arguments, order: Order = "start-first", parallel: int = 1) -> tuple[Order, int]:
    """Return in which order workers are replaced, and how many at a time; as given where nothing is asked."""
    match arguments.text("order"):
        case "start-first" | "stop-first" as asked:
            order = asked
    return order, arguments.whole("parallel") or parallel


def _goes_on(spec: AppSpec, moved: AppSpec, arguments: Arguments) -> Wish:
    """Return the wish that an app gets other spares, and an update under way goes on as it is told now."""
    order, parallel = _pace(arguments, spec.order, spec.parallel)
    made = replace(moved, order=order, parallel=parallel) if spec.is_updating else moved
    if made == spec:
        return Wish((spec,), f"that is what {spec.name} runs already: nothing was changed")
    return Wish((made,), aside=moved == spec)


def _left_to_hand(spec: AppSpec, made: AppSpec) -> str:
    ended = spec.autoscale is not None and made.autoscale is None
    return f"{made.name} has no port now, and is scaled by hand" if ended else ""


def _stays_stopped(spec: AppSpec) -> str:
    return f"{spec.name} is stopped: start {spec.name}" if spec.stopped else ""


def _reached_as(spec: AppSpec, past: Revision) -> AppSpec:
    """Return the spec with the hosts and paths of a revision, its own where no record has kept them."""
    return replace(spec, hosts=past.hosts or spec.hosts, paths=past.paths or spec.paths)


def _require_made_from(spec: AppSpec, seen: Template) -> None:
    """Raise Conflict when the template was changed while the files of this command were taken in."""
    if spec.template != seen:
        raise Conflict(
            f"{spec.name} is made from something else by now; nothing was changed",
            hint=f"history {spec.name}    (and then the same again)",
        )


def _goal(spec: AppSpec, known: Mapping[int, Revision], wanted: int | None) -> Revision:
    """Return the revision that a rollback goes back to; raises CloudError where it cannot."""
    name, number = spec.name, earlier(spec, known) if wanted is None else wanted
    if number is None:
        raise CloudError(
            f"{name} has no earlier revision that worked and differs", hint=f"history {name}", word=name
        )
    if number == spec.revision:
        raise CloudError(f"{name} is of revision {number} already", hint=f"restart {name}", word=name)
    if number not in known:
        raise CloudError(
            f"{name} has no revision {number}: those that are kept are {ranges(known)}",
            hint=f"history {name}",
            word=str(number),
        )
    return known[number]


def earlier(spec: AppSpec, known: Mapping[int, Revision]) -> int | None:
    """Return the newest revision before the one that runs that did not fail, and is not the same as that.

    Who undoes a removal, or goes back, gets a revision that has its like in the history.
    """
    worked = (past for number, past in known.items() if number < spec.revision and number not in spec.failed)
    return max((past.number for past in worked if not _is_same(spec, past)), default=None)


def _is_same(spec: AppSpec, past: Revision) -> bool:
    """Return whether a revision has what the app has now."""
    return past.template == spec.template and _reached_as(spec, past) == spec


def ranges(numbers: Iterable[int]) -> str:
    """Return whole numbers in words, such as `1, 3-5`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def views(spec: AppSpec, revisions: Iterable[Revision]) -> Iterator[RevisionView]:
    """Return the revisions' lines; what each changed is told against the last before it that did not fail."""
    before: Revision | None = None
    for revision in revisions:
        yield view(spec, revision, before)
        if revision.number not in spec.failed:
            before = revision


def view(spec: AppSpec, revision: Revision, before: Revision | None) -> RevisionView:
    """Return a revision's line; one whose update was taken back stays `failed`, or `overtaken`.

    before: what it is told against, None where there is nothing.
    """
    states = dict.fromkeys(spec.failed, "failed") | dict.fromkeys(spec.overtaken, "overtaken")
    states |= {spec.revision: "updating" if spec.is_updating else "current"}
    return RevisionView(
        app=spec.name,
        revision=revision.number,
        state=states.get(revision.number, "former"),
        created_at=rfc3339(revision.at),
        change=revision.change,
        image=revision.template.image,
        command=list(revision.template.command),
        options=unusual_words(spec.name, revision),
        changed=changed_words(spec.name, before, revision) if before else "",
    )
