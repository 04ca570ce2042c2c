"""``stagetune tensorboard`` against a server on a store in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.app import create_app
from service.cli import main
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.storage.memory import MemoryStore
from tests import histories


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def server(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    app = create_app(Settings(database_url="memory://"), store, tick=lambda: None)
    with BackgroundServer(app, listen("127.0.0.1", 0)) as running:
        monkeypatch.setenv("STAGETUNE_SERVER", running.url)
        yield running.url


def write(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["stagetune", "tensorboard", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_every_trial_that_has_begun_has_a_folder_of_its_own(
    store: MemoryStore, server: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    history = histories.running(store)
    begun = [trial for trial in store.list_trials(history.study_id).trials if trial.started_at]
    for _ in range(2):  # the second time brings them up to date
        assert write(monkeypatch, "in-progress", "--out", str(tmp_path)) == 0
        folders = {path.parent.relative_to(tmp_path / "in-progress").as_posix() for path in tmp_path.rglob("events*")}
        assert folders == {f"{trial.stage}/{trial.number:05d}" for trial in begun}
    assert not list(tmp_path.rglob(".partial"))
    said = capsys.readouterr().err
    assert f"Wrote {len(begun)} trials of in-progress." in said
    assert "tensorboard --logdir" in said


def test_single_trials_can_be_chosen(store: MemoryStore, server: str, tmp_path: Path, monkeypatch) -> None:
    histories.finished(store)
    assert write(monkeypatch, "digits-cnn", "--out", str(tmp_path), "--trial", "3", "--trial", "5") == 0
    assert sorted(path.parent.name for path in tmp_path.rglob("events*")) == ["00003", "00005"]


def test_a_study_that_is_not_there_is_said(server: str, tmp_path: Path, monkeypatch, capsys) -> None:
    assert write(monkeypatch, "nobody", "--out", str(tmp_path)) == 1
    assert "there is no study" in capsys.readouterr().err
