"""What packing brings: K runs one after another, as processes, as fused packs, side by side in one run of the bench.

``make bench-packing`` writes ``packing.json`` and ``packing.svg`` and prints a table: samples times members per second
(mean and spread over the repeats), the gain over a plain PyTorch loop that takes the runs one after another, memory,
and how long a sweep of twelve runs takes. In each repeat all ways within one process are timed turn by turn, so that
a busy moment of the machine hits them alike; fleets of processes follow at once. Every process computes on one thread.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from tests.bench.packing_cases import Case, cases
from tests.bench.packing_figure import figure
from tests.bench.packing_fleet import Fleet, FleetFailed, fleet
from tests.bench.packing_programs import IN_PROCESS, Program, modes_for
from tests.bench.packing_results import IN_WORDS, SERIAL_MODES, SWEEP_RUNS, Measurement, Results
from workers.runtime.engines.base import NotStackable
from workers.runtime.footprint import Footprint
from workers.runtime.stopwatch import turn_by_turn

WIDTHS = (1, 4, 8, 12, 16, 32)


@dataclass(frozen=True)
class Settings:
    """How much to measure.

    Attributes:
        members: numbers of runs, K.
        repeats: of everything.
        seconds: for one repeat of all ways within one process, and for each fleet.
        patience: longest step, in seconds, that is waited for; what would take longer is skipped, and said.
        processes: whether fleets are measured.
    """

    device: str = "cpu"
    cases: tuple[str, ...] = ()
    members: tuple[int, ...] = WIDTHS
    repeats: int = 5
    seconds: float = 2.0
    patience: float = 10.0
    processes: bool = True

    @property
    def steps_a_turn(self) -> int:
        """On a card enough that the device, not the program, is what is waited for."""
        return 4 if self.device == "cpu" else 32


QUICK = Settings(cases=("small_mlp", "tiny_cnn"), members=(1, 4, SWEEP_RUNS), repeats=2, seconds=0.05, processes=False)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="the two smallest nets, a few seconds, no processes")
    parser.add_argument(
        "--cases", nargs="*", default=[], help="only these: " + ", ".join(case.name for case in cases())
    )
    parser.add_argument("--members", nargs="*", type=int, default=list(WIDTHS), help="numbers of runs")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("stagetune-data/bench-packing"))
    given = parser.parse_args(arguments)
    full = Settings(given.device, tuple(given.cases), tuple(given.members), given.repeats)
    settings = QUICK if given.quick else full
    torch.set_num_threads(1)
    console = Console()
    found: list[Measurement] = []
    for measurement in measured(settings, console):
        found.append(measurement)
        _write(Results(found), settings, given.output)
    console.print(table(Results(found)))
    console.print(sweeps(Results(found)))


def _write(results: Results, settings: Settings, output: Path) -> None:
    """Write what there is so far: the large nets take long, and whoever interrupts them keeps the others."""
    output.mkdir(parents=True, exist_ok=True)
    document = results.document(settings.device, _described(settings))
    (output / "packing.json").write_text(json.dumps(document, indent=1) + "\n")
    (output / "packing.svg").write_text(figure(results, document["machine"]))


def _described(settings: Settings) -> dict[str, object]:
    chosen = [case.name for case in _chosen(settings)]
    synthetic = [case.name for case in _chosen(settings) if case.synthetic]
    return {"repeats": settings.repeats, "seconds": settings.seconds, "cases": chosen, "synthetic_data": synthetic}


def _chosen(settings: Settings) -> list[Case]:
    return [case for case in cases() if not settings.cases or case.name in settings.cases]


# --- measuring -------------------------------------------------------------------------------------------------------


def measured(settings: Settings, console: Console) -> Iterator[Measurement]:
    """Measure everything, telling the console what is under way."""
    for case in _chosen(settings):
        for members in settings.members:
            console.log(f"{case.title}: {members} runs")
            yield from _Cell(case, members, settings).measure()


@dataclass
class _Cell:
    """One case at one number of runs, all ways side by side."""

    case: Case
    members: int
    settings: Settings
    programs: dict[str, Program] = field(default_factory=dict)
    memory: dict[str, int | None] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)

    def measure(self) -> Iterator[Measurement]:
        self._build()
        with ExitStack() as stack:
            fleets = self._fleets(stack) if self.settings.processes else {}
            for _ in range(self.settings.repeats):
                self._repeat(fleets)
        for mode in [*self.rates, *self.skipped]:
            yield Measurement(
                self.case.name,
                self.members,
                mode,
                self.case.batch,
                tuple(self.rates.get(mode, ())),
                self.memory.get(mode),
                self.skipped.get(mode, ""),
            )

    def _build(self) -> None:
        """Build and warm up each way, if its steps are not expected to take too long."""
        footprint = Footprint(self.settings.device)
        step_seconds = 0.0
        for mode in modes_for(self.case, self.settings.device):
            expected = step_seconds * (1 if mode in SERIAL_MODES else self.members)
            if expected > self.settings.patience:
                self.skipped[mode] = f"one step would take about {expected:.0f} s"
                continue
            footprint.restart()
            self._begin(mode)
            self.memory[mode] = footprint.peak()
            if mode == "serial":
                step_seconds = median(turn_by_turn({mode: self._turn(mode, 1)}, 0.0)[mode])

    def _begin(self, mode: str) -> None:
        try:
            program = IN_PROCESS[mode](self.case, self.settings.device, self.members)
            program.steps(2)
            self.programs[mode] = program
        except (NotStackable, torch.OutOfMemoryError) as refusal:
            self.skipped[mode] = str(refusal)
        gc.collect()

    def _turn(self, mode: str, steps: int) -> Callable[[], None]:
        return lambda: self.programs[mode].steps(steps)

    def _repeat(self, fleets: dict[str, Fleet]) -> None:
        count = self.settings.steps_a_turn
        times = turn_by_turn({mode: self._turn(mode, count) for mode in self.programs}, self.settings.seconds)
        for mode, program in self.programs.items():
            samples = count * program.members * self.case.batch
            self.rates.setdefault(mode, []).append(samples / median(times[mode]))
        for mode, running in fleets.items():
            self.rates.setdefault(mode, []).append(running.samples_per_second(self.settings.seconds))

    # --- processes ---------------------------------------------------------------------------------------------------

    def _fleets(self, stack: ExitStack) -> dict[str, Fleet]:
        """One run a process, on a CPU one a core at a time; there also fused packs, one a core."""
        cores = len(os.sched_getaffinity(0))
        if self.settings.device != "cpu":
            return self._started(stack, {"processes": ("serial", [1] * self.members)})
        wanted = {"processes": ("serial", [1] * min(self.members, cores))}
        if self.members > 1 and "batched" in self.programs:
            wanted["packs"] = ("batched", _split(self.members, cores))
        return self._started(stack, wanted)

    def _started(self, stack: ExitStack, wanted: dict[str, tuple[str, list[int]]]) -> dict[str, Fleet]:
        fleets = {}
        for name, (mode, widths) in wanted.items():
            try:
                fleets[name] = stack.enter_context(fleet(self.case.name, self.settings.device, mode, widths))
                self.memory[name] = fleets[name].memory_bytes()
            except FleetFailed as fault:
                self.skipped[name] = str(fault)
        return fleets


def _split(members: int, processes: int) -> list[int]:
    """Divide evenly, the larger parts first."""
    each, more = divmod(members, processes)
    return [size for index in range(processes) if (size := each + (index < more))]


# --- telling ---------------------------------------------------------------------------------------------------------


def table(results: Results) -> Table:
    """Return all measurements as a table."""
    shown = Table(title="samples x members per second")
    for name in ("case", "runs", "way", "rate", "spread", "gain", "over best alone", "memory"):
        shown.add_column(name, justify="left" if name in ("case", "way") else "right", no_wrap=True)
    for each in results.measurements:
        figures = _figures(results, each) if each.rates else [each.skipped, "", "", "", ""]
        shown.add_row(each.case, str(each.members), each.mode, *figures)
    return shown


def _figures(results: Results, each: Measurement) -> list[str]:
    gains = [results.gain(each), results.gain(each, SERIAL_MODES)]
    memory = "" if each.memory_bytes is None else f"{each.memory_bytes / 2**20:,.0f} MiB"
    return [
        f"{each.mean:,.0f}",
        f"{100 * each.spread / each.mean:.1f} %",
        *("" if gain is None else f"{gain:.2f}x" for gain in gains),
        memory,
    ]


def sweeps(results: Results) -> Table:
    """Return how long a sweep takes in each way, and how that compares with one run of it."""
    shown = Table(title=f"a sweep of {SWEEP_RUNS} runs of 1,000 steps")
    for name in ("case", "way", "seconds", "times one run"):
        shown.add_column(name, justify="left" if name in ("case", "way") else "right")
    for each in _of_sweep(results.measurements):
        alone = results.find(each.case, SWEEP_RUNS, "serial")
        seconds = each.seconds_for(SWEEP_RUNS)
        times = f"{seconds / alone.seconds_for(1):.1f}" if alone else ""
        shown.add_row(each.case, IN_WORDS[each.mode], f"{seconds:.1f}", times)
    return shown


def _of_sweep(measurements: Iterable[Measurement]) -> list[Measurement]:
    return [each for each in measurements if each.members == SWEEP_RUNS and each.rates]


if __name__ == "__main__":
    main()
