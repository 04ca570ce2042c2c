"""What of the worker's environment its runs get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.environment import allowed, of_runs

GIVEN = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LC_ALL": "C",
    "CUDA_VISIBLE_DEVICES": "1",
    "PYTHONPATH": "/mine",
    "AWS_SECRET_ACCESS_KEY": "s",
    "HTTPS_PROXY": "http://me:password@proxy",
    "WANDB_API_KEY": "w",
    "STAGETUNE_TOKEN": "t",
    "STAGETUNE_DATABASE_URL": "postgresql://me:secret@db/s",
}


def test_what_runs_need_is_passed_and_nothing_else() -> None:
    assert set(allowed(GIVEN)) == {"PATH", "HOME", "LC_ALL", "CUDA_VISIBLE_DEVICES", "PYTHONPATH"}


def test_a_pattern_lets_more_through() -> None:
    assert "WANDB_API_KEY" in allowed(GIVEN, ["WANDB_*"])


@given(st.lists(st.sampled_from(["*", "STAGETUNE_*", "STAGETUNE_TOKEN", "S*", "?TAGETUNE_TOKEN"])))
def test_no_pattern_lets_our_own_through(patterns: list[str]) -> None:
    assert not any(value in {"t", GIVEN["STAGETUNE_DATABASE_URL"]} for value in of_runs(GIVEN, patterns).values())


def test_runs_find_these_packages_first_and_remember_the_users_path() -> None:
    environ = of_runs(GIVEN)
    assert environ["PYTHONPATH"].endswith(":/mine")
    assert environ["STAGETUNE_PYTHONPATH"] == "/mine"
    assert environ["OMP_NUM_THREADS"] == "1"
