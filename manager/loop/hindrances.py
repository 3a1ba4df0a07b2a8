"""What keeps the slow steps of workers from being done, for as long as it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from manager.api.errors import CloudError, EngineAway
from manager.engine.contract import NameTaken
from manager.state.model import WorkerKey
from netsetup.errors import NetworkError


@dataclass(slots=True)
class Hindrances:
    """What the latest step of a worker failed at, until one is done or none is planned any more."""

    _failed: dict[WorkerKey, tuple[str, int]] = field(default_factory=dict)

    def add(self, key: WorkerKey, error: CloudError | NetworkError) -> str:
        """Keep what a step failed at; return it when it is the second time in a row, as no accident then.

        That Docker is away is told of the cloud, and not of each worker.
        """
        if isinstance(error, EngineAway):
            return ""
        words = f"{error} ({error.hint})" if isinstance(error, NameTaken) else str(error)
        before, times = self._failed.get(key, ("", 0))
        times = times + 1 if words == before else 1
        self._failed[key] = (words, times)
        return words if times == 2 else ""

    def remove(self, key: WorkerKey) -> None:
        self._failed.pop(key, None)

    def of(self, planned: Collection[WorkerKey]) -> Mapping[WorkerKey, str]:
        """Return what hinders each of these workers, for which steps are planned; forget that of others."""
        failed = {key: seen for key, seen in list(self._failed.items()) if key in planned}
        for key in self._failed.keys() - failed.keys():
            self.remove(key)
        return {key: words for key, (words, _) in failed.items()}
