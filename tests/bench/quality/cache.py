"""Results of searches that have been run, one file a method and version, so that a rerun costs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tests.bench.quality.cases import Case
from tests.bench.quality.ledger import Trajectory
from tests.bench.quality.task import Scale


class Cache:
    """A folder of JSON lines. One process writes; a line that was cut off by an interruption is run again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, method: str, version: str) -> dict[Case, Trajectory]:
        """Return everything known of a method at a version."""
        file = self._file(method, version)
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(entry for line in lines if (entry := _entry(line)))

    def add(self, case: Case, version: str, found: Trajectory) -> None:
        with self._file(case.method, version).open("a") as file:
            file.write(json.dumps({"case": asdict(case), "found": asdict(found)}) + "\n")

    def scales(self, version: str) -> dict[str, Scale]:
        """Return the scales of tasks, by name."""
        file = self._file("scales", version)
        known = json.loads(file.read_text()) if file.exists() else {}
        return {task: Scale(**values) for task, values in known.items()}

    def keep_scales(self, scales: Mapping[str, Scale], version: str) -> None:
        self._file("scales", version).write_text(json.dumps({task: asdict(scale) for task, scale in scales.items()}))

    def _file(self, name: str, version: str) -> Path:
        return self._folder / f"{name}-{version}.jsonl"


def _entry(line: str) -> tuple[Case, Trajectory] | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    found = entry["found"]
    return Case(**entry["case"]), Trajectory(tuple(found["epochs"]), tuple(found["results"]), found["consumed"])
