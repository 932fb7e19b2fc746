"""Empty stores to measure on: a file, or a schema of its own on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
LOCAL = "postgresql://127.0.0.1:5432/postgres"
"""Where a server is looked for when REGULARS_DATABASE names none."""


@contextmanager
def opened(store: str, database: str, purpose: str) -> Iterator[tuple[str, str]]:
    """The address of an empty store, nothing for a file; or why there is none. A schema is taken away afterwards.

    *database* is what REGULARS_DATABASE said.
    """
    if store == "sqlite":
        yield "", ""
        return
    url = make_url(database if database.startswith("postgres") else LOCAL).set(drivername="postgresql")
    plain = url.difference_update_query(["schema"]).render_as_string(hide_password=False)
    schema = f"bench_{os.getpid()}_{purpose}"
    try:
        with psycopg.connect(plain, connect_timeout=3):
            pass
    except psycopg.OperationalError:
        yield "", f"no server answers at {url.host or 'this machine'}:{url.port or 5432} (REGULARS_DATABASE names one)."
        return
    try:
        yield url.update_query_dict({"schema": schema}).render_as_string(hide_password=False), ""
    finally:
        with psycopg.connect(plain, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
