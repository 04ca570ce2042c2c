"""Log lines for people (text) or machines (JSON), with the ids of what they are about; for server and worker alike.

Whatever a line says may come from a user: a path, a study's name, an exception of theirs. So every character that is
not printed is written as its escape: no line can pretend to be two, or to colour a terminal. Secrets that the program
was given are blotted out wherever they appear.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

BLOT = "***"

IDS = frozenset({"study", "trial", "attempt", "worker"})

_FIELDS = "stagetune"
"""Attribute of a log record with what it is about."""

_CHATTY = ("httpx", "httpcore", "alembic", "optuna", "uvicorn.error", "asyncio")
"""Libraries of which only warnings are of interest."""

_bound: ContextVar[Mapping[str, str]] = ContextVar("stagetune_bound", default=MappingProxyType({}))


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Name what the code inside works on (study, trial, attempt, worker, request) in every line that it logs."""
    before = _bound.set({**_bound.get(), **ids})
    try:
        yield
    finally:
        _bound.reset(before)


def fields(**values: str | float | int) -> dict[str, dict[str, Any]]:
    """Return ``extra`` for one log call: what its line says beside the message."""
    return {_FIELDS: values}


class About(logging.LoggerAdapter[logging.Logger]):
    """A logger of one thing: its ids stand in every line."""

    def __init__(self, logger: logging.Logger, **ids: str) -> None:
        super().__init__(logger, fields(**ids))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": self.extra}


class Line(logging.Formatter):
    """What text and JSON lines have in common: ids, and secrets blotted out.

    Args:
        secrets: never written, wherever they come from.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def blotted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, BLOT)
        return text

    def about(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the ids and the other fields of a record; the record's own count before those that are bound."""
        values = {**_bound.get(), **getattr(record, _FIELDS, {})}
        return {name: self.blotted(value) if isinstance(value, str) else value for name, value in values.items()}

    def trouble(self, record: logging.LogRecord) -> str:
        """Return the traceback, empty where there is none."""
        return self.blotted(self.formatException(record.exc_info)) if record.exc_info else ""


class TextLines(Line):
    """``12:00:00 WARNING the message  study=st_1``; a traceback follows, each of its lines set in.

    People go by names, which messages have: `IDS` stand beside warnings alone, where one wants to look further.
    """

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname} " if record.levelno > logging.INFO else ""
        shown = {name: value for name, value in self.about(record).items() if level or name not in IDS}
        about = "".join(f" {name}={value}" for name, value in shown.items())
        head = f"{self.formatTime(record, '%H:%M:%S')} {level}{self.blotted(record.getMessage())}"
        line = printable(head + (f" {about}" if about else ""))
        return "\n    ".join((line, *map(printable, self.trouble(record).splitlines())))


class JsonLines(Line):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, ids, a traceback as ``error``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.blotted(record.getMessage()),
        }
        if trouble := self.trouble(record):
            line["error"] = trouble
        return json.dumps(
            line | {name: value for name, value in self.about(record).items() if name not in line}, default=str
        )


class _Output(logging.StreamHandler[Any]):
    """Standard error, as it is at the time of `configure`."""


def configure(form: LogFormat, level: int = logging.INFO, secrets: Collection[str] = ()) -> None:
    """Write this process's log lines to standard error in that form; a second call replaces the first."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Output)]:
        root.removeHandler(handler)
    output = _Output()
    output.setFormatter((JsonLines if form is LogFormat.JSON else TextLines)(secrets))
    root.addHandler(output)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def printable(text: str) -> str:
    """Return `text` with every character that is not printed (line ends, colours, bidi marks) as its escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
