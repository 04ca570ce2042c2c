"""Log lines: one record is one line whatever it says, with its ids, and without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from studies.log_lines import About, JsonLines, Line, LogFormat, TextLines, bound, configure, fields, printable

Logged = Callable[[], list[str]]


def record(text: str, /, *values: object, error: BaseException | None = None, **about: Any) -> logging.LogRecord:
    trouble = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, text, values, trouble)
    made.__dict__.update(fields(**about))
    return made


def test_a_json_line_says_when_how_bad_what_and_about_what() -> None:
    with bound(study="st_1", request="r1"), bound(trial="tr_1"):
        line = json.loads(JsonLines().format(record("step %d", 3, seconds=0.5)))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "a.logger",
        "message": "step 3",
        "study": "st_1",
        "request": "r1",
        "trial": "tr_1",
        "seconds": 0.5,
    }


def test_what_was_bound_is_forgotten_at_the_end() -> None:
    with pytest.raises(KeyError), bound(study="st_1"):
        raise KeyError
    assert "st_1" not in TextLines().format(record("after"))


def test_a_text_line_carries_its_level_and_ids() -> None:
    with bound(study="st_1"):
        line = TextLines().format(record("slow"))
    assert line.endswith(" WARNING slow  study=st_1")


def test_a_text_line_without_trouble_goes_by_names() -> None:
    calm = record("trial 3 completed", attempt="at_1", milliseconds=2)
    calm.levelno = logging.INFO
    assert TextLines().format(calm).endswith(" trial 3 completed  milliseconds=2")


def test_a_field_cannot_take_the_place_of_the_message() -> None:
    assert json.loads(JsonLines().format(record("true", message="false")))["message"] == "true"


def _raised(text: str) -> BaseException:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


@pytest.mark.parametrize("form", [TextLines, JsonLines])
@given(text=some.text())
def test_no_text_makes_two_lines_of_one(form: type[Line], text: str) -> None:
    line = form().format(record("got %s", text, path=text))
    assert len(line.splitlines()) == 1
    assert line.isprintable()


@given(text=some.text())
def test_a_traceback_cannot_pretend_to_be_another_line(text: str) -> None:
    first, *rest = TextLines().format(record("failed", error=_raised(text))).split("\n")
    assert first.endswith("failed")
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_a_json_line_carries_its_traceback() -> None:
    line = json.loads(JsonLines().format(record("failed", error=_raised("why\nindeed"))))
    assert "ValueError: why\nindeed" in line["error"]


@pytest.mark.parametrize("form", [TextLines, JsonLines])
def test_secrets_are_blotted_out_wherever_they_stand(form: type[Line]) -> None:
    lines = form(["hunter2-hunter2", "hunter2", ""])
    line = lines.format(record("token hunter2-hunter2", error=_raised("of hunter2"), path="/hunter2"))
    assert "hunter2" not in line
    assert line.count("***") == 3


def test_what_is_not_printed_is_escaped() -> None:
    assert printable("a\nb\x1b[31m\u202e\u2028é") == "a\\nb\\x1b[31m\\u202e\\u2028é"


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """What is written to standard error; the root logger is left as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield lambda: list(capsys.readouterr().err.splitlines())
    root.handlers[:] = handlers
    root.setLevel(level)


def test_configuring_twice_writes_every_line_once(written: Logged) -> None:
    configure(LogFormat.TEXT)
    configure(LogFormat.JSON, secrets=["geheim"])
    logging.getLogger("stagetune.test").info("once, geheim")
    (line,) = written()
    assert json.loads(line)["message"] == "once, ***"


def test_a_logger_of_one_thing_names_it(written: Logged) -> None:
    configure(LogFormat.JSON)
    with bound(worker="wk_1"):
        About(logging.getLogger("stagetune.test"), attempt="at_1").info("started")
    (line,) = written()
    assert (json.loads(line)["attempt"], json.loads(line)["worker"]) == ("at_1", "wk_1")
