"""What this worker knows of classes of runs on its models of device, and what the server has yet to hear of it."""

from __future__ import annotations

from collections.abc import Iterable

from studies.contract.packing import MAX_CLASSES_PER_SYNC, RunProfile

Key = tuple[str, str]


class ProfileBook:
    """Profiles by class of runs and model of device."""

    def __init__(self) -> None:
        self._known: dict[Key, RunProfile] = {}
        self._news: dict[Key, RunProfile] = {}

    def get(self, run_class: str, device_model: str) -> RunProfile | None:
        return self._known.get((run_class, device_model))

    def of_model(self, device_model: str) -> dict[str, RunProfile]:
        """Return what is known of that model of device, by class."""
        return {run_class: profile for (run_class, model), profile in self._known.items() if model == device_model}

    def learn(self, profile: RunProfile) -> None:
        """Take what others have measured, where nothing is known here."""
        self._known.setdefault(_key(profile), profile)

    def assume(self, profile: RunProfile) -> None:
        """Go by this here, without telling anybody: it was not measured."""
        self._known[_key(profile)] = profile

    def note(self, profile: RunProfile) -> None:
        """Take what was measured or corrected here; the server is told."""
        if self._known.get(_key(profile)) != profile:
            self._known[_key(profile)] = self._news[_key(profile)] = profile

    def news(self) -> tuple[RunProfile, ...]:
        """Return what the server has yet to hear, as much of it as one sync takes."""
        return tuple(self._news.values())[:MAX_CLASSES_PER_SYNC]

    def acknowledge(self, told: Iterable[RunProfile]) -> None:
        """The server has heard these; what was corrected meanwhile goes with the next sync."""
        for profile in told:
            if self._news.get(_key(profile)) == profile:
                del self._news[_key(profile)]


def _key(profile: RunProfile) -> Key:
    return profile.run_class, profile.device_model
