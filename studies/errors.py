"""The errors of the studies package. Each says what the caller can do; `service.errors` maps them to problem+json.

StagetuneError
+-- InvalidStudy        the document is refused whole, with every fault by its path
+-- InvalidFilter       a filter over trials cannot be read, with the place in it
+-- NotFound            no such study, trial, worker
+-- NameTaken           another study has this name
+-- IdempotencyConflict the key was used for another document
+-- NotAllowedNow       the command does not fit the state that the study is in
+-- LeaseLost           the attempt is no longer the caller's
+-- StorageUnavailable  the database cannot be reached for the moment: try again
|   +-- StorageFull     its disk is full: reading works, make room and try again
+-- SchemaMismatch      the database's schema is older or newer than this program
"""

from __future__ import annotations


class StagetuneError(Exception):
    """Something went wrong in Stagetune."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__ or type(self).__name__)


class InvalidStudy(StagetuneError):
    """The study file has faults: mend each one named and submit it again."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("The study file was refused: mend every fault named and submit it again.")
        self.faults = faults


class InvalidFilter(StagetuneError):
    """The filter cannot be read: mend it at the place named.

    Args:
        message: what is wrong, and what to write instead.
        start: index of the first character concerned; end: index after the last one.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(f"Column {start + 1}: {message}{'' if message.endswith('?') else '.'}")
        self.message = message
        self.start = start
        self.end = end


class NotFound(StagetuneError):
    """There is nothing under this id: list what there is and try again."""


class NameTaken(StagetuneError):
    """Another study has this name: choose another name, or resume that study."""


class IdempotencyConflict(StagetuneError):
    """This Idempotency-Key was used for another document: send a new key."""


class NotAllowedNow(StagetuneError):
    """The study is not in a state that allows this."""


class LeaseLost(StagetuneError):
    """The lease of this attempt has ended: stop the run, its result no longer counts."""


class StorageUnavailable(StagetuneError):
    """The database does not answer right now: try again shortly, nothing was lost."""


class StorageFull(StorageUnavailable):
    """The disk of the database is full: make room on it. Nothing that was acknowledged is lost; try again then."""


class SchemaMismatch(StagetuneError):
    """The database has another schema than this program: run `stagetune db upgrade`, or upgrade Stagetune."""
