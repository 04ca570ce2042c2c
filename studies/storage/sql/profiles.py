"""What has been measured of classes of runs, by class and model of device: the latest word counts.

One that cannot be read, written by another version of the server, is as good as none: the class is measured again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from studies.contract.packing import RunProfile
from studies.contract.views import ProfileView
from studies.storage import presenting
from studies.storage.leasing import ProfileKey
from studies.storage.sql import arrays, tables


def store(connection: Connection, profiles: Sequence[RunProfile], labels: Mapping[str, str], time: float) -> None:
    """Write `profiles` over earlier ones; one whose class has no label here keeps the label that it had."""
    if not profiles:
        return
    latest = {(item.run_class, item.device_model): item for item in profiles}
    keys = sorted(latest)
    columns: arrays.Columns = {
        "run_class": [name for name, _ in keys],
        "device_model": [model for _, model in keys],
        "label": [labels.get(name, "") for name, _ in keys],
        "profile": [latest[key] for key in keys],
        "measured_at": [time] * len(keys),
    }
    arrays.upsert(connection, tables.run_profile, columns, _renewed)


def _renewed(stored: arrays.Row, news: arrays.Row) -> dict[str, ColumnElement[Any]]:
    label = func.coalesce(func.nullif(news["label"], ""), stored["label"])
    return {"profile": news["profile"], "measured_at": news["measured_at"], "label": label}


def of(connection: Connection, keys: Collection[ProfileKey]) -> dict[ProfileKey, RunProfile]:
    """Return what is known of these classes on these models of device."""
    if not keys:
        return {}
    c = tables.run_profile.c
    query = select(c.run_class, c.device_model, c.profile).where(tuple_(c.run_class, c.device_model).in_(set(keys)))
    rows = connection.execute(query)
    return {(row.run_class, row.device_model): row.profile for row in rows if row.profile is not None}


def views(connection: Connection) -> list[ProfileView]:
    c = tables.run_profile.c
    query = select(tables.run_profile).order_by(c.measured_at.desc(), c.run_class, c.device_model)
    rows = [row for row in connection.execute(query) if row.profile is not None]
    return [presenting.profile_view(row.label, row.profile, row.measured_at) for row in rows]
