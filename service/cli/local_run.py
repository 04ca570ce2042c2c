"""One study on this machine, from its file to its report: the server in a thread, the worker as a child process."""

from __future__ import annotations

import fcntl
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pydantic import SecretStr
from rich.console import Console

from service.app import create_app
from service.auth.secrets import new_secret
from service.cli.adoption import adopt
from service.cli.console import show as show_panel
from service.cli.render import report_panel
from service.cli.report import build_report, exit_code
from service.cli.watching import watch_study
from service.cli.worker_process import Packing, WorkerProcess, worker_command
from service.client import ApiClient, ApiError
from service.format import count
from service.server import BackgroundServer, listen, url_of
from service.settings import DEFAULT_DATABASE, Settings, read_settings
from service.storage import open_database
from studies.contract.permission import pattern_for
from studies.contract.states import StudyCommand
from studies.contract.study_file import BuiltinObjective, StudySpec
from studies.contract.views import StudyView

LOOPBACK = "127.0.0.1"
LEASE_SECONDS = 10.0
"""Short, so that a run that was killed goes on soon after it is started again."""

PAUSED = 130
"""Exit code of a process that ended on Ctrl-C."""


@dataclass(frozen=True)
class LocalRun:
    """What to run and where.

    ``port`` None takes the usual one, or a free one if that is taken; ``packing`` None leaves it to the worker.
    ``env`` are patterns of variables that runs may see.
    """

    spec: StudySpec
    data_dir: Path
    devices: str = "auto"
    packing: Packing | None = None
    port: int | None = None
    fresh: bool = False
    env: tuple[str, ...] = ()


def run_here(plan: LocalRun, console: Console) -> int:
    """Run the study to its end and print its report; return the process's exit code.

    Ctrl-C and SIGTERM pause the study, let the worker save its checkpoints, and return 130.
    """
    plan.data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_alone_in(plan.data_dir))
        stack.enter_context(_terminate_like_ctrl_c())
        listening = stack.enter_context(_listening(plan.port))
        secret = new_secret()
        worker = _start_worker(plan, url_of(listening), secret)
        stack.callback(worker.stop)
        settings = _settings(plan)
        store = stack.enter_context(closing(open_database(settings)))
        if store.credentials.any_token():  # closed to others; this run's own worker and questions get in with a token
            settings = settings.model_copy(update={"token": SecretStr(secret)})
        server = stack.enter_context(BackgroundServer(create_app(settings, store), listening))
        client = stack.enter_context(ApiClient(server.url, secret))
        stack.callback(worker.stop)  # while the server is still there to take its last words
        return _follow(plan, client, worker, console)


def _follow(plan: LocalRun, client: ApiClient, worker: WorkerProcess, console: Console) -> int:
    study = adopt(client, plan.spec, fresh=plan.fresh)
    if study.state.ended:
        console.print("This study has ended already; to begin again beside it add --fresh. What it found:")
        _conclude(plan, study, console)
        return exit_code(study.state)
    if study.progress.trials_ended:
        console.print(f"Going on where it stopped: {count(study.progress.trials_ended, 'trial')} ended before.")
    page = f"{client.url}/studies/{study.id}"
    console.print(f"Dashboard: [link={page}]{page}[/link]  (Ctrl-C pauses the study; the same command goes on)")
    try:
        study = watch_study(client, study.id, console, check=lambda: _require_alive(worker))
    except KeyboardInterrupt:
        _pause(client, study, console)
        return PAUSED
    _conclude(plan, study, console)
    if exit_code(study.state):
        console.print("When the cause is mended, begin again with the same command and --fresh.")
    return exit_code(study.state)


def _conclude(plan: LocalRun, study: StudyView, console: Console) -> None:
    """Print the report, and where to look on."""
    show_panel(report_panel(build_report(study)))
    runs, command = plan.data_dir / "runs", serve_command(plan.data_dir)
    console.print(f"Run logs and checkpoints are in {runs}. Every curve and decision, in the browser:\n  {command}")


def _pause(client: ApiClient, study: StudyView, console: Console) -> None:
    if not client.study(study.id).state.ended:
        client.command(study.id, StudyCommand.PAUSE)
    console.print("[yellow]Paused.[/] The same command again goes on from the checkpoints.")


def _require_alive(worker: WorkerProcess) -> None:
    if worker.exit_code is not None:
        raise ApiError(f"the worker has ended with exit code {worker.exit_code}: {worker.log} says why")


def _start_worker(plan: LocalRun, server: str, token: str) -> WorkerProcess:
    """Start the worker. Code that the user runs from their own study file is thereby allowed, no other.

    For it no builtin objective is offered: loading torch for it would cost seconds and serve nobody.
    """
    objective = plan.spec.objective
    allow = () if isinstance(objective, BuiltinObjective) else (pattern_for(objective),)
    command = worker_command(
        server, plan.devices, plan.data_dir / "runs", allow, builtin=not allow, packing=plan.packing, env=plan.env
    )
    return WorkerProcess(command, plan.data_dir / "worker.log", {"STAGETUNE_TOKEN": token})


def _settings(plan: LocalRun) -> Settings:
    return Settings(
        database_url=_database_url(plan.data_dir),
        host=LOOPBACK,
        token=None,
        lease_seconds=LEASE_SECONDS,
        sync_seconds=0.5,
        allowed_hosts=(),
        artifacts=plan.data_dir / "artifacts",
        root_path="",
    )


def serve_command(data_dir: Path) -> str:
    """Return how to look afterwards at the studies of a folder."""
    database_url = _database_url(data_dir)
    return "stagetune serve" + ("" if database_url == DEFAULT_DATABASE else f" --database-url {database_url}")


def _database_url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'stagetune.db'}"


@contextmanager
def _listening(port: int | None) -> Iterator[socket.socket]:
    """Listen on `port`, or on the usual one, or on a free one."""
    try:
        listening = listen(LOOPBACK, read_settings().port if port is None else port)
    except OSError as error:
        if port is not None:
            raise ApiError(f"port {port} cannot be used ({error.strerror}): choose another --port") from error
        listening = listen(LOOPBACK, 0)
    with listening:
        yield listening


@contextmanager
def _alone_in(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock goes when the process does, however it ends.

    Raises:
        ApiError: another `run` is at work in this folder.
    """
    with (data_dir / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ApiError(
                f"another `stagetune run` is at work in {data_dir}: wait for it, or choose another --data-dir"
            ) from error
        yield


@contextmanager
def _terminate_like_ctrl_c() -> Iterator[None]:
    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
