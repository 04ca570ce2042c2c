"""Batches written through Optuna's tables are what Optuna itself would have written, whole or not at all."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import event, make_url

from studies.contract.states import TrialState
from studies.core.snapshot import Curve
from studies.storage.optuna_bridge import batches, mirror
from studies.storage.optuna_bridge.forgetting import forget_studies
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.port import SettledTrial

STATES = (TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED, TrialState.CANCELLED)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def by_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna's tables are of a later schema than is known."""
    monkeypatch.setattr(batches, "KNOWN_SCHEMA", batches.KNOWN_SCHEMA - 1)


def settled(number: int, **changes: Any) -> SettledTrial:
    state = STATES[number % len(STATES)]
    given: dict[str, Any] = {
        "trial_id": f"tr_{number}",
        "stage": "lr_sweep",
        "params": {"lr": 10.0**-number, "batch_size": 32 * (number + 1), "activation": ["relu", "gelu"][number % 2]},
        "state": state,
        "score": 0.5 + number / 100,
        "curve": Curve(np.arange(1, 301), np.r_[np.nan, np.linspace(0.1, 0.9, 299)]),
        "attributes": {"seed": number, "reason": 'a "quoted" word, ümlaut', "schedule": {"kind": "constant"}},
    }
    return SettledTrial(**{**given, **changes})


def read_back(url: str) -> list[dict[str, Any]]:
    """Return the trials as Optuna reads them, but for the moment at which they were written."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    storage = RDBStorage(address.render_as_string(hide_password=False))
    try:
        found = optuna.load_study(study_name="digits/lr_sweep", storage=storage).trials
        return [_plain(trial) for trial in found]
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _plain(trial: FrozenTrial) -> dict[str, Any]:
    assert trial.datetime_start is not None
    assert trial.datetime_complete is not None
    assert abs((trial.datetime_complete - optuna.trial.create_trial(value=0.0).datetime_start).total_seconds()) < 600
    names = ("number", "state", "values", "params", "distributions", "user_attrs", "intermediate_values")
    return {name: getattr(trial, name) for name in names}


def test_a_batch_is_what_optuna_would_have_written(
    url: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    trials = [settled(number) for number in range(7)]
    with closing(OptunaMirror(url)) as at_once:
        numbers = at_once.write("digits", "maximize", trials[:3]) | at_once.write("digits", "maximize", trials[2:])
        assert at_once._recorded
    request.getfixturevalue("by_optuna")
    other = f"sqlite:///{tmp_path_factory.mktemp('other') / 'optuna.db'}"
    with closing(OptunaMirror(other)) as one_by_one:
        expected = one_by_one.write("digits", "maximize", trials[:3])
        expected = {**expected, **one_by_one.write("digits", "maximize", trials[2:])}
        assert not one_by_one._recorded
    assert numbers == expected == {f"tr_{number}": number for number in range(7)}
    assert read_back(url) == read_back(other)


def test_tables_of_another_schema_are_left_to_optuna(url: str, by_optuna: None) -> None:
    with closing(OptunaMirror(url)) as writer:
        assert writer.write("digits", "maximize", [settled(0)]) == {"tr_0": 0}
        assert not writer._batched
    assert len(read_back(url)) == 1


def test_a_crash_within_a_batch_leaves_nothing_of_it(url: str) -> None:
    with closing(OptunaMirror(url)) as writer:
        writer.write("digits", "maximize", [settled(0)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mirror, "add", _lost)
            with pytest.raises(ConnectionError):
                writer.write("digits", "maximize", [settled(1), settled(2)])
        assert len(read_back(url)) == 1
        assert writer.write("digits", "maximize", [settled(2), settled(1)]) == {"tr_2": 1, "tr_1": 2}
    assert [trial["user_attrs"]["seed"] for trial in read_back(url)] == [0, 2, 1]


def _lost(*arguments: Any) -> None:
    batches.add(*arguments)
    raise ConnectionError


def test_two_servers_with_the_same_trials_write_each_once(url: str) -> None:
    """Each remembers what it has seen, and looks for what the other has added since."""
    first, second = OptunaMirror(url), OptunaMirror(url)
    with closing(first), closing(second):
        assert first.write("digits", "maximize", [settled(0)]) == {"tr_0": 0}
        assert second.write("digits", "maximize", [settled(0), settled(1)]) == {"tr_0": 0, "tr_1": 1}
        assert first.write("digits", "maximize", [settled(1), settled(2)]) == {"tr_1": 1, "tr_2": 2}
        assert second.write("digits", "maximize", [settled(2)]) == {"tr_2": 2}
    assert [trial["number"] for trial in read_back(url)] == [0, 1, 2]


def test_trials_that_a_person_adds_count(url: str) -> None:
    with closing(OptunaMirror(url)) as writer:
        writer.write("digits", "maximize", [settled(0)])
        study = writer._study("digits/lr_sweep", "maximize")
        study.add_trial(optuna.trial.create_trial(value=0.1))
        assert writer.write("digits", "maximize", [settled(1)]) == {"tr_1": 2}
    assert [trial["number"] for trial in read_back(url)] == [0, 1, 2]


def test_a_batch_costs_what_is_new(url: str) -> None:
    """The study is read once; afterwards nothing of it is read again."""
    with closing(OptunaMirror(url)) as writer:
        writer.write("digits", "maximize", [settled(number) for number in range(5)])
        seen: list[int] = []
        storage = writer._opened()
        assert isinstance(storage, RDBStorage)

        @event.listens_for(storage.engine, "after_cursor_execute")
        def count(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if "SELECT" in statement and "value_json" in statement and "INSERT" not in statement:
                seen.append(cursor.rowcount)

        numbers = writer._recorded["digits/lr_sweep"].numbers
        before = dict(numbers)
        writer.write("digits", "maximize", [settled(5)])
        assert writer._recorded["digits/lr_sweep"].numbers.items() - before.items() == {("tr_5", 5)}
        assert len(seen) == 2
        assert storage.engine.dialect.name == "sqlite" or seen == [0, 1]


def test_a_study_of_a_name_that_was_pruned_is_recorded_anew(url: str) -> None:
    """The server that prunes is another process: this one still remembers Optuna's study of that name."""
    with closing(OptunaMirror(url)) as kept:
        kept.write("digits", "maximize", [settled(0)])
        forget_studies(url, ["digits/lr_sweep"])
        anew = settled(1, trial_id="tr_anew")
        assert kept.write("digits", "maximize", [anew]) == {"tr_anew": 0}
    assert [trial["user_attrs"]["stagetune_trial_id"] for trial in read_back(url)] == ["tr_anew"]


def test_nothing_is_recorded_in_another_study_that_got_the_number_of_a_pruned_one(url: str) -> None:
    """SQLite gives the number of the last row again once that row is gone."""
    with closing(OptunaMirror(url)) as kept, closing(OptunaMirror(url)) as other:
        kept.write("digits", "maximize", [settled(0)])
        forget_studies(url, ["digits/lr_sweep"])
        other.write("letters", "maximize", [settled(1)])
        assert kept.write("digits", "maximize", [settled(2)]) == {"tr_2": 0}
    assert [trial["user_attrs"]["stagetune_trial_id"] for trial in read_back(url)] == ["tr_2"]
