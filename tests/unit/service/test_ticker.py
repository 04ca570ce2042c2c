from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from service.ticker import Ticker
from studies.errors import SchemaMismatch, StorageFull, StorageUnavailable


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        threading.Event().wait(0.002)


@contextmanager
def ticking(tick: Callable[[], None]) -> Iterator[Ticker]:
    ticker = Ticker(tick, 0.001)
    ticker.start()
    try:
        yield ticker
    finally:
        ticker.stop()


class Scripted:
    """Raises the errors given, one a call, then succeeds."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


def test_it_ticks_again_and_again_in_a_named_thread() -> None:
    names: list[str] = []
    with ticking(lambda: names.append(threading.current_thread().name)) as ticker:
        wait_until(lambda: len(names) > 2)
        assert ticker.trouble is None
    assert set(names) == {"stagetune-engine"}


def test_after_stop_nothing_ticks() -> None:
    tick = Scripted()
    with ticking(tick) as ticker:
        wait_until(lambda: tick.calls > 0)
    calls = tick.calls
    assert ticker.trouble == "the engine's thread has ended: restart the service"
    threading.Event().wait(0.02)
    assert tick.calls == calls


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StorageUnavailable("the disk is full"), "cannot reach the database: the disk is full"),
        (StorageFull("make room"), "the engine cannot write: make room"),
        (SchemaMismatch("upgrade Stagetune"), "the engine leaves the studies alone: upgrade Stagetune"),
        (ValueError("a bug"), "the engine's last tick failed: ValueError: a bug"),
    ],
)
def test_a_failed_tick_is_trouble_until_one_succeeds(error: Exception, says: str) -> None:
    hold = threading.Event()
    failures = Scripted(error)

    def tick() -> None:
        if failures.calls:
            hold.wait(5)
        failures()

    with ticking(tick) as ticker:
        wait_until(lambda: ticker.trouble is not None)
        assert says in (ticker.trouble or "")
        hold.set()
        wait_until(lambda: ticker.trouble is None)


def test_pauses_grow_with_failures_up_to_a_bound() -> None:
    ticker = Ticker(Scripted(), 0.3)
    assert [ticker._pause(failures) for failures in (0, 1, 2, 3, 100)] == [0.3, 0.6, 1.2, 2.4, 5.0]


def test_slow_ticks_leave_half_of_the_time_to_others() -> None:
    spans: list[tuple[float, float]] = []

    def tick() -> None:
        began = time.monotonic()
        time.sleep(0.03)  # the work itself, not a wait for something
        spans.append((began, time.monotonic()))

    with ticking(tick):
        wait_until(lambda: len(spans) > 3)
    assert all(later[0] - earlier[1] >= 0.029 for earlier, later in pairwise(spans))


def test_a_tick_that_does_not_end_is_trouble_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ticker.STUCK_SECONDS", 0.02)
    hold = threading.Event()
    with ticking(lambda: hold.wait(5) and None) as ticker:
        wait_until(lambda: ticker.trouble is not None)
        assert "the engine hangs" in (ticker.trouble or "")
        hold.set()
        wait_until(lambda: ticker.trouble is None)


def test_trouble_that_lasts_is_said_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tick = Scripted(*[StorageUnavailable("away")] * 3)
    with ticking(tick):
        wait_until(lambda: tick.calls > 4)
    said = [record.message for record in caplog.records if record.levelname in ("WARNING", "INFO")]
    assert said[:2] == ["the engine cannot reach the database: away", "the engine moves the studies again"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # dying is the point here
def test_a_dead_thread_is_trouble() -> None:
    with ticking(Scripted(SystemExit())) as ticker:
        wait_until(lambda: ticker.trouble is not None)
        assert "restart the service" in (ticker.trouble or "")


@pytest.mark.parametrize("error", [StorageUnavailable("away"), ValueError("a bug")], ids=repr)
def test_it_finishes_once_in_its_own_thread_and_an_error_then_is_logged(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    names: list[str] = []

    def finish() -> None:
        names.append(threading.current_thread().name)
        raise error

    ticker = Ticker(Scripted(), 0.001, finish)
    ticker.start()
    ticker.stop()
    assert names == ["stagetune-engine"]
    assert "stops without its last records" in caplog.text
    assert str(error) in caplog.text
