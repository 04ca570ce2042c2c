"""What has to be true at the end of every test of faults, whatever happened to processes, networks and databases.

Every trial ended exactly once; points that a server acknowledged are all there and once; no child process is alive;
Optuna's record agrees with ours. `violations` says what is not so, `assert_whole` fails with it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import optuna
import psutil

from studies.contract.states import AttemptState, TrialState
from studies.contract.views import StudyView, TrialDetail
from studies.core.lifecycle import MAX_EXPIRIES
from studies.storage.port import StudyStore
from tests.faults.ledger import Ledger, Points

ENDS = frozenset(str(state) for state in TrialState if state.ended)
PAGE = 500

Value = Callable[[Mapping[str, object], int], float]
"""The loss that an undisturbed run with these parameters reports at a step."""


@dataclass(frozen=True)
class Study:
    """A study that has ended, as its store tells it.

    Attributes:
        told: by trial, the first word of each of its events: added, started, completed, goes (on), ...
    """

    store: StudyStore
    view: StudyView
    trials: tuple[TrialDetail, ...]
    told: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, store: StudyStore, study_id: str) -> Study:
        listed = store.list_trials(study_id, limit=1_000).trials
        trials = tuple(store.get_trial(trial.id) for trial in listed)
        return cls(store, store.get_study(study_id), trials, _told(store, study_id, trials))


def _told(store: StudyStore, study_id: str, trials: Iterable[TrialDetail]) -> dict[str, list[str]]:
    beginnings = {trial.id: f"trial {trial.number} ({trial.key}) " for trial in trials}
    told: dict[str, list[str]] = {trial_id: [] for trial_id in beginnings}
    after = 0
    while events := store.events(study_id, after, PAGE):
        after = events[-1].id
        for event in events:
            if event.kind == "trial" and event.trial_id is not None:
                words = event.message.removeprefix(beginnings[event.trial_id])
                told[event.trial_id].append(words.split(" ", 1)[0].rstrip(":,"))
    return told


def assert_whole(
    store: StudyStore,
    study_id: str,
    database_url: str,
    *,
    ledger: Ledger | None = None,
    folder: Path | None = None,
    loss: Value | None = None,
) -> list[TrialDetail]:
    """Fail with every violation that a study shows; return its trials. See `violations`."""
    found = violations(store, study_id, database_url, ledger=ledger, folder=folder, loss=loss)
    assert not found, "\n".join(found)
    return list(Study.of(store, study_id).trials)


def violations(
    store: StudyStore,
    study_id: str,
    database_url: str,
    *,
    ledger: Ledger | None = None,
    folder: Path | None = None,
    loss: Value | None = None,
) -> list[str]:
    """Return what is not as it was promised, a line each.

    Args:
        store: where the study lives; servers and workers have ended.
        study_id: a study that should have ended.
        database_url: where Optuna's record is.
        ledger: what servers acknowledged, where somebody wrote that down.
        folder: where workers ran: no process may be left that has its working directory in it.
        loss: what the study's function reports, where that is known.
    """
    study = Study.of(store, study_id)
    return [
        *_how_it_ended(study),
        *(line for trial in study.trials for line in _of_trial(study, trial)),
        *_of_curves(study, loss),
        *(_of_ledger(study, ledger) if ledger is not None else ()),
        *_of_record(study, database_url),
        *(f"process {process.pid} is alive: {process.cmdline()}" for process in alive_in(folder)),
    ]


# --- every trial ended exactly once ----------------------------------------------------------------------------------


def _how_it_ended(study: Study) -> Iterator[str]:
    view = study.view
    if view.state != "completed":
        yield f"study {view.name} is {view.state}: {view.reason or 'no reason given'}"
    decided = [record.stage for record in study.store.decisions(view.id)]
    closed = [stage.kind for stage in view.stages if stage.state == "completed"]
    if decided != closed:
        yield f"study {view.name}: stages {closed} were closed and {decided} decided"
    if [trial.number for trial in study.trials] != list(range(len(study.trials))):
        yield f"study {view.name}: trials are numbered {[trial.number for trial in study.trials]}"


def _of_trial(study: Study, trial: TrialDetail) -> Iterator[str]:
    name = f"trial {trial.number} ({trial.key}) of {study.view.name}"
    told = study.told[trial.id]
    ends = [word for word in told if word in ENDS]
    if not ends or ends[-1] != trial.state:
        yield f"{name} is {trial.state} and was told to have ended as {ends}"
    if ends.count("completed") > 1 + told.count("goes"):
        yield f"{name} completed more than once: {told}"
    if len(ends) - ends.count("completed") > 1:
        yield f"{name} ended more than once: {told}"
    if trial.state is TrialState.FAILED and not _failed_by_rule(trial, study.view.spec.max_attempts):
        yield f"{name} failed before its time: {trial.ended_because}"
    yield from (f"{name}: {line}" for line in _of_attempts(trial))


def _failed_by_rule(trial: TrialDetail, max_attempts: int) -> bool:
    """Whether a trial had all the attempts that it may have: run after run was killed, or worker after worker."""
    ends = [attempt.state for attempt in trial.attempts]
    return ends.count(AttemptState.FAILED) >= max_attempts or ends.count(AttemptState.EXPIRED) >= MAX_EXPIRIES


def _of_attempts(trial: TrialDetail) -> Iterator[str]:
    if AttemptState.RUNNING in {attempt.state for attempt in trial.attempts}:
        yield "an attempt runs although it has ended"
    for before, after in pairwise(trial.attempts):
        if before.ended_at is None or before.ended_at > after.started_at:
            yield f"attempts {before.id} and {after.id} ran at once"


# --- points are all there and once -----------------------------------------------------------------------------------


def _of_curves(study: Study, loss: Value | None) -> Iterator[str]:
    for trial in study.trials:
        name = f"trial {trial.number} of {study.view.name}"
        for metric, summary in trial.metrics.items():
            curve = study.store.curve(trial.id, metric)
            if summary.count != len(curve):
                yield f"{name}: {summary.count} points of {metric} were counted, {len(curve)} are there"
            if any(later <= earlier for earlier, later in pairwise(curve.steps.tolist())):
                yield f"{name}: steps of {metric} are told twice"
        if loss is None:
            continue
        curve = study.store.curve(trial.id, "loss")
        points = dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
        if trial.state is TrialState.COMPLETED and list(points) != list(range(1, trial.num_steps + 1)):
            yield f"{name}: completed with the steps {_ranges(points)} of {trial.num_steps}"
        if any(value != loss(trial.params, step) for step, value in points.items()):
            yield f"{name}: its curve is not that of an undisturbed run"


def _ranges(steps: Iterable[int]) -> str:
    ordered = sorted(steps)
    breaks = [0, *(index for index in range(1, len(ordered)) if ordered[index] != ordered[index - 1] + 1), len(ordered)]
    return ", ".join(f"{ordered[first]}-{ordered[end - 1]}" for first, end in pairwise(breaks)) if ordered else "none"


def _of_ledger(study: Study, ledger: Ledger) -> Iterator[str]:
    yield from ledger.faults
    for trial in study.trials:
        name = f"trial {trial.number} of {study.view.name}"
        for attempt in trial.attempts:
            said = ledger.outcomes.get(attempt.id)
            if said is not None and said != attempt.state:
                yield f"{name}: outcome {said} was acknowledged, its attempt is {attempt.state}"
        yield from (f"{name}: {line}" for line in _of_points(study, trial, ledger))


def _of_points(study: Study, trial: TrialDetail, ledger: Ledger) -> Iterator[str]:
    acknowledged, sent = _curves(trial, ledger, ledger.acknowledged), _curves(trial, ledger, ledger.sent)
    for metric in acknowledged.keys() | trial.metrics.keys():
        curve = study.store.curve(trial.id, metric)
        there = dict(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))
        missing = [step for step in acknowledged.get(metric, {}) if step not in there]
        if missing:
            yield f"acknowledged points of {metric} are gone: steps {_ranges(missing)}"
        possible = sent.get(metric, {})
        if invented := [step for step, value in there.items() if not _among(value, possible.get(step, ()))]:
            yield f"points of {metric} that nobody sent: steps {_ranges(invented)}"


def _curves(
    trial: TrialDetail, ledger: Ledger, keys: Iterable[tuple[str, str, int]]
) -> dict[str, dict[int, set[float]]]:
    """Return values by metric and step, of those steps that no later attempt began behind."""
    ordinals = {attempt.id: ordinal for ordinal, attempt in enumerate(trial.attempts)}
    pieces: dict[int, list[tuple[str, Points]]] = defaultdict(list)
    for attempt_id, metric, sequence in keys:
        if attempt_id in ordinals:
            pieces[ordinals[attempt_id]].append((metric, ledger.sent[attempt_id, metric, sequence]))
    curves: dict[str, dict[int, set[float]]] = defaultdict(lambda: defaultdict(set))
    for ordinal, chunks in pieces.items():
        later = [trial.attempts[other].id for other in pieces if other > ordinal]
        last = min((ledger.started_from[attempt_id] for attempt_id in later), default=math.inf)
        for metric, (steps, values) in chunks:
            for step, value in zip(steps, values, strict=True):
                if step <= last:
                    curves[metric][step].add(value)
    return curves


def _among(value: float, candidates: Iterable[float]) -> bool:
    return any(value == candidate or (math.isnan(value) and math.isnan(candidate)) for candidate in candidates)


# --- nothing is left, and Optuna tells the same ----------------------------------------------------------------------


def alive_in(folder: Path | None) -> list[psutil.Process]:
    """Return the processes whose working directory lies in `folder`, zombies apart, whoever's children they are."""
    return [process for process in psutil.process_iter() if folder is not None and _works_in(process, folder)]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _of_record(study: Study, database_url: str) -> Iterator[str]:
    """Compare with Optuna's record, read through Optuna's own API."""
    told = recorded(database_url, study.view)
    ids = sorted(str(trial.user_attrs["stagetune_trial_id"]) for trial in told)
    if ids != sorted(trial.id for trial in study.trials):
        yield f"Optuna has {len(ids)} trials of {study.view.name}, we have {len(study.trials)}"
    by_id = {trial.id: trial for trial in study.trials}
    metric = study.view.spec.metric
    for record in told:
        trial = by_id.get(str(record.user_attrs["stagetune_trial_id"]))
        if trial is None:
            continue
        if record.user_attrs["stagetune_state"] != trial.state:
            yield f"Optuna has trial {trial.number} as {record.user_attrs['stagetune_state']}, we as {trial.state}"
        summary = trial.metrics.get(metric.name)
        if record.state is optuna.trial.TrialState.COMPLETE and summary is not None:
            best = summary.maximum if metric.direction == "maximize" else summary.minimum
            if record.value != best:
                yield f"Optuna has {record.value} for trial {trial.number}, we have {best}"


def recorded(database_url: str, study: StudyView) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that Optuna has of all stages of a study."""
    storage = optuna.storages.RDBStorage(database_url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        known = {summary.study_name for summary in optuna.get_all_study_summaries(storage)}
        names = [stage.optuna_study for stage in study.stages if stage.optuna_study in known]
        return [trial for name in names for trial in optuna.load_study(study_name=name, storage=storage).trials]
    finally:
        storage.remove_session()
        storage.engine.dispose()
