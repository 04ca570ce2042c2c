"""Syncs duplicated, reordered and retried end in the same state on a database as in the memory model.

Both stores get the same requests; ids differ, so they are compared by trial numbers, and time is moved for both. The
database has two servers: now one works on it, now the other, and each sees what a server that has just come would see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from studies.contract import wire
from studies.contract.states import StudyCommand
from studies.contract.views import MetricSummary
from studies.contract.worker_protocol import AttemptReport, Lease, SyncAnswer, SyncRequest
from studies.core.actions import Action, ContinueTrial, EndTrial
from studies.errors import NotAllowedNow
from studies.storage import MemoryStore, StudyStore, open_store
from tests import builders as build
from tests.contract.conftest import LEASE_SECONDS, HandClock, age_database
from tests.contract.scenes import running_study, seen, trials

TRIALS = 4
OUTCOMES = ["completed", "failed", "diverged", "stopped", "preempted", "evicted"]
VALUES = st.floats() | st.floats(width=32)
Pair = tuple[Lease, Lease]


def _numbers(summary: MetricSummary) -> str:
    """A summary to compare by: NaN equals NaN, and SQLite has no -0.0 in a column of numbers (curves do, as bytes)."""
    return repr([value + 0.0 for value in summary.model_dump().values()])


def _asking_for_nothing(request: SyncRequest) -> SyncRequest:
    """The order in which workers of one transaction are given trials is the database's own."""
    return request.model_copy(update={"devices": build.sync(capacity=0).devices})


class TwoStores(RuleBasedStateMachine):
    """The model and a database, driven alike. A lease is the pair of what each of them granted."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.model = MemoryStore(self.clock, LEASE_SECONDS)
        self.stored, self.beside = (open_store(self.url, LEASE_SECONDS) for _ in range(2))
        spec = build.spec(f"s{self.stored.last_event_id()}")
        keys = [f"t{number}" for number in range(TRIALS)]
        self.study = self._both(lambda store: running_study(store, *keys, spec=spec, num_steps=100))
        self.workers = [self._both(lambda store: store.register_worker(build.worker(capacity=2))) for _ in range(2)]
        self.leases: list[tuple[int, Pair]] = []
        self.sent: list[tuple[int, tuple[SyncRequest, SyncRequest]]] = []
        self.count = 0

    @property
    def stores(self) -> tuple[StudyStore, StudyStore]:
        return self.model, self.stored

    @rule()
    def the_other_server_goes_on(self) -> None:
        self.stored, self.beside = self.beside, self.stored

    def teardown(self) -> None:
        """Leave nothing in the database that the next example would meet."""
        self.stored.command(self.study[1], StudyCommand.CANCEL)
        age_database(self.url, LEASE_SECONDS * 2)
        self.stored.expire_leases()
        self.stored.close()
        self.beside.close()

    def _both(self, call: Callable[[StudyStore], str]) -> tuple[str, str]:
        return call(self.model), call(self.stored)

    @rule(
        worker=st.integers(0, 1),
        news=st.lists(
            st.tuples(
                st.integers(0, 20),
                st.sampled_from(["loss", "dev_accuracy", "lr"]),
                st.integers(0, 2),
                VALUES,
                st.integers(0, 6),
                st.sampled_from([None, None, *OUTCOMES]),
            ),
            max_size=3,
            unique_by=lambda item: item[0],
        ),
        forget=st.booleans(),
        capacity=st.integers(0, 2),
    )
    def sync(
        self, worker: int, news: list[tuple[int, str, int, float, int, str | None]], forget: bool, capacity: int
    ) -> None:
        known = [pair for owner, pair in self.leases if owner == worker]
        told = {index % len(known): item for item in news if known for index in (item[0],)}
        reports = [self._reports(pair, told.get(place)) for place, pair in enumerate(known)]
        listed = [item for place, item in enumerate(reports) if not forget or place in told]
        requests = (
            build.sync(*[pair[0] for pair in listed], capacity=capacity),
            build.sync(*[pair[1] for pair in listed], capacity=capacity),
        )
        self.sent.append((worker, requests))
        self._send(worker, requests)

    def _reports(
        self, pair: Pair, item: tuple[int, str, int, float, int, str | None] | None
    ) -> tuple[AttemptReport, AttemptReport]:
        if item is None:
            return build.report(pair[0]), build.report(pair[1])
        _, name, sequence, value, started_from, outcome = item
        # The value is a function of what identifies the chunk but for the drawn one, which the first report fixes.
        steps = {10 * sequence + 1: value, 10 * sequence + 2: 0.5}
        made = [
            build.report(lease, build.chunk(name, steps, sequence), outcome=outcome, log="x", started_from=started_from)
            for lease in pair
        ]
        return made[0], made[1]

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 5))
    def send_again(self, back: int) -> None:
        worker, requests = self.sent[-1 - back % len(self.sent)]
        self._send(worker, requests)

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 5), others=st.integers(0, 5))
    def send_together(self, back: int, others: int) -> None:
        """Send two requests again, from both workers where they are of both, in one transaction of the database."""
        chosen = {self.sent[-1 - place % len(self.sent)][0]: place for place in (back, others)}
        news = [(worker, self.sent[-1 - place % len(self.sent)][1]) for worker, place in chosen.items()]
        full = [(worker, tuple(_asking_for_nothing(each) for each in requests)) for worker, requests in news]
        stored = self.stored.sync_all([(self.workers[worker][1], requests[1]) for worker, requests in full])
        for (worker, requests), answer in zip(full, stored, strict=True):
            assert isinstance(answer, SyncAnswer)
            self._compare(worker, requests, [self.model.sync(self.workers[worker][0], requests[0]), answer])

    def _send(self, worker: int, requests: tuple[SyncRequest, SyncRequest]) -> None:
        """Send the model what is meant, and the database what came over the wire, in one form or the other."""
        self.count += 1
        form = (wire.JSON, wire.CBOR)[self.count % 2]
        received = wire.decode(SyncRequest, wire.encode(requests[1], form), form)
        both = zip(self.stores, self.workers[worker], (requests[0], received), strict=True)
        self._compare(worker, requests, [store.sync(worker_id, request) for store, worker_id, request in both])

    def _compare(self, worker: int, requests: tuple[SyncRequest, SyncRequest], answers: Sequence[SyncAnswer]) -> None:
        granted = [{lease.run.trial_number: lease for lease in answer.leases} for answer in answers]
        assert granted[0].keys() == granted[1].keys()
        self._compare_answers(requests, answers)
        for number, lease in granted[0].items():
            pair = (lease, granted[1][number])
            if (worker, pair) not in self.leases:
                self.leases.append((worker, pair))

    @staticmethod
    def _compare_answers(requests: Sequence[SyncRequest], answers: Sequence[SyncAnswer]) -> None:
        places = [{report.attempt_id: place for place, report in enumerate(request.attempts)} for request in requests]
        for field in ("acknowledged", "lost"):
            first, second = (
                sorted(place[attempt] for attempt in getattr(answer, field))
                for place, answer in zip(places, answers, strict=True)
            )
            assert first == second
        assert sorted(order.reason for order in answers[0].stop) == sorted(order.reason for order in answers[1].stop)

    @rule(command=st.sampled_from([StudyCommand.PAUSE, StudyCommand.RESUME]))
    def command(self, command: StudyCommand) -> None:
        for store, study in zip(self.stores, self.study, strict=True):
            with suppress(NotAllowedNow):
                store.command(study, command)

    @rule(number=st.integers(0, TRIALS - 1), state=st.sampled_from(["pruned", "diverged"]))
    def end_trial(self, number: int, state: str) -> None:
        self._apply(number, lambda trial_id: EndTrial(trial_id, state, "worse"))  # type: ignore[arg-type]

    @rule(number=st.integers(0, TRIALS - 1), more=st.integers(1, 50))
    def continue_trial(self, number: int, more: int) -> None:
        steps = trials(self.model, self.study[0])[number].num_steps + more
        self._apply(number, lambda trial_id: ContinueTrial(trial_id, steps, "still falling"))

    def _apply(self, number: int, action: Callable[[str], Action]) -> None:
        done = []
        for store, study in zip(self.stores, self.study, strict=True):
            known = store.load(study)
            done.append(store.apply(study, known.version, [action(known.snapshot.trials[number].id)]))
        assert done[0] == done[1]

    @rule(seconds=st.sampled_from([LEASE_SECONDS * 0.4, LEASE_SECONDS * 1.2]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        age_database(self.url, seconds)
        assert self.model.expire_leases() == self.stored.expire_leases()

    @invariant()
    def both_tell_the_same(self) -> None:
        first, second = (self._picture(store, study) for store, study in zip(self.stores, self.study, strict=True))
        assert first == second

    @invariant()
    def a_server_sees_what_one_that_has_just_come_sees(self) -> None:
        with closing(open_store(self.url, LEASE_SECONDS)) as newcomer:
            assert seen(self.stored, self.study[1]) == seen(newcomer, self.study[1])

    @staticmethod
    def _picture(store: StudyStore, study_id: str) -> list[object]:
        loaded = {trial.number: trial for trial in trials(store, study_id)}
        pictures: list[object] = []
        for view in store.list_trials(study_id).trials:
            detail = store.get_trial(view.id)
            curves = {name: repr(curve) for name, curve in sorted(loaded[view.number].curves.items())}
            stored = {name: repr(store.curve(view.id, name)) for name in curves}
            assert stored == curves
            attempts = [(item.state, item.reason, item.started_from, item.alone) for item in detail.attempts]
            summaries = {name: _numbers(summary) for name, summary in sorted(view.metrics.items())}
            log = store.log(view.id).text
            pictures.append((view.state, view.ended_because, view.num_steps, attempts, summaries, curves, log))
        assert sum(state == "running" for picture in pictures for state, *_ in picture[3]) <= 4  # type: ignore[index]
        return pictures


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 10), ("postgres", 3)])
def test_a_database_behaves_as_the_model(request: pytest.FixtureRequest, kind: str, examples: int) -> None:
    url = request.getfixturevalue(f"{kind}_store_url")
    machine = type("Machine", (TwoStores,), {"url": url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking on a database takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
