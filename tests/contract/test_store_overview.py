"""What a page shows of a study of any size: the best, the running, an even choice, and how much it has left behind."""

from __future__ import annotations

import numpy as np
import pytest

from studies.contract.schedule import Schedule
from studies.contract.states import StudyCommand, TrialState
from studies.contract.worker_protocol import Device, Lease
from studies.core.actions import AddTrials, ContinueTrial, EndTrial
from studies.core.curves import sketch
from studies.errors import NotFound
from studies.storage import StudyStore
from tests import builders as build
from tests.contract.scenes import decide, finish, running_study, take

STAGE = "lr_sweep"


def _leased(store: StudyStore, count: int, **study: object) -> tuple[str, str, tuple[Lease, ...]]:
    """A study with `count` trials, all running on one worker."""
    study_id = running_study(store, *(f"t{number}" for number in range(count)), **study)  # type: ignore[arg-type]
    worker_id = store.register_worker(build.worker(capacity=count))
    return study_id, worker_id, store.sync(worker_id, build.sync()).leases


@pytest.mark.parametrize(("direction", "order"), [("maximize", [1, 2, 0]), ("minimize", [0, 1, 2])])
def test_the_best_come_by_score_and_then_by_number(store: StudyStore, direction: str, order: list[int]) -> None:
    metric = {"name": "dev_accuracy", "direction": direction}
    study_id, worker_id, leases = _leased(store, 4, spec=build.spec(metric=metric))
    for lease, score in zip(leases, (0.5, 0.9, 0.9), strict=False):
        finish(store, worker_id, lease, score)
    assert [trial.number for trial in store.best_trials(study_id, 9)] == order
    assert [trial.number for trial in store.best_trials(study_id, 2)] == order[:2]
    assert [trial.number for trial in store.running_trials(study_id, 9)] == [3]
    assert store.running_trials(study_id, 0) == []
    found = store.scores(study_id, STAGE)
    assert (found.numbers.tolist(), found.scores.tolist()) == ([0, 1, 2], [0.5, 0.9, 0.9])
    assert len(store.scores(study_id, "batch_momentum").numbers) == 0


def test_a_trial_that_goes_on_or_is_ended_otherwise_has_no_score(store: StudyStore) -> None:
    study_id, worker_id, leases = _leased(store, 3)
    for lease in leases:
        finish(store, worker_id, lease)
    first, second, third = (lease.run.trial_id for lease in leases)
    decide(store, study_id, ContinueTrial(first, 200, "it still gains"), EndTrial(second, "pruned", "not needed"))
    assert [trial.id for trial in store.best_trials(study_id, 9)] == [third]
    best = store.get_study(study_id).best
    assert best is not None
    assert best.trial_id == third


@pytest.mark.parametrize(("most", "numbers"), [(9, [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4]), (3, [0, 2, 4]), (1, [0])])
def test_a_sample_is_evenly_chosen(store: StudyStore, most: int, numbers: list[int]) -> None:
    study_id, worker_id, leases = _leased(store, 5)
    store.sync(worker_id, build.sync(*[build.report(lease, build.chunk("loss")) for lease in leases], capacity=0))
    assert [trial.number for trial in store.sample_trials(study_id, STAGE, most)] == numbers
    ids = [leases[number].run.trial_id for number in numbers]
    assert [thinned.trial_id for thinned in store.thinned_curves(study_id, "loss", most)] == ids
    assert store.sample_trials(study_id, "batch_momentum", most) == []


def test_results_are_those_of_ended_trials_evenly_chosen(store: StudyStore) -> None:
    study_id, worker_id, leases = _leased(store, 5)
    for lease, score in zip(leases[:3], (0.5, 0.9, 0.7), strict=True):
        finish(store, worker_id, lease, score)
    decide(store, study_id, EndTrial(leases[3].run.trial_id, "diverged", "NaN"))
    found = store.results(study_id, 9)
    assert [(result.number, result.score) for result in found] == [(0, 0.5), (1, 0.9), (2, 0.7), (3, None)]
    assert [result.state for result in found[2:]] == [TrialState.COMPLETED, TrialState.DIVERGED]
    whole = store.get_trial(found[0].id)
    assert (found[0].params, found[0].schedule) == (whole.params, whole.schedule)
    assert (found[0].stage, found[0].num_steps) == (whole.stage, whole.num_steps)
    assert [result.number for result in store.results(study_id, 3)] == [0, 2]
    assert store.results(study_id, 9, STAGE) == found
    assert store.results(study_id, 9, "batch_momentum") == []


def test_thinned_curves_stand_for_all_points_however_they_came(store: StudyStore) -> None:
    study_id, worker_id, (lease, _) = _leased(store, 2)
    values = np.random.default_rng(0).normal(size=200).round(3)
    for sequence in range(4):
        part = {step: float(values[step - 1]) for step in range(50 * sequence + 1, 50 * sequence + 51)}
        chunk = build.chunk("loss", part, sequence=sequence)
        for _ in range(2):
            store.sync(worker_id, build.sync(build.report(lease, chunk)))
    (found,) = store.thinned_curves(study_id, "loss", 9)
    whole = sketch(store.curve(lease.run.trial_id, "loss"))
    assert (found.trial_id, found.state) == (lease.run.trial_id, TrialState.RUNNING)
    assert found.curve.steps.tolist() == whole.steps.tolist()
    assert found.curve.values.tolist() == whole.values.tolist()
    assert store.thinned_curves(study_id, "dev_accuracy", 9) == []


def test_a_resumed_run_replaces_what_it_supersedes_in_the_thinned_curve(store: StudyStore) -> None:
    study_id = running_study(store)
    worker_id = store.register_worker(build.worker())
    lease = take(store, worker_id)
    old = build.report(lease, build.chunk("loss", {1: 1.0, 2: 2.0, 3: 3.0}), outcome="preempted")
    (again,) = store.sync(worker_id, build.sync(old)).leases
    news = build.report(again, build.chunk("loss", {2: 9.0}), started_from=1)
    store.sync(worker_id, build.sync(news))
    (found,) = store.thinned_curves(study_id, "loss", 1)
    assert dict(zip(found.curve.steps.tolist(), found.curve.values.tolist(), strict=True)) == {1: 1.0, 2: 9.0}


def test_curves_of_a_few_trials_are_those_alone(store: StudyStore) -> None:
    study_id, worker_id, leases = _leased(store, 3)
    store.sync(worker_id, build.sync(*[build.report(lease, build.chunk("loss")) for lease in leases]))
    wanted = leases[1].run.trial_id
    assert store.curves(study_id, "loss", [wanted, "tr_none"]).keys() == {wanted}
    assert store.curves(study_id, "loss", []) == {}


def test_names_and_numbers(store: StudyStore) -> None:
    study_id, worker_id, leases = _leased(store, 2)
    assert store.metric_names(study_id) == []
    store.sync(worker_id, build.sync(build.report(leases[1], build.chunk("loss"), build.chunk("dev_accuracy"))))
    assert store.metric_names(study_id) == ["dev_accuracy", "loss"]
    second = leases[1].run.trial_id
    assert store.trial_numbers([second, "tr_none"]) == {second: 1}
    assert store.trial_numbers([]) == {}
    assert [trial.id for trial in store.trials_numbered(study_id, [7, 1])] == [second]
    assert store.trials_numbered(study_id, []) == []


def test_the_size_counts_what_is_stored_once(store: StudyStore) -> None:
    study_id, worker_id, (lease, _) = _leased(store, 2)
    assert store.get_study(study_id).size.trials == 2
    news = build.report(lease, build.chunk("loss", {1: 0.5, 2: 0.25, 3: 0.1}), log="hello\n")
    for _ in range(2):
        store.sync(worker_id, build.sync(news))
    size = store.get_study(study_id).size
    assert (size.points, size.bytes) == (3, 3 * 8 + 6)
    assert store.list_studies()[0].size == size
    finish(store, worker_id, lease)
    store.command(study_id, StudyCommand.CANCEL)
    assert store.get_study(study_id).size.points == 4


def test_trials_are_counted_by_state(store: StudyStore) -> None:
    study_id, worker_id, leases = _leased(store, 4)
    finish(store, worker_id, leases[0])
    decide(store, study_id, EndTrial(leases[1].run.trial_id, "diverged", "its loss is NaN"))
    running_study(store, "other", spec=build.spec("another"))
    states = {TrialState.COMPLETED: 1, TrialState.DIVERGED: 1, TrialState.RUNNING: 2}
    assert store.trial_states(study_id) == states


def test_runs_are_counted_where_they_took_place(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b", "c")
    assert store.device_use(study_id) == []
    gpus = [Device(name=f"cuda:{number}", model="Imaginary 9000") for number in (0, 1)]
    quick = store.register_worker(build.worker("quick", devices=gpus))
    slow = store.register_worker(build.worker("slow"))
    store.sync(quick, build.sync())
    ended = take(store, slow)
    finish(store, slow, ended)
    use = store.device_use(study_id)
    assert [(part.stage, part.worker, part.device, part.model, part.runs) for part in use] == [
        (STAGE, "quick", "cuda:0", "Imaginary 9000", 1),
        (STAGE, "quick", "cuda:1", "Imaginary 9000", 1),
        (STAGE, "slow", "cpu", "", 1),
    ]
    assert {part.version for part in use} == {"0.1.0"}
    (attempt,) = store.get_trial(ended.run.trial_id).attempts
    assert use[2].seconds == pytest.approx((attempt.ended_at or 0) - attempt.started_at)
    assert [part.seconds >= 0 for part in use] == [True] * 3


def test_the_runs_of_a_worker_that_was_started_again_are_those_of_one_node(store: StudyStore) -> None:
    study_id = running_study(store, "a", "b")
    for _ in range(2):
        worker_id = store.register_worker(build.worker("node"))
        finish(store, worker_id, take(store, worker_id))
    (use,) = store.device_use(study_id)
    assert (use.worker, use.runs) == ("node", 2)


def test_a_study_that_is_not_there_has_no_devices(store: StudyStore) -> None:
    with pytest.raises(NotFound):
        store.device_use("st_none")
    with pytest.raises(NotFound):
        store.trial_states("st_none")


def test_trials_of_one_configuration_differ_in_their_seed_at_most(store: StudyStore) -> None:
    study_id = running_study(store, "a")
    proposals = (
        build.proposal("a/seed=1", seed=1),
        build.proposal("b", lr=0.2, seed=2),
        build.proposal("longer", seed=3, num_steps=200),
        build.proposal("decayed", seed=4, schedule=Schedule(kind="linear", start=10, end=100)),
        build.proposal("a/seed=5", seed=5),
    )
    decide(store, study_id, AddTrials(STAGE, proposals))
    other = running_study(store, "a", spec=build.spec("another"))
    first, second = store.list_trials(study_id).trials[:2]
    for trial in (first, second):
        assert [found.seed for found in store.same_configuration(trial.id, 9)] == [0, 1, 5]
    assert [found.seed for found in store.same_configuration(first.id, 2)] == [0, 1]
    (alone,) = store.list_trials(other).trials
    assert store.same_configuration(alone.id, 9) == [alone]
    with pytest.raises(NotFound):
        store.same_configuration("tr_none", 9)
