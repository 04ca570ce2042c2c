"""What pydantic finds wrong with a study, said for people: ``stages[1].momenta[0]: must be in [0, 1), not 1.5``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from studies.contract.study_file import StudySpec

Location = tuple[int | str, ...]
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")
_LONGEST_VALUE = 60


def path(location: Location) -> str:
    """Return a location as text: ``stages[1].momenta[0]``; ``document`` for the whole."""
    text = ""
    for item in location:
        if isinstance(item, int):
            text += f"[{item}]"
        elif _IDENTIFIER.fullmatch(item):
            text += f".{item}"
        else:
            text += f"[{shown(item)}]"
    return text.removeprefix(".") or "document"


def shown(value: object) -> str:
    """Return a value as the user wrote it, cut to one short line."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    text = json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def explain(error: ErrorDetails) -> tuple[Location, str] | None:
    """Return where an error stands in the document and what must hold there; None where other errors say it."""
    place = _place(error["loc"])
    kind, given = error["type"], error["input"]
    if kind in _TAG_ERRORS:
        return (*place.location, "kind"), _wrong_kind(given, place.models)
    if kind == "extra_forbidden":
        return place.location, _unknown_key(str(place.location[-1]), place.owner)
    if kind in _CONSEQUENCES or (kind == "too_short" and given):
        return None
    must, repeat = _MESSAGES[kind]
    location = (*place.location, *error.get("ctx", {}).get("at", ()))
    return location, must(error.get("ctx", {})) + (f", not {shown(given)}" if repeat else "")


# --- places ------------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A location without pydantic's tags of unions, the owner of its last key, and what may stand there.

    ``keyed`` says that it is a mapping whose keys are the user's.
    """

    location: Location
    owner: type[BaseModel] | None
    models: tuple[type[BaseModel], ...]
    keyed: bool = False


def _place(location: Location) -> _Place:
    place = _Place((), None, (StudySpec,))
    for item in location:
        place = _step(place, item)
    return place


def _step(place: _Place, item: int | str) -> _Place:
    if isinstance(item, int) or place.keyed:
        return place._replace(location=(*place.location, item), keyed=False)
    if len(place.models) > 1:
        return place._replace(models=tuple(model for model in place.models if _kind(model) == item))
    owner = place.models[0] if place.models else None
    field = owner.model_fields.get(item) if owner else None
    annotation = field.annotation if field else None
    return _Place((*place.location, item), owner, _models(annotation), get_origin(annotation) is dict)


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """Return the models within an annotation: several where it is a union told apart by ``kind``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models(part))


def _kind(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["kind"].annotation)[0])


# --- messages ----------------------------------------------------------------------------------------------------

_Context = dict[str, Any]


def _says(text: str) -> Callable[[_Context], str]:
    return text.format_map


def _count(text: str, key: str, noun: str) -> Callable[[_Context], str]:
    def message(context: _Context) -> str:
        count = context[key]
        return f"{text} {count} {noun}{'' if count == 1 else 's'}"

    return message


def _one_of(context: _Context) -> str:
    names = re.findall(r"'([^']*)'", context["expected"])
    return f"must be {names[0]}" if len(names) == 1 else f"must be one of {', '.join(names)}"


_MESSAGES: dict[str, tuple[Callable[[_Context], str], bool]] = {
    "missing": (_says("is required"), False),
    "study": (_says("{message}"), False),
    "interval": (_says("must be in [0, 1)"), True),
    "literal_error": (_one_of, True),
    "string_type": (_says("must be a text"), True),
    "int_type": (_says("must be an integer"), True),
    "float_type": (_says("must be a number"), True),
    "bool_type": (_says("must be true or false"), True),
    "dict_type": (_says("must be a mapping"), True),
    "model_type": (_says("must be a mapping"), True),
    "model_attributes_type": (_says("must be a mapping"), True),
    "tuple_type": (_says("must be a list"), True),
    "finite_number": (_says("must be a finite number"), True),
    "greater_than": (_says("must be more than {gt:g}"), True),
    "greater_than_equal": (_says("must be at least {ge:g}"), True),
    "less_than": (_says("must be less than {lt:.15g}"), True),
    "less_than_equal": (_says("must be at most {le:.15g}"), True),
    "too_short": (_count("must have at least", "min_length", "value"), False),
    "too_long": (_count("must have at most", "max_length", "value"), True),
    "string_too_short": (_count("must have at least", "min_length", "character"), False),
    "string_too_long": (_count("must have at most", "max_length", "character"), True),
}
"""By pydantic's error type: what must hold, and whether the value given is worth repeating."""

_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found")

_CONSEQUENCES = ("default_factory_not_called",)
"""Errors that only follow from others, as does a list that is too short once its faulty values are left out."""


def _wrong_kind(given: Any, models: tuple[type[BaseModel], ...]) -> str:
    choices = f"must be one of {', '.join(map(_kind, models))}"
    return f"{choices}, not {shown(given['kind'])}" if "kind" in given else f"is required, {choices}"


def _unknown_key(key: str, owner: type[BaseModel] | None) -> str:
    known = list(owner.model_fields) if owner else []
    close = difflib.get_close_matches(key[:_LONGEST_VALUE], known, n=1)
    return f"unknown key, did you mean {close[0]}?" if close else f"unknown key, known here: {', '.join(known)}"
