"""Finalists are run again with other seeds before a small lead is believed (T, guide stage 1; guide section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from studies.core.actions import Proposal
from studies.core.judging import Contender

REPEAT = "/seed="
"""Between the key of a configuration and the seed of a further run of it."""

ROUNDS = 2
"""Times that each finalist is repeated at most: one or two further seeds."""


def repeats(
    finalists: Sequence[Contender], settled_after: Callable[[int], bool], why: str, rounds: int = ROUNDS
) -> tuple[Proposal, ...]:
    """Return the repeats that the finalists want: round after round, until their order is settled or `rounds` are run.

    In a round only those are run that have the fewest seeds behind them, so that all end with the same seeds.

    ``settled_after(n)`` says whether it is by the runs of the first n rounds alone, so that asking again gives the
    same proposals, or these and more.
    """
    return tuple(_rounds(finalists, settled_after, why, rounds))


def _rounds(
    finalists: Sequence[Contender], settled_after: Callable[[int], bool], why: str, rounds: int
) -> Iterator[Proposal]:
    for done in range(rounds):
        if len(finalists) <= 1 or settled_after(done):
            return
        standing = [finalist.after(done) for finalist in finalists]
        seed = min(map(next_seed, standing))
        yield from (again(each, seed, done, why) for each in standing if next_seed(each) == seed)


def next_seed(contender: Contender) -> int:
    """Return the seed that a contender is to be repeated with: the one after its last."""
    return max(trial.seed for trial in contender.trials) + 1


def again(contender: Contender, seed: int, done: int, why: str) -> Proposal:
    """Return a further run of a contender after `done` repeats."""
    original = contender.trials[0]
    return Proposal(
        key=f"{original.key.split(REPEAT)[0]}{REPEAT}{seed}",
        params=original.params,
        schedule=original.schedule,
        num_steps=original.num_steps,
        seed=seed,
        reason=f"Repeat {done + 1} with another seed: {why}",
        parent_id=original.id,
    )
