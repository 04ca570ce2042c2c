"""The schema's history (Alembic). `studies.storage.sql.upgrade` runs it; there is no alembic.ini."""
