"""Events: what is new in the store, told once. Derived after a run, with the store's lease held.

What was read, up to where, and what came of it are one transaction: killed before it, all is derived again and has
the same ids; killed after it, nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, literal, select

from mapping.model import Millis
from sync.events_facts import consents, guards, newest_run, passages, place, runs_ended, touches
from sync.events_kinds import Event
from sync.events_people import look_at_people, remember_reviews
from sync.store import bulk
from sync.store import schema as t
from sync.store import schema_events as e
from sync.store.database import Database

MOST = 1000
"""How much of each kind is taken in one transaction."""

Marks = dict[str, Any]


def derive(database: Database, now: Millis) -> int:
    """Derive all that is new, and for each event the deliveries to whoever hears it; returns how many events."""
    with database.read() as conn:
        if not _heard(conn):
            return 0
    total, more = 0, True
    while more:
        with database.write() as conn:
            marks = _marks(conn)
            found, more = _gather(conn, marks, now)
            _keep(conn, marks)
            total += file(conn, found, now)
    return total


def untold(conn: Connection) -> bool:
    """Whether a run has ended of which nothing was derived: it was killed between the two."""
    return _heard(conn) and newest_run(conn) > int(_marks(conn).get("run", 0))


def alone(conn: Connection) -> None:
    """Until this transaction ends, nobody else begins to listen."""
    bulk.upsert(conn, e.event_mark, ("source", "value"), [("listening", "1")], ("source",), ("value",))


def begin(conn: Connection) -> None:
    """Somebody is about to listen, and nobody did: what is so today is no news."""
    marks = _marks(conn)
    for table in (e.told, e.stirred, e.stirred_touch):
        conn.execute(delete(table))
    p = t.person.c
    known = select(p.id, literal(0), p.email, p.fields, literal("[]"))
    conn.execute(insert(e.told).from_select(["person", "number", "email", "fields", "reviews"], known))
    remember_reviews(conn)
    marks["epoch"] = int(marks.get("epoch", 0)) + 1
    marks["passage"], marks["consent"] = place(conn, t.passage), place(conn, t.consent)
    marks["run"] = newest_run(conn)
    guards(conn, marks)
    _keep(conn, marks)


def file(conn: Connection, found: Sequence[Event], now: Millis) -> int:
    """File events that are not filed yet, with a delivery for each who hears them; returns how many."""
    rows = {event.id: (event.id, event.kind, now, _encode(event.data)) for event in found}
    known = {row[0] for row in bulk.select_in(conn, [e.event.c.id], e.event.c.id, list(rows))}
    new = [row for identity, row in rows.items() if identity not in known]
    bulk.insert(conn, e.event, ("id", "kind", "at", "data"), new)
    s = e.subscription.c
    for listener in conn.execute(select(s.id, s.kinds).where(s.state == e.ACTIVE).order_by(s.made, s.id)).all():
        kinds = set(msgspec.json.decode(listener.kinds))
        due = [(listener.id, row[0], now) for row in new if row[1] in kinds]
        bulk.insert_ignore(conn, e.delivery, ("subscription", "event", "due"), due)
    return len(new)


def forget(conn: Connection, before: Millis) -> int:
    """Forget events from before that time, with their deliveries; those that wait are kept. Returns how many."""
    waits = select(e.delivery.c.event).where(e.DUE)
    old = select(e.event.c.id).where(e.event.c.at < before, e.event.c.id.not_in(waits)).limit(MOST)
    ids = list(conn.execute(old).scalars())
    gone = bulk.select_in(conn, [e.delivery.c.id], e.delivery.c.event, ids)
    bulk.delete_in(conn, e.attempt.c.delivery, [row[0] for row in gone])
    bulk.delete_in(conn, e.delivery.c.event, ids)
    return bulk.delete_in(conn, e.event.c.id, ids)


def newest(conn: Connection, kind: str, most: int) -> list[tuple[str, str, Millis, Any]]:
    """The newest events of a kind: (id, kind, at, data)."""
    c = e.event.c
    rows = conn.execute(select(c.id, c.kind, c.at, c.data).where(c.kind == kind).order_by(c.seq.desc()).limit(most))
    return [(row.id, row.kind, row.at, msgspec.json.decode(row.data)) for row in rows]


def _gather(conn: Connection, marks: Marks, now: Millis) -> tuple[list[Event], bool]:
    """A portion of what is new, and whether there is more. Runs and guards come last: they end what they tell of."""
    found, more = look_at_people(conn, int(marks.get("epoch", 0)), MOST)
    for source in (passages, consents):
        events, left = source(conn, marks, MOST)
        found += events
        more |= left
    events, left = touches(conn, now, MOST)
    found += events
    more |= left
    if not more:
        found += guards(conn, marks)
        found += runs_ended(conn, marks)
    return found, more


def _heard(conn: Connection) -> bool:
    return bool(conn.execute(select(func.count()).select_from(e.subscription)).scalar_one())


def _marks(conn: Connection) -> Marks:
    rows = conn.execute(select(e.event_mark.c.source, e.event_mark.c.value))
    return {row.source: msgspec.json.decode(row.value) for row in rows}


def _keep(conn: Connection, marks: Marks) -> None:
    rows = [(source, _encode(value)) for source, value in sorted(marks.items())]
    bulk.upsert(conn, e.event_mark, ("source", "value"), rows, ("source",), ("value",))


def _encode(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


__all__ = ["MOST", "alone", "begin", "derive", "file", "forget", "newest", "untold"]
