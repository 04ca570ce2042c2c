"""The commands against a real server on a store in memory, as a user types them."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from service.app import create_app
from service.cli import main
from service.cli.local import demo_study
from service.client import ApiClient
from service.server import BackgroundServer, listen
from service.settings import Settings
from studies.contract.states import StudyCommand, StudyState
from studies.contract.study_document import to_yaml
from studies.core.actions import Finish, OpenStage
from studies.storage.memory import MemoryStore
from tests.builders import add_trials, chunk, report, spec, sync, worker

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def server(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings = Settings(database_url="memory://", token=TOKEN)
    with BackgroundServer(create_app(settings, store, tick=lambda: None), listen("127.0.0.1", 0)) as running:
        monkeypatch.setenv("STAGETUNE_SERVER", running.url)
        monkeypatch.setenv("STAGETUNE_TOKEN", TOKEN)
        yield running.url


@pytest.fixture
def stagetune(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command line as a user does; return its exit code."""

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["stagetune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return call


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(to_yaml(spec()))
    return path


Stagetune = Callable[..., int]
Output = pytest.CaptureFixture[str]


def finished(store: MemoryStore) -> str:
    """A study with one trial that completed."""
    study_id = store.create_study(spec()).study_id
    store.apply(study_id, store.load(study_id).version, [OpenStage("lr_sweep"), add_trials()])
    worker_id = store.register_worker(worker())
    (lease,) = store.sync(worker_id, sync()).leases
    points = (chunk("loss", {1: 1.0}), chunk("dev_accuracy", {1: 0.75}))
    store.sync(worker_id, sync(report(lease, *points, outcome="completed")))
    finish = Finish(lease.run.trial_id, "all stages have decided")
    assert store.apply(study_id, store.load(study_id).version, [finish])
    return study_id


def cancel_when_there(store: MemoryStore, name: str) -> None:
    deadline = time.monotonic() + 10
    while (study_id := store.find_study(name)) is None:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    store.command(study_id, StudyCommand.CANCEL)


@pytest.mark.usefixtures("server")
def test_a_submitted_file_is_listed_and_shown(stagetune: Stagetune, study_file: Path, capsys: Output) -> None:
    assert stagetune("submit", str(study_file)) == 0
    study_id = capsys.readouterr().out.strip()
    assert stagetune("list") == 0
    assert study_id in capsys.readouterr().out
    for name in (study_id, "digits-cnn"):
        assert stagetune("show", name) == 0
        assert "queued" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_the_list_is_narrowed_and_what_ended_is_put_away(
    stagetune: Stagetune, store: MemoryStore, capsys: Output
) -> None:
    store.create_study(spec("one", tags=["vision"]), owner="ada")
    store.create_study(spec("two"), owner="[b]g")

    def listed(*options: str) -> str:
        assert stagetune("list", *options) == 0
        return capsys.readouterr().out

    assert "[b]g" in listed()
    assert ("one" in listed("--tag", "VISION"), "two" in listed("--tag", "vision")) == (True, False)
    assert ("one" in listed("--owner", "ada", "--state", "queued"), "two" in listed("--owner", "ada")) == (True, False)
    assert "two" in listed("[B]G")
    assert "see them all with `stagetune list`" in listed("--state", "failed")
    assert stagetune("list", "--limit", "1") == 0
    assert "The first 1 of 2" in capsys.readouterr().err
    assert stagetune("archive", "one") == 1
    assert "cancel it first" in capsys.readouterr().err
    assert stagetune("cancel", "one") == 0
    assert stagetune("archive", "one") == 0
    assert "one is cancelled and archived." in capsys.readouterr().out
    assert "one" not in listed()
    assert "one" in listed("--archived")
    assert stagetune("unarchive", "one") == 0
    assert "one" in listed()


def test_the_owner_is_the_token(stagetune: Stagetune, server: str, study_file: Path, capsys: Output) -> None:
    assert stagetune("submit", str(study_file)) == 0
    with ApiClient(server, TOKEN) as client:
        assert client.study(capsys.readouterr().out.strip()).owner == "STAGETUNE_TOKEN"


@pytest.mark.usefixtures("server")
def test_json_files_are_taken_too(stagetune: Stagetune, tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_text(spec().model_dump_json())
    assert stagetune("submit", str(path)) == 0


@pytest.mark.usefixtures("server")
def test_every_fault_of_a_file_is_on_a_line(stagetune: Stagetune, tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(to_yaml(spec()) + "budgets: 1\nsede: [2]\n")
    assert stagetune("submit", str(path)) == 1
    told = capsys.readouterr().err
    assert "\n  - budgets: " in told
    assert "\n  - sede: " in told
    assert "Traceback" not in told


@pytest.mark.usefixtures("server")
def test_commands_change_the_state(stagetune: Stagetune, study_file: Path, capsys: Output) -> None:
    stagetune("submit", str(study_file))
    for command, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert stagetune(command, "digits-cnn") == 0
        assert f"digits-cnn is {state}." in capsys.readouterr().out
    assert stagetune("approve", "digits-cnn") == 1
    assert stagetune("show", "no-such-study") == 1


@pytest.mark.usefixtures("server")
def test_the_best_configuration_and_the_export(stagetune: Stagetune, store: MemoryStore, capsys: Output) -> None:
    finished(store)
    assert stagetune("best", "digits-cnn", "--yaml") == 0
    assert yaml.safe_load(capsys.readouterr().out)["metrics"]["dev_accuracy"] == 0.75
    assert stagetune("best", "digits-cnn") == 0
    assert "0.75" in capsys.readouterr().out
    assert stagetune("export", "digits-cnn", "--format", "json") == 0
    assert len(json.loads(capsys.readouterr().out)["trials"]) == 1


@pytest.mark.usefixtures("server")
def test_trials_are_listed_by_a_filter(stagetune: Stagetune, store: MemoryStore, capsys: Output) -> None:
    study_id = finished(store)
    assert stagetune("trials", "digits-cnn", "--filter", "lr < 1", "--sort", "dev_accuracy", "--descending") == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1].split() == ["0", "completed", "lr", "sweep", "0.1", "64", "0.9", "0.75", "1/100"]
    assert told.err == "1 trial.\n"
    assert stagetune("trials", study_id, "--filter", "lr > 1") == 0
    assert capsys.readouterr() == ("", "0 trials.\n")
    assert stagetune("trials", study_id, "--filter", "lrr > 1") == 1
    assert "Column 1: unknown name 'lrr': did you mean lr?" in capsys.readouterr().err
    assert stagetune("export", study_id, "--filter", "lr > 1") == 0
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.usefixtures("server")
def test_without_a_finished_trial_there_is_no_best(stagetune: Stagetune, store: MemoryStore, capsys: Output) -> None:
    store.create_study(spec())
    assert stagetune("best", "digits-cnn") == 1
    assert "no finished trial yet" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_watching_ends_with_the_report_and_the_state_as_exit_code(
    stagetune: Stagetune, store: MemoryStore, study_file: Path, capsys: Output
) -> None:
    finished(store)
    assert stagetune("watch", "digits-cnn") == 0
    assert "all stages have decided" in capsys.readouterr().out
    study_file.write_text(to_yaml(spec("other")))
    canceller = threading.Thread(target=cancel_when_there, args=[store, "other"])
    canceller.start()
    assert stagetune("submit", str(study_file), "--watch") == 1
    canceller.join()


def test_a_wrong_token_is_said_plainly(server: str, stagetune: Stagetune, capsys: Output) -> None:
    assert stagetune("list", "--server", server, "--token", "wrong") == 1
    assert "Authorization: Bearer" in capsys.readouterr().err


def test_no_server_is_one_clear_line(stagetune: Stagetune, capsys: Output) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    assert stagetune("list", "--server", f"http://127.0.0.1:{port}") == 1
    told = capsys.readouterr().err
    assert told == f"stagetune: no server at http://127.0.0.1:{port}: start one with `stagetune serve`\n"


def test_an_unsafe_bind_is_refused(stagetune: Stagetune, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGETUNE_TOKEN", raising=False)
    assert stagetune("serve", "--host", "0.0.0.0", "--port", "0") == 1
    assert "STAGETUNE_TOKEN=" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_plainly(stagetune: Stagetune, capsys: Output) -> None:
    with listen("127.0.0.1", 0) as taken:
        assert stagetune("serve", "--port", str(taken.getsockname()[1]), "--database-url", "memory://") == 1
    assert "choose another --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["demo", "run", "serve", "submit", "list", "show", "watch", "pause", "best", "trials", "export", "archive"],
)
def test_every_command_has_help_with_an_example(stagetune: Stagetune, capsys: Output, command: str) -> None:
    assert stagetune(command, "--help") == 0
    assert f"Example: stagetune {command}" in capsys.readouterr().out


@pytest.mark.parametrize("quick", [True, False])
def test_the_demo_is_a_sound_study(quick: bool) -> None:
    study = demo_study(quick=quick)
    assert [stage.kind for stage in study.stages] == ["lr_sweep", "batch_momentum", "decay_schedule"]
    assert study.seed == 0


def test_a_study_that_changed_state_in_between_is_seen(server: str, store: MemoryStore) -> None:
    study_id = finished(store)
    with ApiClient(server, TOKEN) as client:
        assert client.study(study_id).state == StudyState.COMPLETED


def test_workers_are_listed_drained_and_released(
    stagetune: Stagetune, server: str, store: MemoryStore, capsys: Output
) -> None:
    assert stagetune("workers") == 0
    assert "stagetune-worker --server URL" in capsys.readouterr().out
    worker_id = store.register_worker(worker("node-3"))
    assert stagetune("workers") == 0
    listed = capsys.readouterr().out
    assert all(part in listed for part in ("node-3", "alive", "0/1", "cpu", worker_id))
    assert stagetune("workers", "drain", "node-3") == 0
    assert "node-3 is drained." in capsys.readouterr().out
    assert stagetune("workers") == 0
    assert "it can be stopped" in capsys.readouterr().out
    assert stagetune("workers", "release", worker_id) == 0
    assert capsys.readouterr().out == "node-3 is alive.\n"
    assert stagetune("workers", "drain", "nobody") == 1
    assert "worker" in capsys.readouterr().err


def test_two_workers_of_one_name_are_told_apart_by_their_ids(
    stagetune: Stagetune, server: str, store: MemoryStore, capsys: Output
) -> None:
    ids = [store.register_worker(worker("twin")) for _ in range(2)]
    assert stagetune("workers", "drain", "twin") == 1
    told = capsys.readouterr().err
    assert all(worker_id in told for worker_id in ids)


@pytest.mark.parametrize("command", ["drain", "release"])
def test_commands_about_workers_have_examples(stagetune: Stagetune, capsys: Output, command: str) -> None:
    assert stagetune("workers", command, "--help") == 0
    assert f"Example: stagetune workers {command}" in capsys.readouterr().out
