"""The outbox: what is repeated, what is numbered, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.contract.worker_protocol import MAX_LOG_CHARS, AttemptReport, Outcome
from workers.outbox import MAX_LOG_CHARS_PER_ATTEMPT, MAX_POINTS_PER_REPORT, TRUNCATED, Outbox

DONE = Outcome(state="completed")


class Server:
    """Stores chunks by number, as the real one does."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, int], tuple[Sequence[int], Sequence[float]]] = {}
        self.logs: dict[int, str] = {}
        self.outcome: Outcome | None = None

    def hear(self, report: AttemptReport) -> None:
        if self.outcome is not None:
            return
        for chunk in report.metrics:
            self.chunks.setdefault((chunk.name, chunk.sequence), (chunk.steps, chunk.values))
        for piece in report.logs:
            self.logs.setdefault(piece.sequence, piece.text)
        self.outcome = report.outcome

    def steps(self, name: str) -> list[int]:
        return [step for (of, _), (steps, _) in sorted(self.chunks.items()) if of == name for step in steps]

    def log(self) -> str:
        return "".join(text for _, text in sorted(self.logs.items()))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["both", "request lost", "answer lost"])), max_size=30))
def test_whatever_is_lost_everything_arrives_once_and_in_order(story: Sequence[tuple[int, str]]) -> None:
    outbox, server, step = Outbox("at", "token"), Server(), 0
    for count, fate in [*story, (0, "close"), (0, "both"), (0, "both")]:
        for _ in range(count):
            step += 1
            outbox.add_points("loss", [step], [float(step)])
            outbox.add_log(f"{step},")
        if fate == "close":
            outbox.close(DONE)
            continue
        report = outbox.report()
        if fate != "request lost":
            server.hear(report)
        if fate == "both":
            outbox.acknowledge()
    assert server.steps("loss") == list(range(1, step + 1))
    assert server.log() == "".join(f"{n}," for n in range(1, step + 1))
    assert server.outcome == DONE
    assert outbox.finished


def test_the_outcome_waits_for_the_last_of_the_metrics() -> None:
    outbox = Outbox("at", "token")
    many = MAX_POINTS_PER_REPORT + 1
    outbox.add_points("loss", range(1, many + 1), [0.0] * many)
    outbox.close(DONE)
    assert outbox.report().outcome is None
    outbox.acknowledge()
    assert not outbox.finished
    assert outbox.report().outcome == DONE
    outbox.acknowledge()
    assert outbox.finished


def test_a_heartbeat_carries_no_news_and_its_acknowledgement_settles_none() -> None:
    outbox = Outbox("at", "token")
    outbox.add_points("loss", [1], [0.5])
    first = outbox.report()
    assert outbox.heartbeat().metrics == ()
    outbox.acknowledge()
    assert outbox.report() == first


def test_delivered_is_the_last_step_of_which_everything_has_arrived() -> None:
    outbox = Outbox("at", "token")
    outbox.add_points("loss", [1, 2, 3], [0.0] * 3)
    outbox.report()
    outbox.add_points("loss", [4], [0.0])
    outbox.add_points("dev_accuracy", [3], [0.0])
    outbox.acknowledge()
    assert outbox.delivered == 2
    outbox.report()
    outbox.acknowledge()
    assert outbox.delivered == 4


def test_a_log_without_end_is_cut_with_a_word_about_where_it_goes_on() -> None:
    outbox = Outbox("at", "token")
    for _ in range(20):
        outbox.add_log("x" * MAX_LOG_CHARS)
    server = Server()
    for _ in range(20):
        server.hear(outbox.report())
        outbox.acknowledge()
    assert server.log() == "x" * MAX_LOG_CHARS_PER_ATTEMPT + TRUNCATED


@pytest.mark.parametrize(
    ("name", "steps", "values"),
    [
        ("", [1], [1.0]),
        ("a b", [1], [1.0]),
        ("loss", [-1], [1.0]),
        ("loss", [1, 2], [1.0]),
        ("loss", [1.5], [1.0]),
        ("loss", [2**31], [1.0]),
    ],
)
def test_what_no_chunk_could_carry_is_refused_at_once(name: str, steps: list[int], values: list[float]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Outbox("at", "token").add_points(name, steps, values)
