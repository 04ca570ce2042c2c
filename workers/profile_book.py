"""What this worker knows of classes of runs on its models of device, and what the server has yet to hear of it."""

from __future__ import annotations

from collections.abc import Iterable

from studies.contract.packing import MAX_CLASSES_PER_SYNC, RunProfile

Key = tuple[str, str]


class ProfileBook:
    """Profiles by class of runs and model of device.

    Args:
        software: with which this worker measures (`RunProfile.software`).
    """

    def __init__(self, software: str = "") -> None:
        self._software = software
        self._known: dict[Key, RunProfile] = {}
        self._assumed: set[Key] = set()
        self._news: dict[Key, RunProfile] = {}

    def get(self, run_class: str, device_model: str) -> RunProfile | None:
        return self._known.get((run_class, device_model))

    def of_model(self, device_model: str) -> dict[str, RunProfile]:
        """Return what is known of that model of device, by class."""
        return {run_class: profile for (run_class, model), profile in self._known.items() if model == device_model}

    def learn(self, profile: RunProfile) -> None:
        """Take what others have measured in the same way, where nothing was measured here."""
        key = _key(profile)
        if _speaks_of_others(profile) and profile.software == self._software and self._is_open(key):
            self._known[key] = profile
            self._assumed.discard(key)

    def assume(self, profile: RunProfile) -> None:
        """Go by this here, without telling anybody, corrections of it included: it was not measured."""
        self._known[_key(profile)] = profile
        self._assumed.add(_key(profile))

    def note(self, profile: RunProfile) -> None:
        """Take what was measured or corrected here; the server is told."""
        key, profile = _key(profile), profile.model_copy(update={"software": self._software})
        if self._known.get(key) == profile:
            return
        self._known[key] = profile
        if key not in self._assumed and _speaks_of_others(profile):
            self._news[key] = profile

    def news(self) -> tuple[RunProfile, ...]:
        """Return what the server has yet to hear, as much of it as one sync takes."""
        return tuple(self._news.values())[:MAX_CLASSES_PER_SYNC]

    def acknowledge(self, told: Iterable[RunProfile]) -> None:
        """The server has heard these; what was corrected meanwhile goes with the next sync."""
        for profile in told:
            if self._news.get(_key(profile)) == profile:
                del self._news[_key(profile)]

    def _is_open(self, key: Key) -> bool:
        return key not in self._known or key in self._assumed


def _key(profile: RunProfile) -> Key:
    return profile.run_class, profile.device_model


def _speaks_of_others(profile: RunProfile) -> bool:
    """Whether it holds on other nodes too: devices whose model cannot be told may be anything."""
    return bool(profile.device_model)
