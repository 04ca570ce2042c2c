"""The README is true: each of its commands is run as it stands there, with smaller budgets and a port of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from studies.contract.pruners import MedianPruner
from studies.contract.study_document import parse_yaml
from studies.contract.study_file import Defaults, SamplerSearch, default_stages

pytestmark = pytest.mark.xdist_group("readme")

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DEADLINE = 90.0

SMALLER = {
    "{kind: builtin, name: image_classification, args: {dataset: digits, model: small_cnn}}": (
        '{kind: function, target: "train.py:train"}'
    ),
    "steps: 600, trials: 60": "steps: 20, trials: 4",
    "evaluate_every: 50": "evaluate_every: 10",
    "grid: [1, 0.1, 0.01, 0.001, 0.0001, 0.00001], refine: 4": "grid: [0.1, 0.01], refine: 0",
}
"""What makes the README's study one of seconds."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Return every command of the ``sh`` blocks on one line."""
    return [line for block in blocks("sh") for line in block.replace("\\\n", "").splitlines() if line.strip()]


STUDY, SEARCH, OWN_SEARCH, COMMAND = blocks("yaml")
PRUNERS = ["median", "successive_halving", "hyperband", "patience", "threshold"]
TRAIN, PROGRAM = blocks("python")

LOCAL = ["stagetune run study.yaml"]
LOCAL_COMMAND = "stagetune run command.yaml"
SERVE = "stagetune serve"
WORKER = "stagetune-worker --server http://127.0.0.1:8080"
FUNCTION_WORKER = "stagetune-worker --server http://127.0.0.1:8080 --allow 'train.py:*'"
SUBMIT = "stagetune submit study.yaml --watch"
ASK = [
    "stagetune list",
    "stagetune show digits-cnn",
    "stagetune best digits-cnn --yaml > best.yaml",
    "stagetune best digits-cnn --format python > best.py",
    "stagetune trials digits-cnn --filter 'lr < 0.1 and state = completed' --sort dev_accuracy --descending",
    "stagetune report digits-cnn --out report.html",
    "stagetune export digits-cnn --format csv > trials.csv",
]
TAKE_ALONG = ["stagetune reproduce digits-cnn/0 --out again", "stagetune tensorboard digits-cnn --out runs"]
BACKUP = "stagetune backup stagetune-backup.db"
POSTGRES = [line for line in commands() if line.startswith("export STAGETUNE_DATABASE_URL=")]
UPGRADE = "stagetune db upgrade"
CURL = [line for line in commands() if line.startswith("curl ")]
TOKENS = [line for line in commands() if line.startswith("stagetune token ")]
RUN_HERE = {
    *TOKENS,
    *LOCAL,
    LOCAL_COMMAND,
    SERVE,
    WORKER,
    FUNCTION_WORKER,
    SUBMIT,
    *ASK,
    *TAKE_ALONG,
    *POSTGRES,
    UPGRADE,
    BACKUP,
    *CURL,
}
"""What the tests below run."""

ACTIVATE = "source .venv/bin/activate"


class Shell:
    """Runs the README's commands in a folder with its study file and its training code, at a port of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        small = STUDY
        for long, short in SMALLER.items():
            assert long in small
            small = small.replace(long, short)
        (folder / "study.yaml").write_text(small)
        (folder / "train.py").write_text(TRAIN)
        (folder / "command.yaml").write_text(COMMAND)
        (folder / "program.py").write_text(PROGRAM)
        self._environment = os.environ | {
            "PATH": f"{programs(folder / 'bin')}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "STAGETUNE_PORT": str(self.port),
            "STAGETUNE_SERVER": self.url,
            "COLUMNS": "200",
        }

    def start(self, *lines: str, **environment: str) -> subprocess.Popen[str]:
        """Start the lines as one script; the last one replaces the shell, so that a signal reaches it."""
        *first, last = [line.replace(":8080", f":{self.port}") for line in lines]
        command = "exec " + last if ">" not in last and "|" not in last else last
        return subprocess.Popen(
            ["bash", "-ec", "\n".join((*first, command))],
            cwd=self.folder,
            env=self._environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *lines: str) -> str:
        """Run the lines to their end, which must be a good one; return what they printed to standard output."""
        with self.start(*lines) as process:
            out, told = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, f"{lines}: {out}{told}"
        return out

    @contextmanager
    def running(self, *lines: str, until: Callable[[], bool], **environment: str) -> Iterator[None]:
        """Keep the lines running, from when `until` is true; they must end well on SIGTERM."""
        process = self.start(*lines, **environment)
        try:
            deadline = time.monotonic() + DEADLINE
            while not until():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, lines
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            told = process.communicate(timeout=DEADLINE)
        assert process.returncode in (0, -signal.SIGTERM), told

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=DEADLINE).is_success
        except httpx.TransportError:
            return False

    def answer(self, path: str) -> Any:
        return httpx.get(f"{self.url}/api/v1{path}", timeout=DEADLINE).raise_for_status().json()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def programs(folder: Path) -> Path:
    """Make a folder with ``stagetune`` and ``stagetune-worker`` of this source, as pip would."""
    folder.mkdir()
    for name, module in (("stagetune", "service.cli"), ("stagetune-worker", "workers.cli")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("readme"))


@pytest.fixture(scope="module")
def served(shell: Shell) -> Iterator[Shell]:
    with shell.running(SERVE, until=shell.ready):
        yield shell


# --- what it says ----------------------------------------------------------------------------------------------------


def test_every_command_is_run_by_a_test_or_by_ci() -> None:
    ci = {line.split(" DEMO=")[0] for line in (ROOT / ".ci/run").read_text().splitlines()}
    left = [line for line in commands() if line not in RUN_HERE]
    assert {line.split(" DEMO=")[0] for line in left if line != ACTIVATE} <= ci
    assert set(commands()) >= RUN_HERE
    assert len(CURL) == 2


def test_the_study_file_is_the_documented_defaults() -> None:
    head = re.sub(r"^(?!name:|objective:|strategy:).*\n", "", STUDY, flags=re.MULTILINE)
    assert len(head.splitlines()) == 3
    assert parse_yaml(STUDY) == parse_yaml(head)


def test_the_guided_search_is_the_default_strategy_with_all_its_stages() -> None:
    spec = parse_yaml(SEARCH)
    assert spec.strategy == "guided_search"
    assert spec.stages == default_stages()
    assert spec.defaults == Defaults()


def test_a_search_of_ones_own_is_read_as_it_stands() -> None:
    stage, confirm = parse_yaml(OWN_SEARCH).stages
    assert isinstance(stage, SamplerSearch)
    assert isinstance(stage.pruner, MedianPruner)
    assert (stage.sampler, stage.trials, confirm.kind) == ("tpe", 40, "confirm")
    table = README.partition("| pruner | stops a run |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == PRUNERS


def test_every_linked_file_is_there() -> None:
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [path for path in linked if not (ROOT / path).exists()] == []


# --- what it has the reader type -------------------------------------------------------------------------------------


def test_a_study_runs_here(shell: Shell) -> None:
    out = shell.run(*LOCAL)
    assert "Stagetune: digits-cnn" in out
    assert "completed after" in out
    shutil.rmtree(shell.folder / "stagetune-data")  # the next reader begins with a server


def test_a_command_runs_here(shell: Shell) -> None:
    assert "own-program" in shell.run(LOCAL_COMMAND + " --data-dir command-data")


def test_server_workers_and_the_questions_one_asks(served: Shell) -> None:
    def workers() -> int:
        return len(served.answer("/workers"))

    with served.running(WORKER, until=lambda: workers() == 1):
        pass
    with served.running(FUNCTION_WORKER, until=lambda: workers() == 2):
        assert "completed after" in served.run(SUBMIT)
    listed, shown, *_ = [served.run(line) for line in ASK]
    assert "digits-cnn" in listed
    assert "learning-rate decay: " in shown
    best = yaml.safe_load((served.folder / "best.yaml").read_text())
    assert best["params"]["lr"] in (0.1, 0.01)
    assert f"PEAK_LR = {best['params']['lr']}" in (served.folder / "best.py").read_text()
    assert "<h1>digits-cnn</h1>" in (served.folder / "report.html").read_text()
    assert len((served.folder / "trials.csv").read_text().splitlines()) > 4
    reproduce, tensorboard = TAKE_ALONG
    assert "the same" in served.run(f"{reproduce} --allow 'train.py:*'")
    served.run(tensorboard)
    assert len(list((served.folder / "runs/digits-cnn").glob("*/*/events.out.tfevents.*"))) > 3


def test_the_server_is_scraped_and_backed_up(served: Shell) -> None:
    (job,) = yaml.safe_load(blocks("yml")[0])["scrape_configs"]
    ((target,),) = [group["targets"] for group in job["static_configs"]]
    told = httpx.get(f"http://{target.replace(':8080', f':{served.port}')}/metrics", timeout=DEADLINE).text
    assert "stagetune_database_up 1.0" in told
    assert "checked" in served.run(BACKUP)
    assert (served.folder / "stagetune-backup.db").exists()


def test_tokens_close_the_server_to_everyone_else(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    me, nodes, listed = [shell.run(line) for line in TOKENS]
    assert "gpu-nodes" in listed

    def workers() -> int:
        answer = httpx.get(f"{shell.url}/api/v1/workers", headers={"Authorization": f"Bearer {me.strip()}"})
        return len(answer.raise_for_status().json())

    with shell.running(SERVE, until=shell.ready):
        assert httpx.get(f"{shell.url}/api/v1/workers").status_code == 401
        with shell.running(WORKER, until=lambda: workers() == 1, STAGETUNE_TOKEN=nodes.strip()):
            pass
        with shell.start("stagetune list", STAGETUNE_TOKEN=nodes.strip()) as refused:
            _, told = refused.communicate(timeout=DEADLINE)
        assert refused.returncode == 1
        assert "stagetune token create NAME --scope read" in " ".join(told.split())


def test_curl_submits_once_and_lists(served: Shell) -> None:
    submit, ask = CURL
    first, again = (yaml.safe_load(served.run(submit)) for _ in range(2))
    assert (first["name"], again["id"]) == ("digits-rest", first["id"])
    assert "digits-rest" in [study["name"] for study in yaml.safe_load(served.run(ask))]


def test_the_same_on_postgres(postgres_url: str, tmp_path: Path) -> None:
    (export,) = POSTGRES
    shell = Shell(tmp_path)
    export = export.split("=", 1)[0] + f"='{postgres_url}'"
    assert "up to date" in shell.run(export, UPGRADE)
    with shell.running(export, SERVE, until=shell.ready):
        assert shell.answer("/studies") == []
