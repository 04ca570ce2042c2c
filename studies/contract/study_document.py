"""Reads a study file, JSON or YAML, into a `StudySpec`, or refuses it whole with every fault by its path."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, get_args

from pydantic import ValidationError

from studies.contract.study_faults import Location, explain, path, shown
from studies.contract.study_file import Strategy, StudySpec, stage_order_fault
from studies.contract.study_text import MAX_DEPTH, Pairs, read_json, read_yaml, write_yaml
from studies.errors import InvalidStudy

MAX_FAULTS = 200
"""Most faults that are listed; where there are more, the last line says so."""

_Fault = tuple[Location, str]


def parse_json(text: bytes | str) -> StudySpec:
    """Return the study that a JSON document describes.

    Raises:
        InvalidStudy: with every fault, each as ``path: what must hold, not what was given``.
    """
    return _checked(read_json(text))


def parse_yaml(text: bytes | str) -> StudySpec:
    """Return the study that a YAML document describes; raises as `parse_json` does."""
    return _checked(read_yaml(text))


def to_document(spec: StudySpec) -> dict[str, Any]:
    """Return the study as JSON data with every default written out."""
    return spec.model_dump(mode="json", exclude_none=True)


def to_yaml(spec: StudySpec) -> str:
    """Return the study as a YAML document that `parse_yaml` reads as the same study."""
    return write_yaml(to_document(spec))


def _checked(tree: Any) -> StudySpec:
    if tree is None or tree == []:
        raise InvalidStudy(("document: is empty, a study needs at least a name and an objective",))
    faults: list[_Fault] = []
    data = _data(tree, (), faults)
    spec = _validated(data, faults)
    if spec is None or faults:
        raise InvalidStudy(_listed(faults))
    return spec


def _validated(data: Any, faults: list[_Fault]) -> StudySpec | None:
    """Return the study, or None with what is wrong added to `faults`; a place that has a fault gets no second one."""
    try:
        return StudySpec.model_validate(data, strict=True)
    except ValidationError as error:
        placed = {location for location, _ in faults}
        explained = filter(None, map(explain, error.errors(include_url=False)))
        faults += islice((fault for fault in explained if fault[0] not in placed), MAX_FAULTS + 1)
        faults += _order_faults(data, faults)
        return None


def _order_faults(data: Any, faults: list[_Fault]) -> Iterator[_Fault]:
    """Check the order of stages that have other faults too: pydantic leaves a list alone whose items are faulty."""
    stages = data.get("stages") if isinstance(data, dict) else None
    if not isinstance(stages, tuple) or any(location == ("stages",) for location, _ in faults):
        return
    given = [stage.get("kind") for stage in stages if isinstance(stage, dict)]
    kinds = [kind for kind in given if isinstance(kind, str)]
    strategy = data.get("strategy")
    fault = stage_order_fault(kinds, strategy if strategy in get_args(Strategy) else None)
    if fault:
        yield ("stages",), fault


def _listed(faults: list[_Fault]) -> tuple[str, ...]:
    lines = [f"{path(location)}: {message}" for location, message in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        lines.append(f"document: has more faults than these {MAX_FAULTS}")
    return tuple(lines)


# --- from the text's tree to data --------------------------------------------------------------------------------


def _data(node: Any, location: Location, faults: list[_Fault]) -> Any:
    """Return `node` as dicts, tuples and scalars, and add what no study file may hold anywhere to `faults`."""
    if len(location) > MAX_DEPTH:
        raise InvalidStudy((f"document: is nested more than {MAX_DEPTH} levels deep",))
    if isinstance(node, Pairs):
        return _mapping(node, location, faults)
    if isinstance(node, list):
        return tuple(_data(item, (*location, index), faults) for index, item in enumerate(node))
    fault = _scalar_fault(node)
    if fault:
        faults.append((location, fault))
    return node


def _mapping(pairs: Pairs, location: Location, faults: list[_Fault]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        place = (*location, key)
        if key in data:
            faults.append((place, "given twice, keep one"))
        if not _storable(key):
            faults.append((place, "must be a key of Unicode text without NUL characters"))
        data[key] = _data(value, place, faults)
    return data


def _scalar_fault(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, not {shown(value)}"
    if isinstance(value, str) and not _storable(value):
        return "must be Unicode text without NUL characters"
    return None


def _storable(text: str) -> bool:
    """Whether every database takes the text: PostgreSQL has no NUL, and a lone surrogate is not Unicode."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
