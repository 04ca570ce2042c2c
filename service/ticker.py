"""The engine's heartbeat: a named thread that asks every active study what to do next, and is watched."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from studies.errors import SchemaMismatch, StorageFull, StorageUnavailable

logger = logging.getLogger(__name__)

MAX_BACKOFF_SECONDS = 5.0

STUCK_SECONDS = 120.0
"""A tick that takes so long hangs: no statement may take half of that, and no decision comes near it."""


class Ticker:
    """Calls `tick` every `seconds` in a background thread until stopped.

    After a tick that took longer than that it pauses for as long as it took: requests get at least half of the time.

    A tick that raises is logged and tried again, ever more slowly; until one succeeds `trouble` says what is wrong,
    and the service reports itself as not ready.

    Args:
        tick: what to do again and again.
        seconds: pause between two ticks.
        finish: what to do once, in the same thread, when it is stopped.
    """

    def __init__(self, tick: Callable[[], None], seconds: float, finish: Callable[[], None] = lambda: None) -> None:
        self._tick = tick
        self._seconds = seconds
        self._finish = finish
        self._stop = threading.Event()
        self._failure: str | None = None
        self._began: float | None = None
        self._thread = threading.Thread(target=self._run, name="stagetune-engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Let the tick that runs now end, and no other begin, then finish; wait for that at most `timeout` seconds."""
        self._stop.set()
        self._thread.join(timeout)

    @property
    def trouble(self) -> str | None:
        """Why studies do not move at the moment; None when all is well."""
        if self._failure is not None:
            return self._failure
        if (busy := self._busy_for()) > STUCK_SECONDS:
            return f"the engine hangs: one tick has taken {busy:.0f} s so far. Restart the service, and see its log"
        if not self._thread.is_alive():
            return "the engine's thread has ended: restart the service"
        return None

    def _busy_for(self) -> float:
        """Return for how long the present tick has run, 0 between two ticks."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def _run(self) -> None:
        failures, took = 0, 0.0
        while not self._stop.wait(max(self._pause(failures), min(took, MAX_BACKOFF_SECONDS))):
            began = self._began = time.monotonic()
            failures = 0 if self._try_once() else failures + 1
            self._began, took = None, time.monotonic() - began
        self._finish_up()
        logger.info("the engine has stopped")

    def _finish_up(self) -> None:
        try:
            self._finish()
        except StorageUnavailable as error:
            logger.warning("the engine stops without its last records, the next start makes up for them: %s", error)
        except Exception:
            logger.exception("the engine stops without its last records, the next start makes up for them")

    def _pause(self, failures: int) -> float:
        return self._seconds if not failures else min(self._seconds * 2.0**failures, MAX_BACKOFF_SECONDS)

    def _try_once(self) -> bool:
        try:
            self._tick()
        except StorageFull as error:
            self._fail(f"the engine cannot write: {error}")
        except StorageUnavailable as error:
            self._fail(f"the engine cannot reach the database: {error}")
        except SchemaMismatch as error:
            self._fail(f"the engine leaves the studies alone: {error}")
        except Exception as error:
            self._failure = f"the engine's last tick failed: {type(error).__name__}: {error}"
            logger.critical("studies do not move: the engine's tick failed", exc_info=True)
        else:
            self._recover()
        return self._failure is None

    def _fail(self, failure: str) -> None:
        """Remember what is wrong; say it aloud when it is news, not at every try."""
        logger.log(logging.DEBUG if failure == self._failure else logging.WARNING, "%s", failure)
        self._failure = failure

    def _recover(self) -> None:
        if self._failure is not None:
            logger.info("the engine moves the studies again")
        self._failure = None
