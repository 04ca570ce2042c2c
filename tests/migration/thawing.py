"""Databases of earlier schemas, from their dumps, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from sqlalchemy import MetaData, func, insert, select, text

from studies.storage.sql.engine import make_engine, reading, sqlite_path, writing
from studies.storage.sql.schema import configuration, include_name
from studies.storage.sql.tables import PREFIX, VERSION_TABLE

FROZEN = Path(__file__).with_name("frozen")
SCHEMAS = sorted(path.stem for path in FROZEN.glob("*.sql"))


def thaw(schema: str, url: str, folder: Path) -> str:
    """Fill the empty database at `url` with the frozen one of `schema`; return the address."""
    if sqlite_path(make_engine(url).url) is not None:
        _read_dump(url, schema)
        return url
    thawed = f"sqlite:///{folder / 'thawed.db'}"
    _read_dump(thawed, schema)
    engine = make_engine(url)
    with writing(engine) as connection:
        command.upgrade(configuration(connection), schema)
    engine.dispose()
    _copy(thawed, url)
    return url


def _read_dump(url: str, schema: str) -> None:
    path = sqlite_path(make_engine(url).url)
    assert path is not None
    database = sqlite3.connect(path)
    database.executescript((FROZEN / f"{schema}.sql").read_text())
    database.close()


def _copy(source: str, target: str) -> None:
    """Fill a database with the rows of another one of the same schema."""
    found, wanted = MetaData(), MetaData()
    origin, copy = make_engine(source), make_engine(target)
    with reading(origin) as old, writing(copy) as new:
        found.reflect(old)
        wanted.reflect(new)
        for table in wanted.sorted_tables:
            rows = [dict(row) for row in old.execute(select(found.tables[table.name])).mappings()]
            if rows and table.name != VERSION_TABLE:
                new.execute(insert(table), rows)
        for name in ("event", "metric_chunk", "poison"):
            if f"{PREFIX}{name}" in wanted.tables:
                sequence = f"pg_get_serial_sequence('{PREFIX}{name}', 'id')"
                new.execute(text(f"SELECT setval({sequence}, (SELECT max(id) FROM {PREFIX}{name}))"))
    origin.dispose()
    copy.dispose()


def rows_of(url: str) -> dict[str, int]:
    """Return how many rows each of Stagetune's tables has."""
    engine, tables = make_engine(url), MetaData()
    with reading(engine) as connection:
        tables.reflect(connection, only=lambda name, _: include_name(name, "table", None))
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.sorted_tables
        }
    engine.dispose()
    return counts
