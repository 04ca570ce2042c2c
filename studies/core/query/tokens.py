"""A filter as tokens, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from studies.errors import InvalidFilter

TokenKind = Literal["name", "number", "text", "mark", "end"]

_TOKEN = re.compile(
    r"""
    (?P<name>   [A-Za-z_][A-Za-z0-9_.-]* )
  | (?P<number> [+-]? (?: \d+ \.? \d* | \. \d+ ) (?: [eE] [+-]? \d+ )? [A-Za-z_]* )
  | (?P<text>   " (?: [^"] | "" )* " | ' (?: [^'] | '' )* ' )
  | (?P<mark>   <= | >= | != | == | [<>=(),] )
    """,
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Token:
    """A piece of a filter. ``text`` is as it was written, ``start`` the index of its first character."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_word(self, word: str) -> bool:
        """Return whether this is a keyword, however it is capitalised."""
        return self.kind == "name" and self.text.lower() == word

    def content(self) -> str:
        """Return the text that a token in quotes stands for."""
        quote = self.text[0]
        return self.text[1:-1].replace(2 * quote, quote)


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`, and one that stands for its end.

    Raises:
        InvalidFilter: a character that begins no token, a quote that is not closed.
    """
    place = _after_space(text, 0)
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _unreadable(text, place)
        yield Token(_kind(found), found[0], place)
        place = _after_space(text, found.end())
    yield Token("end", "", len(text))


def _after_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return place if space is None else space.end()


def _kind(found: re.Match[str]) -> TokenKind:
    kind: TokenKind = found.lastgroup  # type: ignore[assignment] # the groups of _TOKEN are named so
    return kind


def _unreadable(text: str, place: int) -> InvalidFilter:
    if text[place] in "\"'":
        return InvalidFilter("this quote is never closed: end the text with the same one", place, len(text))
    return InvalidFilter(f"{text[place]!r} means nothing here: put texts in quotes", place, place + 1)
