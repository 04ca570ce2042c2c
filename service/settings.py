"""The service's settings, read from the environment (``STAGETUNE_...``) when `Settings()` is called."""

from __future__ import annotations

import ipaddress
import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from studies.contract.scopes import Scope
from studies.log_lines import LogFormat
from studies.storage.credentials import Credentials

DEFAULT_DATABASE = "sqlite:///stagetune-data/stagetune.db"
MEMORY = "memory://"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
MIN_TOKEN_LENGTH = 16


class UnusableSettings(Exception):
    """A setting is not what it must be: the message names it, and never repeats its value, which may be secret."""


class UnsafeSettings(Exception):
    """The settings would put an open service on a network: the message says which command mends it."""


class Settings(BaseSettings):
    """How one server runs.

    Attributes:
        database_url: ``sqlite:///path``, ``postgresql://user:password@host/name`` or ``memory://`` (nothing kept).
        token: a token with every scope that no database has to know; with it, or with one in the database, every
            route but the health checks and the log-in asks for a token.
        tick_seconds: pause between two looks of the engine at the active studies.
        sync_seconds: how often a worker should sync.
        lease_seconds: how long an attempt stays a worker's without a sync.
        max_body_bytes: longest request body, a worker's sync included.
        read_seconds: how long a client may take to send a request's headers, and its body.
        max_streams: how many event streams may be open at once; a page that gets none looks again every 15 seconds.
        artifacts: folder of the checkpoints that workers hand in; servers of one database should share it.
        max_checkpoint_bytes: largest checkpoint that is kept of a run; 0 keeps none.
        max_artifact_bytes: of all checkpoints together.
        allowed_hosts: names under which the service may be addressed; empty = loopback names when bound to
            loopback, any name otherwise (a token is required there). JSON list in the environment.
        root_path: the path prefix that a reverse proxy strips.
        log_format: ``text``, or ``json`` for one JSON object a line.
        access_log: a log line for every request.
    """

    model_config = SettingsConfigDict(env_prefix="STAGETUNE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = DEFAULT_DATABASE
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    token: SecretStr | None = Field(default=None, min_length=MIN_TOKEN_LENGTH)
    tick_seconds: float = Field(default=0.3, gt=0)
    sync_seconds: float = Field(default=1.0, gt=0)
    lease_seconds: float = Field(default=30.0, gt=0)
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    read_seconds: float = Field(default=20.0, gt=0)
    max_streams: int = Field(default=256, ge=1)
    artifacts: Path = Path("stagetune-data/artifacts")
    max_checkpoint_bytes: int = Field(default=256 * 2**20, ge=0)
    max_artifact_bytes: int = Field(default=10 * 2**30, ge=0)
    allowed_hosts: tuple[str, ...] = ()
    root_path: str = ""
    log_format: LogFormat = LogFormat.TEXT
    access_log: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that a request's Host header may carry; empty where any will do."""
        if self.allowed_hosts or not is_loopback(self.host):
            return self.allowed_hosts
        return LOOPBACK_NAMES


def read_settings(**given: Any) -> Settings:
    """Return the settings that were given, the others from the environment or the defaults.

    Raises:
        UnusableSettings: a setting is not what it must be.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        faults = [f"{_setting(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise UnusableSettings("; ".join(faults)) from None
    except SettingsError as error:
        raise UnusableSettings(f"{error}: lists are written as JSON") from None


def _setting(location: tuple[int | str, ...]) -> str:
    name = str(location[0])
    return f"--{name.replace('_', '-')} or STAGETUNE_{name.upper()}"


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_safe_bind(settings: Settings, credentials: Credentials) -> None:
    """Refuse to serve a network where nobody could be asked for a token.

    Raises:
        UnsafeSettings: the bind is not loopback, and there is neither STAGETUNE_TOKEN nor a live token of an admin.
    """
    if settings.token is not None or is_loopback(settings.host) or _has_admin(credentials):
        return
    where = _database_option(settings.database_url)
    said = [f"{settings.host} can be reached from the network, so a token is needed."]
    if settings.database_url != MEMORY:  # no other command could put one there
        said += ["Make one and start again:", f"  stagetune token create me --scope admin{where}"]
    said += [
        "Choose one for everything (16 characters or more):",
        f"  STAGETUNE_TOKEN=$(openssl rand -hex 24) stagetune serve --host {shlex.quote(settings.host)}{where}",
        "Or leave --host out to serve this machine alone.",
    ]
    raise UnsafeSettings("\n".join(said))


def _database_option(address: str) -> str:
    """Return what has to be told of the database to a command that is started like this server; never its password."""
    if address == os.environ.get("STAGETUNE_DATABASE_URL", DEFAULT_DATABASE):
        return ""
    parts = urlsplit(address)
    shown = parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}").geturl()
    return f" --database-url {shlex.quote(address if parts.password is None else shown)}"


def _has_admin(credentials: Credentials) -> bool:
    return any(token.state == "live" and Scope.ADMIN in token.scopes for token in credentials.tokens())
