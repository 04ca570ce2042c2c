"""Run directories stay below the working folder and outlive an attempt."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from tests.integration.worker_harness import run_spec
from workers.cli import app
from workers.log_tail import LogTail
from workers.run_directory import RunDirectory, unwritable


@pytest.mark.parametrize("trial_id", ["..", "a/b", "/etc", "", "a\0b"])
def test_an_id_never_leads_out_of_the_working_folder(tmp_path: Path, trial_id: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        RunDirectory.of(tmp_path, run_spec(trial_id=trial_id))


def test_a_new_attempt_forgets_the_error_and_keeps_what_was_delivered(tmp_path: Path) -> None:
    home = RunDirectory.of(tmp_path, run_spec())
    home.prepare(run_spec())
    home.write_error({"type": "ValueError"})
    home.write_delivered(12)
    home.prepare(run_spec(num_steps=20))
    assert not home.error.exists()
    assert home.delivered == 12
    assert home.read_spec() == run_spec(num_steps=20)


def test_the_tail_begins_where_the_attempt_does_and_mends_split_characters(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_bytes(b"of an earlier attempt\n")
    tail = LogTail(log)
    with log.open("ab", buffering=0) as file:
        file.write("é".encode()[:1])
        assert tail.read() == ""
        file.write("é".encode()[1:] + b"\xff!")
    assert tail.read() == "é\ufffd!"


def test_a_log_that_is_gone_has_nothing_new(tmp_path: Path) -> None:
    assert LogTail(tmp_path / "run.log").read() == ""


def test_a_folder_that_runs_can_be_kept_in_is_made_and_left_empty(tmp_path: Path) -> None:
    assert unwritable(tmp_path / "a" / "runs") is None
    assert list((tmp_path / "a" / "runs").iterdir()) == []


def test_why_runs_cannot_be_kept_in_a_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert "name another folder" in (unwritable(tmp_path / "file" / "runs") or "")

    def full(**_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert "No space left on device): make room" in (unwritable(tmp_path) or "")


def test_a_worker_that_cannot_keep_its_runs_does_not_begin() -> None:
    arguments = ["--server", "http://127.0.0.1:1", "--devices", "cpu", "--workdir", "/proc/none"]
    refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert refused.exit_code == 2
    assert "/proc/none" in refused.output
