"""The command objective in a study file: words, placeholders, and which worker's patterns allow what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.contract.command import CommandObjective, filled, placeholders
from studies.contract.permission import how_to_allow, in_words, pattern_for, permits
from studies.contract.study_document import parse_yaml
from studies.contract.study_file import FunctionObjective
from studies.errors import InvalidStudy


def command(*words: str) -> CommandObjective:
    return CommandObjective(kind="command", command=words)


def study(words: str, more: str = "") -> str:
    return f"name: s\nobjective: {{kind: command, command: {words}}}\n{more}"


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("--lr={lr}", "--lr=0.1"),
        ("{lr}", "0.1"),
        ("{{lr}}", "{lr}"),
        ('{"a": 1}', '{"a": 1}'),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("a{lr}b{seed}c", "a0.1b7c"),
        ("{lr!r}", "{lr!r}"),
        ("{{{lr}}}", "{0.1}"),
    ],
)
def test_placeholders_are_filled_and_other_braces_left(word: str, meaning: str) -> None:
    assert filled([word], {"lr": "0.1", "seed": "7"}) == [meaning]


@given(st.lists(st.text(alphabet="ab{}xy =\"'$;&|", max_size=12), max_size=5))
def test_filling_never_changes_the_number_of_words(words: list[str]) -> None:
    values = dict.fromkeys(placeholders(words), "x y; rm -rf {lr}")
    assert len(filled(words, values)) == len(words)


def test_a_value_is_not_filled_again() -> None:
    assert filled(["{a}"], {"a": "{b}", "b": "no"}) == ["{b}"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("[]", "objective.command: must have at least 1 value"),
        ('["{lr}"]', "objective.command: must begin with a program"),
        ('[" "]', "objective.command: must begin with a program"),
        ('[python, "a\\0b"]', "objective.command: must not hold the character NUL"),
        ("python train.py", "objective.command: must be a list, not"),
        ('[python, "{depth}"]', "objective.command names {depth}, which no run has"),
    ],
)
def test_what_is_no_command_is_refused_with_the_reason(words: str, fault: str) -> None:
    with pytest.raises(InvalidStudy) as refused:
        parse_yaml(study(words))
    assert fault in " ".join(refused.value.faults)


def test_a_range_under_space_makes_a_placeholder_known() -> None:
    more = "space: {depth: {kind: int, low: 1, high: 4}}\n"
    assert parse_yaml(study('[python, "{depth}", "{schedule_kind}"]', more)).objective.kind == "command"


def test_momentum_is_no_parameter_of_adam() -> None:
    with pytest.raises(InvalidStudy, match="refused"):
        parse_yaml(study('[python, "{momentum}"]', "optimizer: adam\n"))
    assert parse_yaml(study('[python, "{momentum}"]'))


ALLOWED: list[tuple[tuple[str, ...], str, bool]] = [
    (("python", "train.py", "--lr", "{lr}"), "command:python train.py *", True),
    (("python", "train.py", "--lr", "{lr}"), "command:python train.py --lr {lr}", True),
    (("python", "train.py", "--lr", "{lr}"), "python train.py *", False),
    (("python", "train.py"), "*", False),
    (("python", "train.py"), "command:*", True),
    (("python", "other.py"), "command:python train.py*", False),
    (("python -c", "train.py "), "command:python *", False),
    (("sh", "-c", "python train.py"), "command:python *", False),
]


@pytest.mark.parametrize(("words", "pattern", "runs"), ALLOWED)
def test_a_pattern_speaks_of_the_command_as_one_would_type_it(words: tuple[str, ...], pattern: str, runs: bool) -> None:
    assert permits(command(*words), (), (pattern,)) is runs


def test_a_command_pattern_says_nothing_of_functions() -> None:
    target = FunctionObjective(kind="function", target="command:train")
    assert not permits(target, (), ("command:*",))
    assert permits(target, (), ("comman[d]:train",))


@given(st.lists(st.text(min_size=1, max_size=8).filter(lambda word: "\0" not in word), min_size=1, max_size=4))
def test_the_pattern_for_a_command_allows_it_and_no_other(arguments: list[str]) -> None:
    objective, other = command("run", *arguments), command("run", *arguments, "more")
    assert permits(objective, (), (pattern_for(objective),))
    assert not permits(other, (), (pattern_for(objective),))


def test_how_to_allow_can_be_typed() -> None:
    objective = command("python", "train it.py", "--lr={lr}")
    assert in_words(objective) == "python 'train it.py' --lr={lr}"
    assert how_to_allow(objective).startswith("--allow 'command:python '")
    assert how_to_allow(command("python", "t.py")) == "--allow 'command:python t.py'"


def test_a_study_says_when_a_silent_run_is_given_up() -> None:
    assert parse_yaml(study("[python]")).stall_timeout == 1800
    assert parse_yaml(study("[python]", "stall_timeout: 0\n")).stall_timeout == 0
    with pytest.raises(InvalidStudy) as refused:
        parse_yaml(study("[python]", "stall_timeout: -1\n"))
    assert refused.value.faults == ("stall_timeout: must be at least 0, not -1",)
