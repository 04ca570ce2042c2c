"""What `stagetune run` starts and says."""

from __future__ import annotations

from pathlib import Path

import pytest

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
