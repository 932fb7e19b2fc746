"""Writes that may have arrived: their answers were lost, and nothing that can be read tells what became of them.

They are shown until a person has looked; they are never sent again by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select, update

from mapping.model import Millis, WriteKind
from sync.store import schema as t
from sync.writes import Write

_decode = msgspec.json.Decoder(Write).decode


class Uncertain(NamedTuple):
    """One such write, whom it concerns, and why nobody knows."""

    run: int
    at: Millis
    write: Write
    reason: str
    person: str
    who: str  # name or address; empty where nobody is known by that id any more


def uncertain(conn: Connection, *, record: int = 0) -> list[Uncertain]:
    """All of them, oldest first, or those about one record."""
    open_ = select(t.write).where(t.UNCERTAIN).subquery()
    w, p = open_.c, t.person.c
    query = select(w.run, w.at, w.row, w.reason, p.id, p.name, p.email).select_from(
        open_.outerjoin(t.record, t.record.c.id == w.record).outerjoin(t.person, p.id == t.record.c.person)
    )
    query = query.where(w.record == record) if record else query
    return [
        Uncertain(row.run, row.at, _decode(row.row), row.reason, row.id or "", row.name or row.email or "")
        for row in conn.execute(query.order_by(w.id))
    ]


def same_task(conn: Connection, write: Write) -> list[Uncertain]:
    """Tasks of these very words for this record that may be there already."""
    return [
        one
        for one in uncertain(conn, record=write.record)
        if one.write.kind is WriteKind.TASK
        and one.write.connection == write.connection
        and one.write.settings[0].after == write.settings[0].after
    ]


def looked_at(conn: Connection, records_of: Sequence[int]) -> int:
    """A person has looked at the tasks of these records: they are open questions no more. Returns how many there were.
    A company is no question for people; the next complete listing answers it."""
    w = t.write.c
    mine = (t.UNCERTAIN, w.kind == WriteKind.TASK.value, w.record.in_(list(records_of)))
    return conn.execute(update(t.write).where(*mine).values(state="looked_at")).rowcount
