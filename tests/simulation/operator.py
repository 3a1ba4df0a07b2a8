"""The operator: gives commands one after the other, sends each again until it is answered, keeps count."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from manager.api.amounts import ScaleChange
from manager.api.arguments import Arguments
from manager.api.errors import CloudError, Conflict, StoreUnavailable
from manager.service.changes import Edit, Wish
from manager.state import wishes
from manager.state.model import AppSpec, Order
from manager.state.specs import Held, new_app
from manager.state.templates import Health, Template
from tests.simulation.edges import CRASHES, IMAGE
from tests.simulation.faults import Broken
from tests.simulation.judge import Judge
from tests.simulation.manager import SimulatedManager

NOW = 1_000_000.0
DRAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words, for people, and what it makes of the specs at which time.

    halts: the app it names may be without a server afterwards, as the operator wanted.  freezes: whether
    the cloud is frozen or thawed; None for a command that changes specs.
    """

    words: str
    app: str
    edit: Callable[[Mapping[str, AppSpec], float], Wish]
    halts: bool = False
    freezes: bool | None = None

    def at(self, now: float) -> Edit:
        return lambda specs: self.edit(specs, now)


def run(
    app: str, workers: int, *, port: int | None = 8000, crashes: bool = False, spares: int = 0
) -> Command:
    template = Template(
        command=CRASHES if crashes else ("serve",),
        image=IMAGE,
        port=port,
        health=Health("http" if port else "none"),
        drain_s=DRAIN_S,
        reach=(app,),
    )

    def edit(specs: Mapping[str, AppSpec], at: float) -> Wish:
        arguments = Arguments({"name": app, "workers": workers, "spares": spares})
        return Wish((new_app(specs, arguments, template, range(9000, 9004), NOW, Held()),))

    return Command(f"run -n {workers} --spares {spares} {app}", app, edit)


def _change(
    words: str, app: str, changed: Callable[[AppSpec, float], AppSpec], *, halts: bool = False
) -> Command:
    """Return the command that makes this of an app that may be changed."""
    return Command(
        words, app, lambda specs, at: Wish((changed(wishes.changeable(specs, app), at),)), halts=halts
    )


def scale(app: str, amount: int, *, relative: bool = False) -> Command:
    change, sign = ScaleChange(app, amount, relative), "+" if relative and amount >= 0 else ""
    return _change(f"scale {app} {sign}{amount}", app, lambda spec, at: wishes.scaled(spec, change))


def keep_spares(app: str, count: int) -> Command:
    return _change(f"update {app} --spares {count}", app, lambda spec, at: wishes.with_spares(spec, count))


def stop(app: str, slot: int | None = None, *, now: bool = False) -> Command:
    def stopped(spec: AppSpec, at: float) -> AppSpec:
        return wishes.stopped(spec, slot, now=at if now else None)

    return _change(f"stop {_target(app, slot)}{' --now' * now}", app, stopped, halts=True)


def start(app: str, slot: int | None = None) -> Command:
    return _change(f"start {_target(app, slot)}", app, lambda spec, at: wishes.started(spec, slot))


def restart(app: str, slot: int | None = None) -> Command:
    """Return `restart`: of an app one worker after the other, of a slot in its place (then it halts)."""
    words, halts = f"restart {_target(app, slot)}", slot is not None
    return _change(words, app, lambda spec, at: wishes.restarted(spec, slot), halts=halts)


def update(app: str, *, crashes: bool = False, order: Order = "start-first") -> Command:
    command = CRASHES if crashes else ("serve", "anew")

    def updated(spec: AppSpec, at: float) -> AppSpec:
        return wishes.updated(spec, replace(spec.template, command=command), order=order)

    return _change(f"update {app} --order {order}", app, updated, halts=order == "stop-first")


def remove(app: str, *, now: bool = False) -> Command:
    def edit(specs: Mapping[str, AppSpec], at: float) -> Wish:
        return Wish((wishes.removed(wishes.find(specs, app), now=at if now else None),))

    return Command(f"rm {app}{' --now' * now}", app, edit, halts=True)


def freeze(app: str | None = None) -> Command:
    """Return `freeze`, of an app or the whole cloud."""
    return Command(f"freeze {app or ''}".strip(), app or "", lambda specs, at: Wish(()), freezes=True)


def thaw(app: str | None = None) -> Command:
    return Command(f"thaw {app or ''}".strip(), app or "", lambda specs, at: Wish(()), freezes=False)


def _target(app: str, slot: int | None) -> str:
    return app if slot is None else f"{app}.{slot}"


@dataclass(slots=True)
class Operator:
    """What was asked for, what was acknowledged, and what therefore must stand in the store."""

    judge: Judge
    queue: deque[Command] = field(default_factory=deque)
    given: list[str] = field(default_factory=list)
    tries: int = 0
    _acknowledged: dict[str, AppSpec] = field(default_factory=dict)
    _under_way: AppSpec | None = None
    _sending: bool = False
    _checked: tuple[dict[str, AppSpec], AppSpec | None] | None = None

    @property
    def waits(self) -> bool:
        return bool(self.queue) and not self._sending

    def ask(self, *commands: Command) -> None:
        self.queue.extend(commands)

    def send(self, manager: SimulatedManager) -> None:
        """Send the first command; when it is not answered, it stays the first."""
        self.tries += 1
        self._sending = True
        try:
            self._send(manager, self.queue[0])
        finally:
            self._sending = False

    def _send(self, manager: SimulatedManager, command: Command) -> None:
        self._forget_removed()
        try:
            if command.freezes is not None:
                manager.freeze(command.app or None, frozen=command.freezes)
                self._finish(command, "done")
                return
            edit = command.at(self.judge.of_day())
            self._under_way = self._wished(edit)
            if self._under_way is not None and self._under_way.hurry is not None:
                self.judge.hurried.append((command.app, self._under_way.hurry))
            if command.halts or (self._under_way is not None and not self._under_way.wanted):
                self.judge.excuse(command.app)
            manager.change(f"request {len(self.given)}", edit)
        except (StoreUnavailable, Conflict):
            return
        except CloudError:
            self._finish(command, "refused")
            return
        if self._under_way is not None:
            self._acknowledged[command.app] = self._under_way
        self._finish(command, "done")

    def check(self) -> None:
        """Check that the store has what was acknowledged, and nothing that nobody asked for.

        What the manager makes of it by itself, the end of an update, is taken over.
        """
        stored = self.judge.store.specs()
        if (stored, self._under_way) == self._checked:
            return
        self._checked = (stored, self._under_way)
        for name, spec in self._acknowledged.items():
            wished = self._under_way if self._under_way and self._under_way.name == name else spec
            if name not in stored and not wished.removing:
                raise Broken(f"the store forgot {name}")
        for name, spec in stored.items():
            asked = [each for each in (self._acknowledged.get(name), self._under_way) if each is not None]
            if not any(_fulfils(spec, each) for each in asked):
                raise Broken(f"the store has {spec}, asked for was {asked}")
            if self._under_way is None:
                self._acknowledged[name] = spec

    def _finish(self, command: Command, words: str) -> None:
        self.queue.popleft()
        self.given.append(f"{command.words}: {words}")
        self._under_way = None
        self.check()

    def _wished(self, edit: Edit) -> AppSpec | None:
        """Return what the edit makes of what was acknowledged; None when it will be refused."""
        try:
            return edit(self._acknowledged).specs[0]
        except CloudError:
            return None

    def _forget_removed(self) -> None:
        stored = self.judge.store.specs()
        for name, spec in list(self._acknowledged.items()):
            if spec.removing and name not in stored:
                del self._acknowledged[name]


def _fulfils(stored: AppSpec, asked: AppSpec) -> bool:
    """Return whether the stored spec is the one asked for, or what a failed update of it falls back to."""
    if stored is asked:
        return True
    if stored.rolled_back is not None and asked.rolled_back is None:
        asked = replace(
            asked,
            revision=stored.revision,
            template=stored.template,
            turns=stored.turns,
            hurry=stored.hurry,  # it was for workers of the revision that failed
        )
    return _gist(stored) == _gist(asked)


def _gist(spec: AppSpec) -> AppSpec:
    """Return the spec without what depends on the moment at which it was written, or on how updates ended."""
    hurry = spec.hurry and replace(spec.hurry, at=0.0)
    told = replace(spec, rolled_back=None, failed=frozenset(), overtaken=frozenset())
    return replace(told, number=1, fallback=None, hurry=hurry)
