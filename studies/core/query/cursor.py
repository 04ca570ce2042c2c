"""A place in the tokens of a filter, which moves on as they are taken."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from studies.contract.trial_query import MAX_FILTER_LENGTH
from studies.core.query.tokens import Token, tokens
from studies.errors import InvalidFilter

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""What no database takes in a text."""


class Cursor:
    """The tokens of `text`, from the first one on.

    Raises:
        InvalidFilter: the text is too long, or not made of tokens.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_FILTER_LENGTH:
            raise InvalidFilter(f"keep it within {MAX_FILTER_LENGTH:,} characters", MAX_FILTER_LENGTH, len(text))
        bad = _UNSTORABLE.search(text)
        if bad:
            raise InvalidFilter("this character cannot be looked for: leave it out", bad.start(), bad.end())
        self._tokens = list(tokens(text))
        self._place = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._place]

    @property
    def ends(self) -> bool:
        return self.next.kind == "end"

    def take(self) -> Token:
        """Return the next token and move on."""
        token = self.next
        if not self.ends:
            self._place += 1
        return token

    def took_mark(self, mark: str) -> bool:
        """Move on where the next token is that mark; return whether it was."""
        return self._took(self.next.kind == "mark" and self.next.text == mark)

    def took_word(self, word: str) -> bool:
        """Move on where the next token is that keyword; return whether it was."""
        return self._took(self.next.is_word(word))

    def _took(self, found: bool) -> bool:  # noqa: FBT001 (what was found, no option)
        if found:
            self.take()
        return found

    def expect_mark(self, mark: str, why: str) -> None:
        """Move on behind that mark.

        Raises:
            InvalidFilter: something else stands here.
        """
        if not self.took_mark(mark):
            self.fail(f"'{mark}' is missing here{why}")

    def expect_end(self) -> None:
        """Raises InvalidFilter where something follows."""
        if not self.ends:
            self.fail(f"'{self.next.text}' was not expected here: join conditions with 'and' or 'or'")

    def fail(self, message: str, at: Token | None = None) -> NoReturn:
        """Raise InvalidFilter with the place of the next token, or of the one given."""
        token = at or self.next
        raise InvalidFilter(message, token.start, max(token.end, token.start + 1))
