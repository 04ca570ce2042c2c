"""The study file: what is read, and how each fault is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from studies.contract.study_document import MAX_FAULTS, parse_json, parse_yaml, to_document, to_yaml
from studies.contract.study_file import BatchMomentum, FunctionObjective, StudySpec
from studies.contract.study_text import MAX_BYTES
from studies.errors import InvalidStudy

FUNCTION = {"kind": "function", "target": "train.py:train"}
DIGITS = {"dataset": "digits", "model": "small_cnn"}
BUILTIN = {"kind": "builtin", "name": "image_classification", "args": DIGITS}


def document(**changes: Any) -> dict[str, Any]:
    return {"name": "digits", "objective": FUNCTION, **changes}


def stage(kind: str = "batch_momentum", **changes: Any) -> dict[str, Any]:
    return document(stages=[{"kind": kind, **changes}])


def faults_of(text: bytes | str, parse: Any = parse_json) -> tuple[str, ...]:
    with pytest.raises(InvalidStudy) as caught:
        parse(text)
    return caught.value.faults


FAULTS = {
    "momentum": (stage(momenta=[1.5]), "stages[0].momenta[0]: must be in [0, 1), not 1.5"),
    "default momentum": (document(defaults={"momentum": -0.1}), "defaults.momentum: must be in [0, 1), not -0.1"),
    "misspelt key": (document(budgets={}), "budgets: unknown key, did you mean budget?"),
    "misspelt key of a stage": (stage("lr_sweep", gird=[1]), "stages[0].gird: unknown key, did you mean grid?"),
    "strange key": (
        document(metric={"0 x": 1}),
        'metric["0 x"]: unknown key, known here: name, direction',
    ),
    "text for a list of numbers": (stage(batch_sizes=["64"]), 'stages[0].batch_sizes[0]: must be an integer, not "64"'),
    "true for a number": (stage("lr_sweep", grid=[True]), "stages[0].grid[0]: must be a number, not true"),
    "number for an integer": (document(seed=1.0), "seed: must be an integer, not 1.0"),
    "huge integer": (document(seed=10**40), "seed: must be an integer, not 1e+40"),
    "too many steps": (document(budget={"steps": 2**31}), "budget.steps: must be less than 2147483648, not 2147483648"),
    "number for a text": (document(name=7), "name: must be a text, not 7"),
    "text for true": (
        document(objective={**BUILTIN, "args": {**DIGITS, "download": "yes"}}),
        'objective.args.download: must be true or false, not "yes"',
    ),
    "negative rate": (stage("lr_sweep", grid=[-0.1]), "stages[0].grid[0]: must be more than 0, not -0.1"),
    "NaN": (stage("lr_sweep", grid=[float("nan")]), "stages[0].grid[0]: must be a finite number, not NaN"),
    "Infinity": (stage(lr_bracket=[float("inf")]), "stages[0].lr_bracket[0]: must be a finite number, not Infinity"),
    "NaN in arguments": (
        document(objective={**FUNCTION, "args": {"width": float("nan")}}),
        "objective.args.width: must be a finite number, not NaN",
    ),
    "list in arguments": (
        document(objective={**FUNCTION, "args": {"layers": [1, 2]}}),
        "objective.args.layers: must be true, false, a number or a text",
    ),
    "empty grid": (stage("lr_sweep", grid=[]), "stages[0].grid: must have at least 1 value"),
    "long grid": (
        stage("lr_sweep", grid=list(range(1, 1002))),
        "stages[0].grid: must have at most 1000 values, not a list",
    ),
    "repeated rate": (
        stage("lr_sweep", grid=[1, 0.1, 1.0]),
        "stages[0].grid: must not repeat a value: 1.0 given more than once",
    ),
    "no stages": (document(stages=[]), "stages: must have at least 1 value"),
    "stages not a list": (document(stages={}), "stages: must be a list, not a mapping"),
    "unknown kind": (
        stage("lr_seep"),
        "stages[0].kind: must be one of lr_sweep, batch_momentum, decay_schedule, lr_halving, decay_probes, "
        'parameter_probes, search, joint_search, confirm, not "lr_seep"',
    ),
    "no kind": (
        document(stages=[{}]),
        "stages[0].kind: is required, must be one of lr_sweep, batch_momentum, decay_schedule, lr_halving, "
        "decay_probes, parameter_probes, search, joint_search, confirm",
    ),
    "stage not a mapping": (document(stages=["lr_sweep"]), 'stages[0]: must be a mapping, not "lr_sweep"'),
    "stage twice": (
        document(stages=[{"kind": "lr_sweep"}, {"kind": "lr_sweep"}]),
        "stages: names a kind twice: each stage kind may stand once",
    ),
    "stages out of order": (
        document(stages=[{"kind": "batch_momentum"}, {"kind": "lr_sweep"}]),
        "stages: must keep the order of strategy: guide: lr_sweep, batch_momentum, decay_schedule",
    ),
    "sampler without trials": (
        stage(search="tpe"),
        "stages[0].trials: say how many trials search: tpe may use, for example trials: 20",
    ),
    "grid with trials": (
        stage(trials=5),
        "stages[0].trials: leave it out with search: grid, the axes say how many points there are",
    ),
    "grid too large": (
        stage(batch_sizes=list(range(1, 1001)), momenta=[0.1, 0.2, 0.3, 0.4]),
        "stages[0].lr_bracket: makes a grid of 12000 points with batch_sizes and momenta, more than 10000: "
        "shorten the axes, or sample with search: random and trials",
    ),
    "too many seeds": (
        stage("lr_sweep", grid=list(range(1, 1001)), seeds=11),
        "stages[0].seeds: makes 11000 trials of 1000 rates: use at most 10 seeds, or a smaller grid",
    ),
    "evaluated never": (
        document(budget={"steps": 20}, evaluate_every=30),
        "evaluate_every: is more than budget.steps (20), so no trial would ever be evaluated: use at most 20",
    ),
    "name of a path": (
        document(name="a/b"),
        "name: must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit",
    ),
    "metric name": (
        document(metric={"name": "dev accuracy"}),
        "metric.name: must be 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or '_'",
    ),
    "tag of two words": (
        document(tags=["fine", "not fine"]),
        "tags[1]: must be one word of at most 40 characters: letters, digits and any of . _ - : / +",
    ),
    "tag that is long": (
        document(tags=["x" * 41]),
        "tags[0]: must be one word of at most 40 characters: letters, digits and any of . _ - : / +",
    ),
    "tag twice": (document(tags=["Vision", "vision"]), "tags: must not repeat a value: vision given more than once"),
    "choice": (document(optimizer="sdg"), 'optimizer: must be one of sgd, nesterov, adam, adamw, rmsprop, not "sdg"'),
    "unknown strategy": (document(strategy="random"), 'strategy: must be one of guide, guided_search, not "random"'),
    "target": (
        document(objective={**FUNCTION, "target": "train"}),
        "objective.target: must name a function as file.py:function or package.module:function",
    ),
    "target above": (
        document(objective={**FUNCTION, "target": "a/../../train.py:train"}),
        "objective.target: must stay below the worker's folder: '..' is not allowed",
    ),
    "long target": (
        document(objective={**FUNCTION, "target": "a" * 300 + ":f"}),
        f'objective.target: must have at most 300 characters, not "{"a" * 59}...',
    ),
    "empty text": (
        document(objective={**BUILTIN, "args": {"dataset": "", "model": "mlp"}}),
        "objective.args.dataset: must have at least 1 character",
    ),
    "share": (
        document(objective={**BUILTIN, "args": {**DIGITS, "dev_fraction": 1}}),
        "objective.args.dev_fraction: must be less than 1, not 1",
    ),
    "at most": (document(budget={"trials": 100_001}), "budget.trials: must be at most 100000, not 100001"),
    "at least": (document(budget={"trials": 0}), "budget.trials: must be at least 1, not 0"),
    "list for a mapping": (document(budget=[]), "budget: must be a mapping, not a list"),
    "arguments not a mapping": (
        document(objective={**FUNCTION, "args": 3}),
        "objective.args: must be a mapping, not 3",
    ),
    "no name": ({"objective": FUNCTION}, "name: is required"),
    "NUL": (document(name="a\x00"), "name: must be Unicode text without NUL characters"),
    "lone surrogate": (document(name="\ud800"), "name: must be Unicode text without NUL characters"),
}


@pytest.mark.parametrize(("given_document", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_by_its_path(given_document: dict[str, Any], fault: str) -> None:
    assert faults_of(json.dumps(given_document)) == (fault,)


def test_every_fault_is_named_at_once() -> None:
    text = json.dumps(
        document(
            name="/",
            optimizer=1,
            evaluate_every=10**6,
            extra=0,
            objective={"kind": "script"},
            stages=[{"kind": "batch_momentum", "momenta": [2], "search": "gp"}, {"kind": "lr_sweep", "grid": []}],
        )
    )
    assert [fault.split(":")[0] for fault in faults_of(text)] == [
        "name",
        "objective.kind",
        "optimizer",
        "evaluate_every",
        "stages[0].momenta[0]",
        "stages[0].trials",
        "stages[1].grid",
        "extra",
        "stages",
    ]


TEXTS = {
    "empty": (parse_json, "[]", "document: is empty"),
    "nothing": (parse_json, "", "document: is not JSON: Expecting value at line 1, column 1"),
    "null": (parse_json, "null", "document: is empty"),
    "not a mapping": (parse_json, "[1]", "document: must be a mapping, not a list"),
    "cut off": (parse_json, '{"a"', "document: is not JSON: Expecting ':' delimiter at line 1"),
    "too deep": (parse_json, '{"a":' * 40 + "1" + "}" * 40, "document: is nested more than 32 levels deep"),
    "far too deep": (parse_json, "[" * 100_000, "document: is nested more than 32 levels deep"),
    "too large": (parse_json, " " * (MAX_BYTES + 1), "document: is larger than 1048576 bytes"),
    "not UTF-8": (parse_json, b"\xff\xfe", "document: must be UTF-8 text"),
    "lone surrogate": (parse_json, "\ud800", "document: must be UTF-8 text"),
    "key twice": (parse_json, '{"name": "a", "name": "b"}', "name: given twice, keep one"),
    "key twice, deep": (parse_json, '{"budget": {"steps": 1, "steps": 1}}', "budget.steps: given twice, keep one"),
    "key with NUL": (parse_json, '{"\\u0000": 1}', 'document["\\u0000"]: must be a key of Unicode text'),
    "1e400": (parse_json, '{"seed": 1e400}', "seed: must be a finite number, not Infinity"),
    "5,000 digits": (parse_json, '{"seed": -' + "9" * 5000 + "}", "seed: must be a finite number, not -Infinity"),
    "YAML empty": (parse_yaml, "# nothing here", "document: is empty"),
    "YAML alias": (parse_yaml, "a: &x [1]\nb: *x", "document: must not use YAML aliases (*x) at line 2, column 4"),
    "YAML tag": (
        parse_yaml,
        "a: !!python/name:os.system",
        "document: must not use YAML tags (tag:yaml.org,2002:python",
    ),
    "YAML key twice": (parse_yaml, "name: a\nname: b", "name: given twice, keep one"),
    "YAML list as key": (parse_yaml, "? [a]\n: b", "document: must have texts as keys"),
    "YAML two documents": (parse_yaml, "a: 1\n---\nb: 1", "document: must be one YAML document"),
    "YAML too deep": (parse_yaml, "[" * 50_000, "document: is nested more than 32 levels deep"),
    "YAML cut off": (parse_yaml, "a: [", "document: is not YAML: "),
    "YAML control character": (parse_yaml, "a: \x01", "document: is not YAML: it holds a character"),
    "YAML .nan": (parse_yaml, "seed: .nan", "seed: must be a finite number, not NaN"),
    "YAML -.inf": (parse_yaml, "seed: -.inf", "seed: must be a finite number, not -Infinity"),
    "YAML text for a number": (
        parse_yaml,
        'name: a\nobjective: {kind: function, target: "a:b"}\nseed: "64"',
        'seed: must be an integer, not "64"',
    ),
}


@pytest.mark.parametrize(("parse", "text", "beginning"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_study_is_refused(parse: Any, text: bytes | str, beginning: str) -> None:
    first = faults_of(text, parse)[0]
    assert first.startswith(beginning.replace('document["', '["')), first


def test_thousands_of_faults_are_cut_short() -> None:
    faults = faults_of(json.dumps({f"key{number}": 0 for number in range(50_000)}))
    assert len(faults) == MAX_FAULTS + 1
    assert faults[-1] == f"document: has more faults than these {MAX_FAULTS}"


def test_defaults_are_those_of_the_guide() -> None:
    spec = parse_json(json.dumps(document(strategy="guide")))
    assert [stage.kind for stage in spec.stages] == ["lr_sweep", "batch_momentum", "decay_schedule"]
    assert (spec.budget.steps, spec.evaluate_every, spec.defaults.batch_size) == (600, 50, 64)


def test_evaluate_every_follows_a_small_budget() -> None:
    assert parse_json(json.dumps(document(budget={"steps": 20}))).evaluate_every == 20


def test_a_sampler_takes_a_grid_of_any_size() -> None:
    spec = parse_json(
        json.dumps(stage(batch_sizes=list(range(1, 1001)), momenta=[0, 0.1, 0.2, 0.3], search="qmc", trials=9))
    )
    assert isinstance(spec.stages[0], BatchMomentum)
    assert spec.stages[0].trials == 9


def test_yaml_means_what_json_means() -> None:
    text = """
        name: digits
        objective: {kind: function, target: train.py:train, args: {rate: 1e-5, word: on, time: 12:30, day: 2020-01-01,
                    octal: 010, none: "null", true: true, point: .5}}
        stages: [{kind: lr_sweep, grid: [1e-1, 1E-5, 2]}]
    """
    spec = parse_yaml(text)
    assert isinstance(spec.objective, FunctionObjective)
    assert spec.objective.args == {
        "rate": 1e-5,
        "word": "on",
        "time": "12:30",
        "day": "2020-01-01",
        "octal": 10,
        "none": "null",
        "true": True,
        "point": 0.5,
    }
    assert spec == parse_json(json.dumps(to_document(spec)))


texts = st.text(max_size=30).map(lambda text: text.replace("\x00", ""))
scalars = (
    st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.text("-+.0123456789:_oxeE", min_size=1, max_size=8)
    | st.sampled_from(["null", "~", "", "yes", "True", "08", "1e5", ".inf", "<<", "=", "# x", "- a", "a: b", "1_0"])
)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@unhurried
@given(args=st.dictionaries(texts, scalars, max_size=5))
@example(args={"\x85": "\u2028 and \u2029", "a\x85b": "two\nlines"})
def test_yaml_and_json_round_trip(args: dict[str, Any]) -> None:
    spec = StudySpec(name="x", objective=FunctionObjective(kind="function", target="a:b", args=args))
    assert parse_yaml(to_yaml(spec)) == spec
    assert parse_json(json.dumps(to_document(spec))) == spec


@unhurried
@given(
    st.recursive(
        scalars | st.none(),
        lambda tree: st.lists(tree, max_size=4) | st.dictionaries(st.text(max_size=8), tree, max_size=4),
    )
)
def test_any_json_is_either_a_study_or_refused_with_faults(tree: Any) -> None:
    assert faults_of(json.dumps(tree))
    assert faults_of(json.dumps(document(stages=[tree], metric=tree, zzz=tree)))
