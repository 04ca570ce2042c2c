"""A PostgreSQL server that a test may crash."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil


class Postgres:
    """Stops and starts the server behind an address of the fixture `postgres_of_its_own`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = Path(parse_qs(urlsplit(url).query)["host"][0])

    def stop(self) -> None:
        """End it as a crash does: no checkpoint, no good-bye to clients."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it again (by restart, since that keeps its options)."""
        self._control("restart", "-m", "immediate", "-l", str(self._folder / "restarted.log"))

    def restart(self) -> None:
        self.start()

    def kill(self) -> None:
        """Kill its first process, which nobody can catch; the others end as they notice."""
        first = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
        others = first.children()
        os.kill(first.pid, signal.SIGKILL)
        psutil.wait_procs([first, *others], timeout=30)
        (self._folder / "postmaster.pid").unlink()  # or pg_ctl waits for the dead to end

    @contextmanager
    def crashed(self) -> Iterator[None]:
        """Crash it, and start it again afterwards."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def close(self) -> None:
        """End what the package's own cleanup does not know: the process that came after a crash."""
        with suppress(subprocess.CalledProcessError):
            self.stop()

    def _control(self, *command: str) -> None:
        program = Path((self._folder / "postmaster.opts").read_text().split()[0]).with_name("pg_ctl")
        subprocess.run(
            [program, "-w", "-t", "60", "-D", self._folder, *command],
            user=self._folder.stat().st_uid,  # PostgreSQL does not run as root
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
