"""Places for event streams: each holds a connection and asks the database twice a second, so they are bounded."""

from __future__ import annotations


class StreamPlaces:
    """Counts open streams; used from the event loop alone."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def take(self) -> bool:
        """Take a place; False where there is none left."""
        if self.taken >= self.most:
            return False
        self.taken += 1
        return True

    def leave(self) -> None:
        self.taken -= 1
