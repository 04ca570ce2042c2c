"""Optuna's record, read back with Optuna's own tools."""

from __future__ import annotations

import io
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import optuna_dashboard  # type: ignore[import-untyped]
import pytest
from optuna.trial import TrialState as OptunaState

from studies.contract.states import TrialState
from studies.core.snapshot import Curve
from studies.storage.optuna_bridge.mirror import OptunaMirror
from studies.storage.port import SettledTrial


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def mirror(url: str) -> Iterator[OptunaMirror]:
    opened = OptunaMirror(url)
    yield opened
    opened.close()


def trial(number: int, stage: str = "lr_sweep", **changes: Any) -> SettledTrial:
    given_trial: dict[str, Any] = {
        "trial_id": f"tr_{stage}_{number}",
        "stage": stage,
        "params": {"lr": 10.0**-number, "batch_size": 32 * (number + 1)},
        "state": TrialState.COMPLETED,
        "score": 0.5 + number / 100,
        "curve": Curve(np.array([50, 100]), np.array([0.4, 0.5 + number / 100])),
        "attributes": {"seed": number, "key": f"lr=1e-{number}", "schedule": {"kind": "constant"}},
    }
    return SettledTrial(**{**given_trial, **changes})


def loaded(url: str, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=url)


@pytest.fixture(autouse=True)
def _release_optuna_engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dispose the engines that `optuna.load_study(storage=url)` opens and never closes."""
    opened: list[optuna.storages.RDBStorage] = []
    create = optuna.storages.RDBStorage.__init__

    def remember(self: optuna.storages.RDBStorage, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        opened.append(self)

    monkeypatch.setattr(optuna.storages.RDBStorage, "__init__", remember)
    yield
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


def test_each_stage_is_an_optuna_study(mirror: OptunaMirror, url: str) -> None:
    numbers = mirror.write("digits", "maximize", [trial(0), trial(0, "decay_schedule"), trial(1)])
    assert numbers == {"tr_lr_sweep_0": 0, "tr_lr_sweep_1": 1, "tr_decay_schedule_0": 0}
    sweep = loaded(url, "digits/lr_sweep")
    assert sweep.direction == optuna.study.StudyDirection.MAXIMIZE
    assert sweep.best_params == {"lr": 0.1, "batch_size": 64}
    assert [told.value for told in sweep.trials] == [0.5, 0.51]
    assert sweep.trials[1].intermediate_values == {50: 0.4, 100: 0.51}
    assert sweep.trials[1].user_attrs == {
        "seed": 1,
        "key": "lr=1e-1",
        "schedule": {"kind": "constant"},
        "stagetune_trial_id": "tr_lr_sweep_1",
        "stagetune_state": "completed",
    }
    assert len(loaded(url, "digits/decay_schedule").trials) == 1


def test_the_direction_is_the_metrics(mirror: OptunaMirror, url: str) -> None:
    mirror.write("digits", "minimize", [trial(0), trial(1)])
    assert loaded(url, "digits/lr_sweep").best_trial.number == 0


def test_ends_are_told_apart(mirror: OptunaMirror, url: str) -> None:
    ends = (TrialState.COMPLETED, TrialState.DIVERGED, TrialState.PRUNED, TrialState.FAILED, TrialState.CANCELLED)
    mirror.write("digits", "maximize", [trial(number, state=state) for number, state in enumerate(ends)])
    assert [told.state for told in loaded(url, "digits/lr_sweep").trials] == [
        OptunaState.COMPLETE,
        OptunaState.PRUNED,
        OptunaState.PRUNED,
        OptunaState.FAIL,
        OptunaState.FAIL,
    ]


def test_writing_again_adds_nothing_but_what_lacks(mirror: OptunaMirror, url: str) -> None:
    first = mirror.write("digits", "maximize", [trial(0), trial(1)])
    again = OptunaMirror(url)
    assert again.write("digits", "maximize", [trial(0), trial(1)]) == first
    assert again.write("digits", "maximize", [trial(1), trial(2)]) == {"tr_lr_sweep_1": 1, "tr_lr_sweep_2": 2}
    again.close()
    assert len(loaded(url, "digits/lr_sweep").trials) == 3


def test_a_store_in_memory_has_a_record_in_memory() -> None:
    mirror = OptunaMirror("memory://")
    assert mirror.write("digits", "maximize", [trial(0)]) == {"tr_lr_sweep_0": 0}
    assert mirror.write("digits", "maximize", [trial(0), trial(1)]) == {"tr_lr_sweep_0": 0, "tr_lr_sweep_1": 1}
    mirror.close()


def test_nothing_to_write_opens_nothing(tmp_path: Path) -> None:
    assert OptunaMirror(f"sqlite:///{tmp_path / 'none.db'}").write("digits", "maximize", []) == {}
    assert not (tmp_path / "none.db").exists()


def test_a_later_batch_may_widen_the_space(mirror: OptunaMirror, url: str) -> None:
    mirror.write("digits", "maximize", [trial(0, params={"lr": 0.1, "optimizer": "sgd"})])
    mirror.write("digits", "maximize", [trial(1, params={"lr": 3, "optimizer": "adam"})])
    last = loaded(url, "digits/lr_sweep").trials[1]
    assert last.params == {"lr": 3.0}
    assert last.user_attrs["stagetune_param_optimizer"] == "adam"


def test_other_writers_of_the_same_file_do_not_hinder(mirror: OptunaMirror, url: str, tmp_path: Path) -> None:
    """Three threads write as the store does, in immediate transactions, while trials are recorded."""
    done = threading.Event()
    failures: list[Exception] = []
    written = [0, 0, 0]

    def write(index: int) -> None:
        connection = sqlite3.connect(tmp_path / "studies.db", timeout=30, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS stagetune_other (value)")
        try:
            while not done.wait(0.002):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO stagetune_other VALUES (1)")
                connection.execute("COMMIT")
                written[index] += 1
        except sqlite3.Error as error:
            failures.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(index,)) for index in range(3)]
    for writer in writers:
        writer.start()
    try:
        numbers = mirror.write(
            "digits", "maximize", [trial(number % 6, trial_id=f"tr_{number}") for number in range(20)]
        )
    finally:
        done.set()
        for writer in writers:
            writer.join(30)
    assert not failures
    assert sorted(numbers.values()) == list(range(20))
    assert min(written) > 0


def test_two_threads_with_the_same_trials_write_each_once(mirror: OptunaMirror, url: str) -> None:
    trials = [trial(number % 6, trial_id=f"tr_{number}") for number in range(10)]
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(mirror.write("digits", "maximize", trials))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [{f"tr_{number}": number for number in range(10)}] * 3
    assert len(loaded(url, "digits/lr_sweep").trials) == 10


def test_optuna_dashboard_opens_it(mirror: OptunaMirror, url: str) -> None:
    mirror.write("digits", "maximize", [trial(number, state=state) for number, state in enumerate(TrialState)])
    app = optuna_dashboard.wsgi(url)
    status, page = requested(app, "/dashboard")
    assert status == "200 OK"
    assert b"Optuna" in page
    status, body = requested(app, "/api/studies")
    study = next(iter(json.loads(body)["study_summaries"]))
    assert study["study_name"] == "digits/lr_sweep"
    status, body = requested(app, f"/api/studies/{study['study_id']}")
    assert status == "200 OK"
    assert len(json.loads(body)["trials"]) == len(TrialState)


def requested(app: Any, path: str) -> tuple[str, bytes]:
    status: list[str] = []
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    answer = app(environment, lambda line, headers, error=None: status.append(line))
    try:
        return status[0], b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
