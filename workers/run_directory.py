"""The run directory ``<workdir>/<study>/<trial>/``: what all attempts of a trial share.

run.json         what to run (the latest lease)
run.log          the output of all attempts
error.json       the exception that ended the latest attempt
delivered.json   the last step whose metrics the server has acknowledged
checkpoint.pt    the task's checkpoint
checkpoint.json  the step that it stands at
checkpoint/      a function's own checkpoints
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from studies.contract.base import Scalar
from studies.contract.worker_protocol import RunSpec
from workers import archive
from workers.files import write_whole

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True)
class RunDirectory:
    """The files of one trial. Everything is written to a temporary name and then put in place."""

    path: Path

    @classmethod
    def of(cls, workdir: Path, run: RunSpec) -> RunDirectory:
        """Return the directory of a run.

        Raises:
            ValueError: an id that could lead out of `workdir`.
        """
        for name in (run.study_id, run.trial_id):
            if not _SAFE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not an id that this worker makes a folder of")
        return cls(workdir.resolve() / run.study_id / run.trial_id)

    @property
    def log(self) -> Path:
        return self.path / "run.log"

    @property
    def spec(self) -> Path:
        return self.path / "run.json"

    @property
    def error(self) -> Path:
        return self.path / "error.json"

    def prepare(self, run: RunSpec) -> None:
        """Create the directory, write down what is to be run, and forget the error of an earlier attempt."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.spec, run.model_dump_json(indent=2))
        self.error.unlink(missing_ok=True)
        self.log.touch()

    def read_spec(self) -> RunSpec:
        return RunSpec.model_validate_json(self.spec.read_bytes())

    def write_error(self, error: dict[str, Scalar]) -> None:
        write_whole(self.error, json.dumps(error))

    @property
    def delivered(self) -> int:
        """The last step whose metrics the server has acknowledged, 0 for none."""
        path = self.path / "delivered.json"
        return int(json.loads(path.read_text())["step"]) if path.exists() else 0

    def checkpoint_step(self) -> int:
        """Return the step that the checkpoint stands at; -1 where there is none.

        Of a user's own files nobody knows; they are taken to stand at the last step that was delivered.
        """
        if not archive.exists(self.path):
            return -1
        return self._task_step() if (self.path / "checkpoint.pt").exists() else self.delivered

    def _task_step(self) -> int:
        try:
            return int(json.loads((self.path / "checkpoint.json").read_text())["step"])
        except (OSError, ValueError, KeyError, TypeError):  # of an older version, or torn: it is somewhere
            return 0

    def adopt(self, file: Path, step: int) -> None:
        """Put the checkpoint of an archive in place of what is here; it stands at `step`.

        Raises:
            BadArchive, OSError: nothing was changed.
        """
        archive.put_in_place(file, self.path)
        if not (self.path / "checkpoint.pt").exists():
            self.write_delivered(step)

    def write_delivered(self, step: int) -> None:
        write_whole(self.path / "delivered.json", json.dumps({"step": step}))


def unwritable(workdir: Path) -> str | None:
    """Return why runs cannot be kept in `workdir`, None where they can; every lease would fail there."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=workdir) as probe:
            probe.write(b"x")
    except OSError as fault:
        return f"runs cannot be kept in {workdir} ({fault.strerror}): make room there, or name another folder."
    return None
