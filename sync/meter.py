"""The lost-webhook meter: changes that a webhook should have told and that only looking at everything showed.

Each look at everything is noted with what it found unheard; how soon the next one comes follows from that.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from mapping.model import Millis
from sync.store import bulk
from sync.store.schema_inbox import meter as table

SHORTEST, LONGEST = 0.25, 16.0
"""The bounds of an interval, in times of the configured one."""

KEPT: Millis = 30 * 86_400_000


class Reading(NamedTuple):
    """One look at everything: when, how many records it read, and how many changes nobody had told of."""

    connection: str
    at: Millis
    looked: int
    unheard: int


def note(conn: Connection, reading: Reading) -> None:
    """Keep a reading, and forget the old ones."""
    bulk.upsert(conn, table, Reading._fields, [tuple(reading)], ("connection", "at"), ("looked", "unheard"))
    conn.execute(delete(table).where(table.c.at < reading.at - KEPT))


def totals(conn: Connection) -> dict[str, tuple[int, int]]:
    """Looks and unheard changes that are remembered, by connection."""
    rows = select(table.c.connection, func.count(), func.sum(table.c.unheard)).group_by(table.c.connection)
    return {name: (int(looks), int(unheard)) for name, looks, unheard in conn.execute(rows)}


def newest(conn: Connection, most: int = 8) -> dict[str, list[Reading]]:
    """The last readings of each connection, newest first."""
    found: dict[str, list[Reading]] = {}
    for row in conn.execute(select(*(table.c[name] for name in Reading._fields)).order_by(table.c.at.desc())):
        readings = found.setdefault(row.connection, [])
        if len(readings) < most:
            readings.append(Reading(*row))
    return found


def interval(every: float, readings: list[Reading]) -> float:
    """Seconds until the next look, from the configured interval and the last *readings*, newest first: twice as long
    for each quiet look in a row, up to sixteen times; a quarter of it after a look that found something unheard."""
    quiet = 0
    for reading in readings:
        if reading.unheard:
            break
        quiet += 1
    if readings and not quiet:
        return every * SHORTEST
    return float(every * min(LONGEST, 2.0**quiet))
