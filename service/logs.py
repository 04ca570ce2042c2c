"""The server's log: how its lines look, and what never stands in them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from service.settings import Settings
from studies.log_lines import configure


def configure_logs(settings: Settings) -> None:
    """Write log lines as the settings want them, the settings' secrets blotted out."""
    configure(settings.log_format, secrets=secrets_of(settings))


def secrets_of(settings: Settings) -> list[str]:
    """Return the token, and the database's password as it stands in an address (alone it may be any word)."""
    token = [settings.token.get_secret_value()] if settings.token else []
    password = urlsplit(settings.database_url).password
    return token if password is None else [*token, f":{password}@", f":{unquote(password)}@"]
