"""What may have changed since it was last told: noted in the very transaction in which it changed, while somebody
listens. Whether anything did change is found out later, by comparing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from mapping.model import Millis
from sync.store import bulk
from sync.store.schema_events import stirred, stirred_touch, subscription

KEPT: Millis = 30 * 86_400_000
"""How long events are remembered. What happened longer ago is not told any more."""


def stir_people(conn: Connection, people: Iterable[str]) -> None:
    """These people were worked out anew, or are nobody any more."""
    if _heard(conn):
        bulk.insert_ignore(conn, stirred, ("person",), [(person,) for person in sorted(set(people))])


def stir_touches(conn: Connection, rows: Sequence[tuple[object, ...]], now: Millis) -> None:
    """Touchpoints, (record, at, kind, key, ...), are filed; some of them may be new."""
    late = now - KEPT
    recent = [row[:4] for row in rows if isinstance(row[1], int) and row[1] > late]
    if recent and _heard(conn):
        bulk.insert_ignore(conn, stirred_touch, ("record", "at", "kind", "key"), recent)


def _heard(conn: Connection) -> bool:
    return conn.execute(select(subscription.c.id).limit(1)).first() is not None
