"""What `stagetune run` starts and says."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli.app import app
from service.cli.local_run import serve_command
from service.cli.worker_process import worker_command

SERVER = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("data_dir", "command"),
    [
        ("stagetune-data", "stagetune serve"),
        ("/data/mine", "stagetune serve --database-url sqlite:////data/mine/stagetune.db"),
    ],
)
def test_the_study_can_be_looked_at_afterwards(data_dir: str, command: str) -> None:
    assert serve_command(Path(data_dir)) == command


def test_a_worker_for_a_function_loads_no_builtin_objective() -> None:
    command = worker_command(SERVER, "cpu", Path("runs"), ["train.py:train"], builtin=False)
    assert command[-3:] == ["--no-builtin", "--allow", "train.py:train"]
    assert "--no-builtin" not in worker_command(SERVER, "cpu", Path("runs"))


def test_packing_is_the_workers_to_choose_unless_it_is_given() -> None:
    assert "--packing" not in worker_command(SERVER, "cpu", Path("runs"))
    command = worker_command(SERVER, "cpu", Path("runs"), packing="off")
    assert command[-2:] == ["--packing", "off"]


@pytest.mark.parametrize("command", ["run", "demo"])
def test_the_help_names_the_ways_of_packing(command: str) -> None:
    answer = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert answer.exit_code == 0
    assert "auto|processes|off" in answer.output


def test_another_way_of_packing_is_refused_before_anything_starts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    answer = CliRunner().invoke(app, ["demo", "--packing", "tight", "--data-dir", str(data)])
    assert answer.exit_code == 2
    assert not data.exists()
