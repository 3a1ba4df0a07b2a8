"""The commands that change which workers there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from manager.api.amounts import scale_changes
from manager.api.arguments import Arguments
from manager.api.documents import document, sentences
from manager.server import Call
from manager.service.changes import Changes, Edit, Made, Wish
from manager.service.dispatch import Answer
from manager.service.intake import Intake, offered_files
from manager.service.targets import resolve_target
from manager.service.waiting import until_settled
from manager.state import wishes
from manager.state.model import AppSpec
from manager.state.phase import ended_slots
from manager.state.specs import new_app


@dataclass(slots=True)
class AppVerbs:
    """The commands that change which workers there are."""

    changes: Changes
    intake: Intake
    tcp_ports: range

    def run(self, call: Call, arguments: Arguments) -> Answer:
        files = offered_files(call.request)
        template = self.intake.template(arguments, files, call.progress)
        held, now = self.changes.held(), self.changes.clock()

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            return Wish((new_app(specs, arguments, template, self.tcp_ports, now, held),))

        return self.change(call, arguments, edit)

    def scale(self, call: Call, arguments: Arguments) -> Answer:
        wanted = scale_changes(arguments.texts("change"))

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            manual = arguments.flag("manual")
            changeable = [wishes.changeable(specs, change.app) for change in wanted]
            scaled = [wishes.scaled(*pair, manual=manual) for pair in zip(changeable, wanted, strict=True)]
            notes = map(wishes.started_again, changeable, scaled)
            return Wish(tuple(scaled), sentences(*notes))

        return self.change(call, arguments, edit)

    def stop(self, call: Call, arguments: Arguments) -> Answer:
        stopped = partial(wishes.stopped, now=self._hurry(arguments))
        note = partial(_stop_note, wants="would want" if arguments.flag("dry_run") else "now wants")
        return self.change(call, arguments, self._each(arguments, stopped, note))

    def start(self, call: Call, arguments: Arguments) -> Answer:
        now = self._hurry(arguments)

        def one(spec: AppSpec, slot: int | None) -> AppSpec:
            picture = self.changes.reconciler.picture()
            ended = ended_slots(picture.world, spec) if picture else ()
            return wishes.started(spec, slot, ended=ended, now=now)

        return self.change(call, arguments, self._each(arguments, one, _start_note))

    def restart(self, call: Call, arguments: Arguments) -> Answer:
        restarted = partial(wishes.restarted, now=self._hurry(arguments))
        return self.change(call, arguments, self._each(arguments, restarted))

    def rm(self, call: Call, arguments: Arguments) -> Answer:
        now = self._hurry(arguments)
        names = dict.fromkeys(arguments.texts("app"))

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            return Wish(tuple(wishes.removed(wishes.find(specs, name), now=now) for name in names))

        return self.change(call, arguments, edit)

    def _hurry(self, arguments: Arguments) -> float | None:
        """Return the time of a command that says --now, None of one that does not."""
        return self.changes.clock() if arguments.flag("now") else None

    def _each(
        self,
        arguments: Arguments,
        one: Callable[[AppSpec, int | None], AppSpec],
        note: Callable[[AppSpec, Sequence[str]], str] = lambda spec, workers: "",
    ) -> Edit:
        """Return the edit that applies `one` to each target once, several of one app in turn.

        note: what is said of an app at the end, given its workers that were named, none where it was itself.
        """

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            edited: dict[str, AppSpec] = {}
            workers: dict[str, list[str]] = {}
            named = dict.fromkeys(map(self._resolve, arguments.texts("target")))
            for name, slot in named:
                if slot is not None and (name, None) in named:
                    continue  # it is one of the app's
                spec = edited.get(name) or wishes.changeable(specs, name)
                edited[name] = one(spec, slot)
                workers.setdefault(name, []).extend([] if slot is None else [f"{name}.{slot}"])
            notes = (note(spec, workers[name]) for name, spec in edited.items())
            return Wish(tuple(edited.values()), sentences(*notes))

        return edit

    def _resolve(self, word: str) -> tuple[str, int | None]:
        """Return the app and slot that a target means; it may be a container's id prefix."""
        picture = self.changes.reconciler.picture()
        return resolve_target(word, picture.world if picture else None)

    def change(self, call: Call, arguments: Arguments, edit: Edit) -> Answer:
        """Store what the edit makes and wait until it is so; or tell the plan, when only that is asked."""
        if arguments.flag("dry_run"):
            steps, wish = self.changes.foresee(edit)
            return document("Plan", {"steps": steps, "notes": _notes(wish)})
        made = self.changes.make(call, edit)
        message = until_settled(self.changes.reconciler, call, made, arguments)
        return document("Result", {"message": message, "notes": _notes(made)})


def _notes(told: Wish | Made) -> list[str]:
    return [told.note] if told.note else []


def _start_note(spec: AppSpec, workers: Sequence[str]) -> str:
    return "" if spec.want else f"{spec.name} wants no workers: scale {spec.name}=1"


def _stop_note(spec: AppSpec, workers: Sequence[str], wants: str) -> str:
    if not workers:
        return ""
    them = "it" if len(workers) == 1 else "them"
    return f"{spec.name} {wants} {spec.want}: start {' '.join(workers)} brings {them} back"
