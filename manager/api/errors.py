"""Everything that can go wrong, said once: a kind for programs, a sentence and a next step for people.

    CloudError                  exit 1   command-failed
    |- UsageError               exit 2   usage            the words are off; nothing was sent
    |- AppNotFound              exit 1   app-not-found
    |- WorkerNotFound           exit 1   worker-not-found
    |- AppExists                exit 1   app-exists
    |- AppReached               exit 1   app-reached      other apps need it
    |- ImageNotFound            exit 1   image-not-found
    |- ProgramRejected          exit 1   program-rejected a file cannot run in the image
    |- SecretNotFound           exit 1   secret-not-found
    |- SecretInUse              exit 1   secret-in-use
    |- SecretRejected           exit 1   secret-rejected
    |- RouteTaken               exit 1   route-taken
    |- Conflict                 exit 1   conflict         somebody else changed it first; look again
    |- WorkersFailed            exit 1   workers-failed   accepted, but the workers do not get ready
    |- StoreUnavailable         exit 1   store-unavailable
    |  `- NotConfirmed          exit 1   store-unavailable  sent, and it may still be applied
    |- EngineError              exit 1   engine-error
    |  `- EngineAway            exit 1   engine-error     Docker did not say; it may still be done
    |- NetworkFailed            exit 1   network-error
    |- SetupFailed              exit 1   setup-failed
    |- ManagerUnreachable       exit 3   manager-unreachable
    |- WaitTimedOut             exit 4   timed-out
    |- ExpectationFailed        exit 5   expectation-failed
    |- NotAllowed               exit 6   not-allowed
    `- FrameRejected            exit 1   frame-rejected   what came over the socket is not a request

A message is lower case, names the thing and has no full stop; a hint is the next command, ready to paste.
"""

from __future__ import annotations

from typing import ClassVar


class CloudError(Exception):
    """A failure that a person is told about; `kind` is stable, `message` and `hint` are for people.

    `word`: what of the input it is about, to be pointed at; `meant`: what would be right in its place.
    """

    kind: ClassVar[str] = "command-failed"
    exit_code: int = 1

    def __init__(self, message: str, *, hint: str = "", word: str = "", meant: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.word = word
        self.meant = meant


class UsageError(CloudError):
    """The words of a command are off; `at` is the index of the word to point at, or None."""

    kind = "usage"
    exit_code = 2

    def __init__(
        self, message: str, *, hint: str = "", at: int | None = None, word: str = "", meant: str = ""
    ) -> None:
        super().__init__(message, hint=hint, word=word, meant=meant)
        self.at = at


class AppNotFound(CloudError):
    kind = "app-not-found"


class WorkerNotFound(CloudError):
    kind = "worker-not-found"


class AppExists(CloudError):
    kind = "app-exists"


class AppReached(CloudError):
    kind = "app-reached"


class ImageNotFound(CloudError):
    kind = "image-not-found"


class ProgramRejected(CloudError):
    kind = "program-rejected"


class SecretNotFound(CloudError):
    kind = "secret-not-found"


class SecretInUse(CloudError):
    kind = "secret-in-use"


class SecretRejected(CloudError):
    kind = "secret-rejected"


class RouteTaken(CloudError):
    kind = "route-taken"


class Conflict(CloudError):
    kind = "conflict"


class WorkersFailed(CloudError):
    kind = "workers-failed"


class StoreUnavailable(CloudError):
    kind = "store-unavailable"


class NotConfirmed(StoreUnavailable):
    """The write was sent and not answered: it may still be applied, and sending it again is safe."""


class EngineError(CloudError):
    kind = "engine-error"


class EngineAway(EngineError):
    """Docker cannot be reached or did not answer in time: nobody knows whether it was done."""


class NetworkFailed(CloudError):
    kind = "network-error"


class SetupFailed(CloudError):
    kind = "setup-failed"


class ManagerUnreachable(CloudError):
    kind = "manager-unreachable"
    exit_code = 3


class WaitTimedOut(CloudError):
    kind = "timed-out"
    exit_code = 4


class ExpectationFailed(CloudError):
    kind = "expectation-failed"
    exit_code = 5


class NotAllowed(CloudError):
    kind = "not-allowed"
    exit_code = 6


class FrameRejected(CloudError):
    kind = "frame-rejected"


def _tree(root: type[CloudError]) -> list[type[CloudError]]:
    return [root, *(leaf for branch in root.__subclasses__() for leaf in _tree(branch))]


def error_of(kind: str, message: str, hint: str = "", word: str = "", meant: str = "") -> CloudError:
    """Return the error that `kind` names, as the other side of the socket raised it."""
    classes = {cls.kind: cls for cls in reversed(_tree(CloudError))}
    return classes.get(kind, CloudError)(message, hint=hint, word=word, meant=meant)
