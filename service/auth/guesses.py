"""A bound on wrong tokens: who has sent a few within a minute waits before another one is looked at.

A token from the database cannot be guessed, but STAGETUNE_TOKEN is chosen by a person. Whoever has been let in before
goes on all the same: behind a proxy all clients have one address, and one of them must not lock out the others.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_WRONG = 10
"""Wrong tokens from one address within `WINDOW_SECONDS`: at that rate 16 characters outlast everybody."""

WINDOW_SECONDS = 60.0

MOST_REMEMBERED = 10_000
"""Addresses, and tokens that were good, of which is known; the oldest are forgotten."""

_SUBNET = 64
"""Bits of an IPv6 address that a network hands out as one: a host may have all the rest to itself."""

logger = logging.getLogger(__name__)


class TooManyGuesses(Exception):
    """This address has to wait so many `seconds` before another token of its is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"{MOST_WRONG} wrong tokens came from this address within a minute. Wait {seconds} s, then try again with "
            "the right one; `stagetune token create NAME --scope SCOPE` beside the server's database makes one."
        )
        self.seconds = seconds


@dataclass
class _Window:
    ends: float
    wrong: int = 0


class Guesses:
    """Counts wrong tokens by address; used from the event loop alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._good: OrderedDict[str, None] = OrderedDict()

    def begin(self, address: str) -> None:
        """Count an attempt as wrong until `take_back` says otherwise, so that many at once are no way around.

        Raises:
            TooManyGuesses
        """
        now, key = self._clock(), _network(address)
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            self._windows.pop(key, None)
            window = self._windows[key] = _Window(now + WINDOW_SECONDS)
            _bound(self._windows)
        if window.wrong >= MOST_WRONG:
            raise TooManyGuesses(max(1, math.ceil(window.ends - now)))
        window.wrong += 1
        if window.wrong == MOST_WRONG:
            logger.warning("%d tokens from %s did not fit within a minute: it has to wait", MOST_WRONG, key)

    def take_back(self, address: str) -> None:
        """Forget an attempt that was no wrong token."""
        window = self._windows.get(_network(address))
        if window is not None and window.wrong:
            window.wrong -= 1

    def note_good(self, hashed: str) -> None:
        """Remember a token that was let in: it is never made to wait."""
        self._good[hashed] = None
        _bound(self._good)

    def was_good(self, hashed: str) -> bool:
        return hashed in self._good


def _bound(remembered: OrderedDict[str, _Window] | OrderedDict[str, None]) -> None:
    while len(remembered) > MOST_REMEMBERED:
        remembered.popitem(last=False)


def _network(address: str) -> str:
    """Return what is counted as one place: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket's peer has none
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _SUBNET), strict=False))
