"""Do the three stages pay? The demo's study with several seeds, against its own sweep's run at lr = 0.01.

``make bench-digits`` runs `stagetune run` once a seed, one after another, and prints a table: the dev accuracy (peak of
the smoothed curve) of the default run, that is lr = 0.01 with the study file's defaults, and of the final
configuration, as a mean over its seeds. Studies that have ended already in the data folder are not run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.cli.local import demo_study
from studies.contract.study_document import to_yaml
from studies.contract.views import StudyView
from studies.storage import open_store

STRIDE = 100
"""Between the seeds of two studies: repeats within one count up from its seed."""


@dataclass(frozen=True)
class Row:
    """One study: dev accuracy of the lr = 0.01 run, after each stage and at the end, and what it took."""

    seed: int
    default: float
    after: tuple[float, ...]
    repeats: int
    trials: int
    steps: int
    seconds: float

    @property
    def gain(self) -> float:
        return self.after[-1] - self.default


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many studies")
    parser.add_argument("--data-dir", type=Path, default=Path("stagetune-data/bench-digits"))
    arguments = parser.parse_args()
    rows = [measure(index * STRIDE, arguments.data_dir / str(index)) for index in range(arguments.seeds)]
    Console().print(table(rows))


def measure(seed: int, folder: Path) -> Row:
    """Run the study of one seed in its own folder and read what it came to."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "study.yaml"
    file.write_text(to_yaml(demo_study(quick=False).model_copy(update={"seed": seed})))
    began = time.monotonic()
    command = [sys.executable, "-m", "service.cli", "run", str(file), "--data-dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return row_of(seed, read(folder), time.monotonic() - began)


def read(folder: Path) -> StudyView:
    store = open_store(f"sqlite:///{folder / 'stagetune.db'}")
    try:
        return store.get_study(store.list_studies()[0].id)
    finally:
        store.close()


def row_of(seed: int, study: StudyView, seconds: float) -> Row:
    evidence = [stage.decision.evidence for stage in study.stages if stage.decision]
    chosen = evidence[-1]["cells"][0]  # best first
    return Row(
        seed=seed,
        default=evidence[0]["dev_before"],
        after=tuple(found["dev_after"] for found in evidence),
        repeats=len(chosen["seeds"]),
        trials=study.progress.trials_ended,
        steps=study.progress.steps,
        seconds=seconds,
    )


def table(rows: list[Row]) -> Table:
    shown = Table(title="dev accuracy on digits: the three stages against the sweep's run at lr = 0.01")
    for name in ("seed", "lr = 0.01", "after stage 1", "after stage 2", "final", "seeds", "gain", "trials", "s"):
        shown.add_column(name, justify="right")
    for row in rows:
        after = [f"{value:.4f}" for value in row.after]
        numbers = [str(row.repeats), f"{row.gain:+.4f}", str(row.trials), f"{row.seconds:.0f}"]
        shown.add_row(str(row.seed), f"{row.default:.4f}", *after, *numbers)
    return shown


if __name__ == "__main__":
    main()
