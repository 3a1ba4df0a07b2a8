"""The command `secret`: set, list and remove what workers are given with --secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from manager.api.arguments import Arguments
from manager.api.documents import counted, document, listing, rfc3339
from manager.api.errors import CloudError, SecretInUse, UsageError
from manager.api.views import SecretView
from manager.secrets import Secrets, content_of
from manager.server import Call
from manager.service.changes import Changes, Wish
from manager.service.dispatch import Answer
from manager.state import wishes
from manager.state.model import AppSpec
from manager.state.specs import holder
from manager.state.world import unread_words


@dataclass(frozen=True, slots=True)
class SecretVerbs:
    """The command `secret`. What a secret holds is neither shown nor noted anywhere."""

    secrets: Secrets
    changes: Changes

    def secret(self, call: Call, arguments: Arguments) -> Answer:
        name = arguments.text("name")
        match arguments.text("action"), name:
            case "ls", None:
                return listing("SecretList", self._views())
            case "set", str(name):
                return self._set(call, name, dry_run=arguments.flag("dry_run"))
            case _:
                return self._remove(name or "", dry_run=arguments.flag("dry_run"))

    def _set(self, call: Call, name: str, *, dry_run: bool) -> Answer:
        if len(call.request.files) != 1:
            raise UsageError("one file comes with a secret", hint=f"simplecloud secret set {name} < FILE")
        if dry_run:
            content_of(name, call.request.files[0])
            return document("Plan", {"steps": [f"set the secret {name}"]})
        users = self._users(name)  # raises where nothing is known yet: before anything is done
        running = [spec.name for spec in users if spec.slots]
        kept = self.secrets.put(name, call.request.files[0])
        self.changes.journal.note(f"secret {name} set")
        notes = [
            f"the spares of {app} keep the former one ({why}): secret set {name} again"
            for app, why in self._renew_spares(call, name).items()
        ]
        if running:
            notes.append(f"who runs keeps the former one until it is replaced: restart {' '.join(running)}")
        message = f"the secret {name} is set ({counted(kept.size_bytes, 'byte')})"
        return document("Result", {"message": message, "notes": notes})

    def _renew_spares(self, call: Call, name: str) -> dict[str, str]:
        """The spares that have the former secret are made anew, before one of them serves anybody.

        Returns the apps of which they could not be, with the reason.
        """
        world = self.changes.reconciler.seen().world
        spared = [spec.name for spec in users_of(world.specs, name) if spec.spare_slots]
        kept = {app: words for app in spared if (words := unread_words(world, app))}

        def edit(specs: Mapping[str, AppSpec]) -> Wish:
            spared = (spec for spec in users_of(specs, name) if spec.spare_slots)
            renewed = (spec for spec in spared if spec.name not in world.unreadable)
            return Wish(tuple(map(wishes.with_new_spares, renewed)), aside=True)

        try:
            if len(spared) > len(kept):
                self.changes.make(call, edit)
        except CloudError as error:  # the secret is set all the same
            return dict.fromkeys(spared, error.message) | kept
        return kept

    def _remove(self, name: str, *, dry_run: bool) -> Answer:
        self.secrets.require([name], hint="secret ls")
        if users := self._users(name):
            holders = [holder(spec, former=name not in spec.template.secrets) for spec in users]
            raise SecretInUse(
                f"{', '.join(who for who, _ in holders)} has the secret {name}",
                hint=holders[0][1] or f"update {users[0].name} --no-secret",
            )
        if dry_run:
            return document("Plan", {"steps": [f"remove the secret {name}"]})
        self.secrets.remove(name)
        self.changes.journal.note(f"secret {name} removed")
        return document("Result", {"message": f"the secret {name} is removed"})

    def _views(self) -> Iterator[SecretView]:
        for kept in self.secrets.all():
            users = [spec.name for spec in self._users(kept.name)]
            yield SecretView(kept.name, kept.size_bytes, rfc3339(kept.changed_at), users)

    def _users(self, name: str) -> list[AppSpec]:
        return users_of(self.changes.reconciler.seen().world.specs, name)


def users_of(specs: Mapping[str, AppSpec], name: str) -> list[AppSpec]:
    """Return the apps whose workers are given the secret, those of an update's former revision too."""
    return [
        spec
        for _, spec in sorted(specs.items())
        if any(name in place.template.secrets for place in spec.places)
    ]
