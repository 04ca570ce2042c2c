"""Which tasks there are: by the data at hand, and by what may be developed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.quality.lcbench import lcbench_tasks, task_names
from tests.bench.quality.synthetic import SyntheticTask
from tests.bench.quality.tables import TableTask
from tests.bench.quality.task import Task

FIRST, STRIDE = 2, 3
"""Positions 2, 5, 8, ... of the sorted list are for development; the others are for judging what was developed."""

SYNTHETIC_TASKS = 3

HOW_TO_GET = """\
No data for the quality bench in {folder}: it runs on synthetic curves, which say little about real training.
For real curves put these below that folder, or name another with --data:
  lcbench/   model.onnx, encoding.json and config_space.json of the surrogate "lcbench" from
             https://github.com/slds-lmu/yahpo_data (Apache-2.0), lcbench_min_max.csv with the best values per task;
             pip install onnxruntime
  grid_letter.npz, grid_digits.npz   the tables of real training that come with the project's data"""


@dataclass(frozen=True)
class Suite:
    """Where the data lies, and whether the tasks kept for judging are asked for too."""

    folder: Path
    every_task: bool = False
    synthetic: bool = False

    def load(self) -> Mapping[str, Task]:
        """Return the tasks by name; the same in every process."""
        found = [] if self.synthetic else list(self._real())
        tasks = found or [SyntheticTask(index) for index in range(SYNTHETIC_TASKS)]
        return {task.name: task for task in tasks}

    @property
    def missing(self) -> str | None:
        """Return how to get the data, None where there is some or none is wanted."""
        if self.synthetic or (self.folder / "lcbench").exists() or any(self._tables()):
            return None
        return HOW_TO_GET.format(folder=self.folder)

    def _real(self) -> Iterator[Task]:
        folder = self.folder / "lcbench"
        if folder.exists():
            names = task_names(folder)
            yield from lcbench_tasks(folder, names if self.every_task else names[FIRST::STRIDE])
        for file in self._tables():
            yield TableTask(file)

    def _tables(self) -> list[Path]:
        files = (self.folder / f"grid_{name}.npz" for name in ("letter", "digits"))
        return [file for file in files if file.exists()]
