"""The loop: look at everything, plan, apply; events only mean "look again".

Where all is as asked and nothing tells of a change, a look would show what the last one did: then it is left
out, for LONGEST_REST_S at most, so that what no mark and no event knows of is still found.

Start-up, crash recovery, a lost event and a normal change take the same path. Quick steps (the store, the
network's repair) are done in the pass; slow ones (Docker) in a pool, and their worker is busy until then.
Where one fails, its worker is left alone for TRY_AGAIN_S, and the others go on.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from manager.api.errors import CloudError, Conflict, EngineError, StoreUnavailable
from manager.lead import Leadership
from manager.loop.apply import Effects
from manager.loop.hindrances import Hindrances
from manager.loop.look import Sight
from manager.plan.draft import RESYNC_S
from manager.plan.plan import Plan, plan
from manager.plan.steps import Launch, SlowStep, explain
from manager.state.model import WorkerKey
from manager.state.world import World, is_calm
from netsetup.errors import NetworkError

STARTS_AT_ONCE = 8  # more only wait for each other in dockerd, on 2 cores
STOPS_AT_ONCE = 32  # these mostly wait for the workers to end; whatever is quick goes with them
TRY_AGAIN_S = 0.5
LONGEST_REST_S = 30.0
FIRST_S = 5.0  # the first look takes a fraction of it where etcd and Docker answer; time for a second try

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """The last look and what it led to; `trouble` is "" or what kept the latest pass from its work.

    calm: all is as asked, and stays so until something tells of a change. A look that was told of one proves
    nothing: Docker tells of a pause or a death some milliseconds before its listing shows it.
    """

    world: World
    number: int
    converged: bool
    trouble: str = ""
    trouble_since: float | None = None
    calm: bool = False


@dataclass(slots=True)
class Reconciler:
    """Owns the loop's thread and its pools; everybody else reads its pictures."""

    sight: Sight
    effects: Effects
    leadership: Leadership
    dirty: threading.Event = field(default_factory=threading.Event)
    last_error: str = ""
    _picture: Picture | None = None
    _looked_at: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _busy: dict[WorkerKey, Future[None]] = field(default_factory=dict)
    _again_at: dict[WorkerKey, float] = field(default_factory=dict)
    _hindrances: Hindrances = field(default_factory=Hindrances)
    _starts: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(STARTS_AT_ONCE, thread_name_prefix="start")
    )
    _stops: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(STOPS_AT_ONCE, thread_name_prefix="stop")
    )
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the loop after the steps under way; workers are left as they are."""
        self._stopping.set()
        self.dirty.set()
        self._thread.join()
        for pool in (self._starts, self._stops):
            pool.shutdown(wait=False, cancel_futures=True)

    def picture(self) -> Picture | None:
        """Return the last picture, None before the first."""
        return self._picture

    def seen(self) -> Picture:
        """Return the last picture; a manager that has just begun is given a moment for its first.

        Raises StoreUnavailable when it has none then.
        """
        picture = self._picture or self.next_picture(None, FIRST_S)
        if picture is None:
            raise StoreUnavailable(
                "etcd or Docker does not answer, and nothing has been seen yet", hint="status"
            )
        return picture

    def next_picture(self, after: Picture | None, within_s: float) -> Picture | None:
        """Return a picture other than `after` as soon as there is one, else the last one after `within_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._picture is not after, within_s)
            return self._picture

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stopping.is_set():
            told = self.dirty.wait(wait_s)
            if told:
                self.dirty.clear()  # before looking: what happens from here on means another pass
            try:
                wait_s = RESYNC_S if not told and self._rests() else self._pass(told=told)
            except (StoreUnavailable, Conflict, EngineError, NetworkError) as error:
                self._trouble(str(error))
                wait_s = TRY_AGAIN_S
            except Exception as error:  # the loop must outlive a mistake of ours; `status` shows it
                log.exception("a pass failed")
                self.last_error = f"{type(error).__name__}: {error}"
                self._trouble(self.last_error)
                wait_s = RESYNC_S

    def _rests(self) -> bool:
        """Return whether the last look still holds, for all that can be told without another one."""
        last = self._picture
        if last is None or not last.calm or self.sight.steady() - self._looked_at >= LONGEST_REST_S:
            return False
        if self.sight.is_outdated(last.world):
            return False
        now = self.sight.clock()
        self._picture = replace(last, world=replace(last.world, now=now))  # no news: nobody is woken
        return True

    def _pass(self, *, told: bool) -> float:
        """Look, plan and apply once; returns the seconds after which to look again."""
        self._looked_at = self.sight.steady()
        busy = frozenset(list(self._busy))  # before looking: a step that ends meanwhile still counts as busy
        world = self.sight.look(busy)
        todo = plan(world)
        due = {step.record.key for step in todo.steps if isinstance(step, SlowStep)} | busy
        hindered = self._hindrances.of(due)
        self._show(replace(world, hindered=hindered) if hindered else world, todo, told=told)
        if self.leadership.fence is None:
            self.leadership.gained.wait(TRY_AGAIN_S)
            return 0.0
        left_alone = self._left_alone()
        steps = [s for s in todo.steps if not isinstance(s, SlowStep) or s.record.key not in left_alone]
        for step in steps:
            log.info("%s", explain(step))
            if isinstance(step, SlowStep):
                self._begin(step)
            else:
                self.effects.apply(step)
        quick = any(not isinstance(step, SlowStep) for step in steps)
        return 0.0 if quick else min([todo.look_again_s, *left_alone.values()])

    def _left_alone(self) -> dict[WorkerKey, float]:
        """Return the workers at which a step has just failed, each with the seconds until the next try."""
        now = self.sight.steady()
        for key, again_at in list(self._again_at.items()):
            if again_at <= now:
                del self._again_at[key]
        return {key: again_at - now for key, again_at in list(self._again_at.items())}

    def _begin(self, step: SlowStep) -> None:
        key = step.record.key
        pool = self._starts if isinstance(step, Launch) else self._stops
        future = self._busy[key] = pool.submit(self.effects.apply, step)
        future.add_done_callback(lambda ended: self._finished(key, ended))

    def _finished(self, key: WorkerKey, ended: Future[None]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            self._again_at[key] = self.sight.steady() + TRY_AGAIN_S
        if isinstance(error, CloudError | NetworkError):
            log.warning("%s: %s; looking again", key.label, error)
            if words := self._hindrances.add(key, error):
                self.effects.journal.note(words, app=key.app, worker=key.label)
        elif error is not None:
            log.error("%s: a step failed", key.label, exc_info=error)
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            self._hindrances.remove(key)
        self._busy.pop(key, None)
        self.dirty.set()

    def _show(self, world: World, todo: Plan, *, told: bool) -> None:
        number = self._picture.number + 1 if self._picture else 1
        converged = todo.converged and not world.busy
        calm = not told and converged and not todo.waits and is_calm(world)
        self._publish(Picture(world, number, converged, calm=calm))

    def _trouble(self, words: str) -> None:
        """Keep the last picture, and say since when it is the last."""
        last = self._picture
        if last is None:
            return
        if last.trouble != words:
            log.warning("%s; next try in %.1f s", words, TRY_AGAIN_S)
        since = last.trouble_since or self.sight.clock()
        self._publish(Picture(last.world, last.number, False, words, since))

    def _publish(self, picture: Picture) -> None:
        with self._changed:
            self._picture = picture
            self._changed.notify_all()
