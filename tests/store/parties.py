"""People in a store, and what somebody in it is to the business."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from mapping.claims import Record
from mapping.decisions import Policies
from mapping.rules import DAY
from sync.people import fold_only
from sync.resolve import resolve
from sync.roles import spells
from sync.store import records
from sync.store import schema as t
from sync.store.database import Database

NOW = 1_790_000_000_000


def people(database: Database, *fields: dict[str, Any]) -> list[str]:
    """People with one record each, numbered from 1 on, worked out; returns their ids."""
    found = []
    for number, known in enumerate(fields, 1):
        one = Record(number, "crm", str(number), known, first=1, first_at=NOW - 100 * DAY)
        one.addresses = (f"{number}@a.example",)
        found.append(records.to_row(one, None, 2))
    with database.write() as conn:
        records.save(conn, found, new=True)
    resolve(database, 1)
    fold_only(database, Policies(), 100)
    with database.read() as conn:
        return list(conn.execute(select(t.record.c.person).order_by(t.record.c.id)).scalars())


def told(database: Database, party: str) -> list[tuple[str, str, int, int | None]]:
    """What somebody is and was: role, source, since and until."""
    with database.read() as conn:
        return [(one.role, one.source.value, one.since, one.until) for one in spells(conn, party)]
