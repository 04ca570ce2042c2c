"""The two texts of a study file, JSON and YAML, read into one tree; the only module that knows YAML.

Both give the same values: YAML is read with JSON's idea of a scalar (YAML 1.2's core schema), so ``1e-5`` is a number
and ``on`` is a text. Mappings become `Pairs`, so that a key given twice is still there to be reported. What could
make a small text mean a huge document, or run code (aliases, tags), is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from studies.errors import InvalidStudy

MAX_BYTES = 1 << 20
"""Largest document, in bytes of UTF-8."""

MAX_DEPTH = 32
"""Deepest nesting of lists and mappings; a study file needs five levels."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER_DIGITS = 18


class Pairs(list[tuple[str, Any]]):
    """A mapping as it stands in the text: keys with their values in order, repeated keys included."""


def read_json(text: bytes | str) -> Any:
    """Return the tree of a JSON text.

    Raises:
        InvalidStudy: the text is not JSON, or is too large.
    """
    try:
        return json.loads(_decoded(text), object_pairs_hook=Pairs, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise _refused(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise _too_deep() from error


def read_yaml(text: bytes | str) -> Any:
    """Return the tree of a YAML text.

    Raises:
        InvalidStudy: the text is not YAML, is too large or too deep, or uses aliases or tags.
    """
    try:
        return _document(yaml.parse(_decoded(text), Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise _refused(f"is not YAML: {error.problem}{_place(error.problem_mark)}") from error
    except yaml.YAMLError as error:
        raise _refused("is not YAML: it holds a character that YAML does not allow") from error


def write_yaml(document: dict[str, Any]) -> str:
    """Return `document` as YAML that `read_yaml` reads back unchanged, keys in their order, short lists on one line."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def _decoded(text: bytes | str) -> str:
    try:
        data = text.encode() if isinstance(text, str) else text
        if len(data) > MAX_BYTES:
            raise _refused(f"is larger than {MAX_BYTES} bytes: leave out what is not a study file")
        return data.decode("utf-8-sig")
    except UnicodeError as error:
        raise _refused("must be UTF-8 text") from error


def _refused(fault: str) -> InvalidStudy:
    return InvalidStudy((f"document: {fault}",))


def _too_deep() -> InvalidStudy:
    return _refused(f"is nested more than {MAX_DEPTH} levels deep")


def _place(mark: Any) -> str:
    return f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _integer(digits: str) -> int | float:
    """Return an int of up to 64 bits, else a float (an infinite one beyond its range): no unbounded arithmetic."""
    return int(digits) if len(digits.lstrip("+-")) <= _INTEGER_DIGITS else float(digits)


# --- YAML --------------------------------------------------------------------------------------------------------

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _document(events: Iterator[Any]) -> Any:
    """Return the tree of the one document of the stream, None where there is none."""
    root = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        elif isinstance(event, yaml.NodeEvent):
            root = _node(event, events, 1)
        if documents > 1:
            raise _refused("must be one YAML document, without a second '---'")
    return root


def _node(event: Any, events: Iterator[Any], depth: int) -> Any:
    if isinstance(event, yaml.AliasEvent):
        raise _refused(f"must not use YAML aliases (*{event.anchor}){_place(event.start_mark)}: write the value out")
    if event.tag is not None:
        raise _refused(f"must not use YAML tags ({event.tag}){_place(event.start_mark)}")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.implicit[0] else event.value
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, depth))
    return Pairs(_pairs(events, depth))


def _items(events: Iterator[Any], depth: int) -> Iterator[Any]:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield _node(event, events, depth + 1)


def _pairs(events: Iterator[Any], depth: int) -> Iterator[tuple[str, Any]]:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise _refused(f"must have texts as keys, not a list or a mapping{_place(event.start_mark)}")
        yield event.value, _node(next(events), events, depth + 1)


def _scalar(text: str) -> bool | int | float | str | None:
    """Return what a plain (unquoted) scalar means in YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "", 1)) if _NOT_FINITE.fullmatch(text) else text


class _Dumper(yaml.SafeDumper):
    """Quotes every text that `_scalar` would take for something else, which YAML 1.1's rules would leave plain."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Represent a text; one with a line break of Unicode's in double quotes, where alone PyYAML escapes it."""
    style = '"' if any(character in text for character in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_node)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"^(?:{_FLOAT.pattern})$"), list("-+.0123456789"))
