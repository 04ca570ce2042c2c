"""Tokens and sessions in a database. A request costs one read by an indexed hash; a write, at most one a minute."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, exists, insert, or_, select, update

from studies.contract.scopes import Scope
from studies.errors import NotFound, StagetuneError
from studies.storage.credentials import (
    NOTE_SECONDS,
    SESSION_IDLE_SECONDS,
    SESSION_SECONDS,
    NewToken,
    Session,
    Token,
    note_due,
    session_has_ended,
    token_state,
)
from studies.storage.sql import tables
from studies.storage.sql.engine import now, reading, writing

logger = logging.getLogger(__name__)


class SqlCredentials:
    """`Credentials` in the store's own database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_token(self, new: NewToken) -> Token:
        with writing(self._engine) as connection:
            time = now(connection)
            row = {
                "id": new.id,
                "name": new.name,
                "scopes": tuple(scope.value for scope in new.scopes),
                "secret_hash": new.secret_hash,
                "created_at": time,
                "expires_at": None if new.lifetime is None else time + new.lifetime,
            }
            connection.execute(insert(tables.token), row)
            return _token_of(connection, new.id)

    def tokens(self) -> Sequence[Token]:
        with reading(self._engine) as connection:
            time, c = now(connection), tables.token.c
            rows = connection.execute(select(tables.token).order_by(c.created_at.desc(), c.id))
            return [_token(row, time) for row in rows]

    def any_token(self) -> bool:
        with reading(self._engine) as connection:
            return bool(connection.execute(select(exists(select(tables.token.c.id)))).scalar())

    def revoke_token(self, token_id: str) -> Token:
        with writing(self._engine) as connection:
            c = tables.token.c
            live = c.id == token_id, c.revoked_at.is_(None)
            connection.execute(update(tables.token).where(*live).values(revoked_at=now(connection)))
            return _token_of(connection, token_id)

    def use_token(self, secret_hash: str) -> Token | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(tables.token).where(tables.token.c.secret_hash == secret_hash)).first()
            time = now(connection)
        return None if row is None else self._used(_token(row, time), time)

    def open_session(self, key_hash: str, token_id: str | None, binding: str = "") -> None:
        with writing(self._engine) as connection:
            time, c = now(connection), tables.session.c
            ended = or_(c.opened_at <= time - SESSION_SECONDS, c.seen_at <= time - SESSION_IDLE_SECONDS)
            connection.execute(delete(tables.session).where(ended))
            row = {"key_hash": key_hash, "token_id": token_id, "binding": binding, "opened_at": time, "seen_at": time}
            connection.execute(insert(tables.session), row)

    def use_session(self, key_hash: str) -> Session | None:
        session = tables.session.c
        with reading(self._engine) as connection:
            found = connection.execute(select(tables.session).where(session.key_hash == key_hash)).first()
            time = now(connection)
            if found is None or session_has_ended(found.opened_at, found.seen_at, time):
                return None
            token = None if found.token_id is None else _token_of(connection, found.token_id)
        if token is not None and token.state != "live":
            return None
        if note_due(found.seen_at, time):
            self._note(tables.session, "key_hash", key_hash, "seen_at")
        return Session(None if token is None else self._used(token, time), found.binding)

    def close_session(self, key_hash: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(tables.session).where(tables.session.c.key_hash == key_hash))

    def _used(self, token: Token, time: float) -> Token:
        if token.state == "live" and note_due(token.last_used_at, time):
            self._note(tables.token, "id", token.id, "last_used_at")
        return token

    def _note(self, table: Table, key: str, value: str, column: str) -> None:
        """Write down that it was used just now, unless another server was faster.

        A full disk, say, must not lock anybody out: what cannot be noted is not, and the log says so.
        """
        try:
            with writing(self._engine) as connection:
                time, noted = now(connection), table.c[column]
                due = or_(noted.is_(None), noted <= time - NOTE_SECONDS)
                connection.execute(update(table).where(table.c[key] == value, due).values({column: time}))
        except StagetuneError as error:
            logger.warning("the last use of a token cannot be noted: %s", error)


def _token_of(connection: Connection, token_id: str) -> Token:
    row = connection.execute(select(tables.token).where(tables.token.c.id == token_id)).first()
    if row is None:
        raise NotFound(f"there is no token {token_id}: `stagetune token list` shows the ids.")
    return _token(row, now(connection))


def _token(row: Row[Any], time: float) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=tuple(Scope(name) for name in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        state=token_state(row.expires_at, row.revoked_at, time),
    )
