"""Everything that the bench compares, by name, with what its results depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from studies.contract.base import Params
from studies.contract.study_file import STAGE_ORDERS, StudySpec
from tests.bench.quality import specs
from tests.bench.quality.cases import Case, Traits
from tests.bench.quality.ledger import Ledger, Trajectory
from tests.bench.quality.peers import PEERS, PeerSearch
from tests.bench.quality.slots import Search, simulate
from tests.bench.quality.strategies import StudySearch
from tests.bench.quality.task import Task, defaults_of
from tests.bench.quality.versions import fingerprint

BENCH = "tests/bench/quality"
ENQUEUED = "+defaults"
"""Ends the name of a peer that tries the defaults first."""

COMMON = tuple(f"{BENCH}/{name}.py" for name in ("axes", "task", "lcbench", "tables", "synthetic", "ledger", "slots"))
OWN = (
    f"{BENCH}/strategies.py",
    f"{BENCH}/specs.py",
    "studies/core/*.py",
    "studies/core/curves/*.py",
    "studies/contract/schedule.py",
    "studies/contract/stages.py",
    "studies/contract/study_file.py",
    "studies/storage/optuna_bridge/sampler.py",
    "tests/simulation/simulator.py",
)
GUIDE = tuple(f"studies/core/stages/{kind}/*.py" for kind in STAGE_ORDERS["guide"])
GUIDED_SEARCH = (
    *(f"studies/core/stages/{kind}/*.py" for kind in STAGE_ORDERS["guided_search"]),
    "studies/core/search/*.py",
    "studies/contract/search_space.py",
)


class Builder(Protocol):
    def __call__(self, task: Task, case: Case, ledger: Ledger) -> Search: ...


@dataclass(frozen=True)
class Method:
    """A way to search.

    Attributes:
        build: puts it to work.
        sources: the files, as patterns below the repository's root, that its results depend on.
    """

    build: Builder
    traits: Traits
    sources: tuple[str, ...]


def _peer(name: str, *, enqueue: bool) -> Method:
    def build(task: Task, case: Case, ledger: Ledger) -> Search:
        enqueued = defaults_of(task, case.defaults, case.seed) if enqueue else None
        return PeerSearch(PEERS[name], task, case.seed, case.slots, enqueued)

    return Method(build, Traits(uses_defaults=enqueue, knows_budget=False), (*COMMON, f"{BENCH}/peers.py"))


def _own(study_file: Callable[[Task, int, Params, int, int], StudySpec], stages: tuple[str, ...]) -> Method:
    def build(task: Task, case: Case, ledger: Ledger) -> Search:
        defaults = defaults_of(task, case.defaults, case.seed)
        return StudySearch(study_file(task, case.budget, defaults, case.seed, case.slots), task, ledger, defaults)

    return Method(build, Traits(uses_defaults=True, knows_budget=True), (*COMMON, *OWN, *stages))


METHODS: Mapping[str, Method] = {
    **{name: _peer(name, enqueue=False) for name in PEERS},
    **{name + ENQUEUED: _peer(name, enqueue=True) for name in PEERS},
    "guide": _own(specs.guide, GUIDE),
    "guided_search": _own(specs.guided_search, GUIDED_SEARCH),
}


def run(case: Case, task: Task) -> Trajectory:
    """Return what the case's method comes to on the task."""
    ledger = Ledger(task, case.budget * task.epochs)
    simulate(METHODS[case.method].build(task, case, ledger), ledger, case.slots)
    return ledger.trajectory()


def version(method: str) -> str:
    """Return a hash that changes whenever something changes that the method's results depend on."""
    return fingerprint(METHODS[method].sources)
