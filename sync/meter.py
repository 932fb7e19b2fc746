"""The lost-webhook meter: changes that a webhook should have told and that only looking at everything showed.

Each look at everything is noted with what it found unheard; how soon the next one comes follows from that. A delivery
that comes later than the look does not count as told. Some facts stand in deliveries alone: where the platform has a
list of them too, a lost one comes by that list, and where it has none, it is counted as unexplained, for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, distinct, func, select, update

from mapping.facts import Touch
from mapping.model import Millis
from sync.store import bulk
from sync.store import schema as t
from sync.store import schema_facts as facts
from sync.store.schema_inbox import meter as table

SHORTEST, LONGEST = 0.25, 16.0
"""The bounds of an interval, in times of the configured one."""

KEPT: Millis = 30 * 86_400_000

_WHY = (Touch.UNSUBSCRIBED.value, Touch.COMPLAINED.value, Touch.BOUNCED.value)


class Reading(NamedTuple):
    """One look at everything: when, how many records it read, how many changes nobody had told of, and of how many
    people it is lost why they left or cannot be reached."""

    connection: str
    at: Millis
    looked: int
    unheard: int
    unexplained: int = 0


def note(conn: Connection, reading: Reading) -> None:
    """Keep a reading, and forget the old ones."""
    bulk.upsert(
        conn, table, Reading._fields, [tuple(reading)], ("connection", "at"), ("looked", "unheard", "unexplained")
    )
    conn.execute(delete(table).where(table.c.at < reading.at - KEPT))


def last_consent(conn: Connection) -> int:
    """The newest line of the consent ledger."""
    return int(conn.execute(select(func.coalesce(func.max(t.consent.c.id), 0))).scalar_one())


def explain(conn: Connection, connection: str, at: Millis, since: int, bare: Sequence[str]) -> int:
    """How many people left, or cannot be reached any more, by the ledger's lines after *since* that have *bare*
    evidence, and no touchpoint says why; noted with the reading of that time."""
    c, told = t.consent.c, facts.touchpoint.c
    why = select(told.record).where(told.record == c.record, told.kind.in_(_WHY))
    found = (
        select(func.count(distinct(c.record)))
        .join_from(t.consent, t.record, t.record.c.id == c.record)
        .where(c.id > since, c.evidence.in_(bare), t.record.c.connection == connection, ~why.exists())
    )
    count = int(conn.execute(found).scalar_one())
    if count:
        mine = (table.c.connection == connection) & (table.c.at == at)
        conn.execute(update(table).where(mine).values(unexplained=count))
    return count


class Total(NamedTuple):
    """All looks that are remembered, and what they found."""

    looks: int
    unheard: int
    unexplained: int


def totals(conn: Connection) -> dict[str, Total]:
    """Looks, unheard changes and unexplained facts that are remembered, by connection."""
    sums = [func.sum(table.c[name]) for name in ("unheard", "unexplained")]
    rows = select(table.c.connection, func.count(), *sums).group_by(table.c.connection)
    return {name: Total(int(looks), int(unheard), int(lost)) for name, looks, unheard, lost in conn.execute(rows)}


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
