"""How webhooks stand at their platforms: when they were looked at, and how often they had to be put right.

A hook may be gone, changed or switched off there without a word. That it is listed proves little: one that tells of
nothing, while looking at everything finds what it should have told, counts as switched off.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from mapping.model import Millis
from sync import meter
from sync.store import bulk
from sync.store.schema_inbox import hook as table
from sync.store.schema_inbox import inbox


class Stand(NamedTuple):
    """One connection's hook."""

    connection: str
    looked_at: Millis = 0
    mended: int = 0
    mended_at: Millis = 0
    trouble: str = ""


def stands(conn: Connection) -> dict[str, Stand]:
    """What is known, by connection."""
    rows = conn.execute(select(*(table.c[name] for name in Stand._fields)))
    return {row.connection: Stand(*row) for row in rows}


def claim(conn: Connection, connection: str, now: Millis, every: Millis) -> bool:
    """Whether it is time to look at this hook, and nobody else does: whoever gets True does so now."""
    bulk.insert_ignore(conn, table, ("connection", "looked_at"), [(connection, 0)])
    due = (table.c.connection == connection) & (table.c.looked_at <= now - every)
    return conn.execute(update(table).where(due).values(looked_at=now)).rowcount == 1


def note(conn: Connection, connection: str, now: Millis, *, mended: bool, trouble: str = "") -> None:
    """What a look came to."""
    values = {"trouble": trouble, **({"mended": table.c.mended + 1, "mended_at": now} if mended else {})}
    conn.execute(update(table).where(table.c.connection == connection).values(**values))


def silent(conn: Connection, connection: str) -> bool:
    """Whether the hook told nothing since the look before last, though the last look found what it should have."""
    readings = meter.newest(conn, 2).get(connection, [])
    if not readings or not readings[0].unheard:
        return False
    last, before = readings[0], readings[1:]
    stand = stands(conn).get(connection)
    if stand is not None and stand.mended_at >= last.at:
        return False  # that was before it was put right
    since = before[0].at if before else 0
    came = conn.execute(select(func.max(inbox.c.at)).where(inbox.c.connection == connection)).scalar()
    return came is None or came <= since
