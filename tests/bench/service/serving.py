"""A real server in a process of its own, reached over a socket: what HTTP costs is part of what is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from service.server import listen, url_of

START_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def serving(database_url: str, **settings: str) -> Iterator[tuple[httpx.Client, int]]:
    """Run ``stagetune serve`` on a database; yield a client of it and the server's process id.

    Args:
        database_url: what it serves.
        settings: further settings, by their names without ``STAGETUNE_``.

    Raises:
        RuntimeError: it did not start; the message has its output.
    """
    with listen("127.0.0.1", 0) as free:
        url, port = url_of(free), free.getsockname()[1]
    environment = {f"STAGETUNE_{name.upper()}": value for name, value in settings.items()}
    arguments = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--database-url", database_url]
    with TemporaryDirectory(prefix="stagetune-bench-server-") as folder, (Path(folder) / "out").open("w+b") as output:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            with httpx.Client(base_url=url, timeout=60.0) as client:
                _wait_for(client, process, Path(output.name))
                yield client, process.pid
        finally:
            process.terminate()
            process.wait()


def _wait_for(client: httpx.Client, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {output.read_text()}")
