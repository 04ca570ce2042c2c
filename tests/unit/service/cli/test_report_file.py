"""``stagetune report`` and ``stagetune best --format``: from a server, and from a folder without one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from service.app import create_app
from service.cli import main
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.storage import open_store, upgrade_database
from studies.storage.memory import MemoryStore
from tests import histories

Stagetune = Callable[..., int]
Output = pytest.CaptureFixture[str]
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def stagetune(monkeypatch: pytest.MonkeyPatch) -> Stagetune:
    """Run the command line as a user does; return its exit code."""

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["stagetune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return call


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that asks for a token, with a finished study and one that has just begun."""
    store = MemoryStore()
    histories.finished(store)
    histories.all_diverged(store)
    settings = Settings(database_url="memory://", token=TOKEN)
    with BackgroundServer(create_app(settings, store, tick=lambda: None), listen("127.0.0.1", 0)) as running:
        yield running.url


@pytest.fixture
def asked(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAGETUNE_SERVER", server)
    monkeypatch.setenv("STAGETUNE_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("asked")
def test_a_report_is_a_file_of_the_studys_name(stagetune: Stagetune, tmp_path: Path, capsys: Output) -> None:
    assert stagetune("report", "digits-cnn") == 0
    written = (tmp_path / "digits-cnn-report.html").read_text()
    assert written.startswith("<!doctype html>")
    assert "<h1>digits-cnn</h1>" in written
    assert "digits-cnn-report.html" in capsys.readouterr().err


@pytest.mark.usefixtures("asked")
def test_a_report_goes_where_it_is_told(stagetune: Stagetune, tmp_path: Path, capsys: Output) -> None:
    assert stagetune("report", "digits-cnn", "--out", "reports/mine.html") == 0
    assert (tmp_path / "reports/mine.html").exists()
    capsys.readouterr()
    assert stagetune("report", "digits-cnn", "--out", "-") == 0
    assert "<h1>digits-cnn</h1>" in capsys.readouterr().out


@pytest.mark.usefixtures("asked")
def test_a_study_that_is_not_there_is_named(stagetune: Stagetune, tmp_path: Path, capsys: Output) -> None:
    assert stagetune("report", "no-such") == 1
    assert "there is no study no-such" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_read_without_a_server(stagetune: Stagetune, tmp_path: Path, capsys: Output) -> None:
    url = f"sqlite:///{tmp_path / 'stagetune.db'}"
    upgrade_database(url)
    store = open_store(url)
    histories.sweep(histories.History(store, "here"), (0.1,))
    store.close()
    out = tmp_path / "here.html"
    assert stagetune("report", "here", "--data-dir", str(tmp_path), "--out", str(out)) == 0
    assert "<h1>here</h1>" in out.read_text()
    assert stagetune("report", "there", "--data-dir", str(tmp_path)) == 1
    assert stagetune("report", "here", "--data-dir", str(tmp_path / "nowhere")) == 1
    assert "name the folder" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.usefixtures("asked")
def test_the_best_configuration_comes_in_the_form_that_is_asked_for(stagetune: Stagetune, capsys: Output) -> None:
    def printed(*options: str) -> str:
        assert stagetune("best", "digits-cnn", *options) == 0
        return capsys.readouterr().out

    document = yaml.safe_load(printed("--yaml"))
    assert document["schedule"]["kind"] == "linear"
    assert yaml.safe_load(printed("--format", "yaml")) == json.loads(printed("--format", "json")) == document
    compile(printed("--format", "python"), "best.py", "exec")


@pytest.mark.usefixtures("asked")
def test_without_a_result_there_is_no_best(stagetune: Stagetune, capsys: Output) -> None:
    assert stagetune("best", "too-hot", "--format", "python") == 1
    assert "no finished trial yet" in capsys.readouterr().err
