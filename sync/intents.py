"""Intents: what is about to be written, durable before it leaves, and how each write ended."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from sync.store import bulk, records
from sync.store import schema as t


def next_write_id(conn: Connection) -> int:
    """The next free write id; only the holder of the lease adds writes."""
    found = conn.execute(select(t.write.c.id).order_by(t.write.c.id.desc()).limit(1)).scalar()
    return int(found or 0) + 1


def finish(conn: Connection, ends: Sequence[tuple[int, str, str, int]]) -> None:
    """Say how writes ended: (id, state, reason, record)."""
    bulk.update_by(
        conn,
        t.write,
        "id",
        ("state", "reason"),
        [(state, records.clean(reason), identity) for identity, state, reason, _ in ends],
    )
    bulk.update_by(conn, t.write, "id", ("record",), [(record, identity) for identity, _, _, record in ends if record])


def note_made(conn: Connection, identity: int, remote_id: str) -> None:
    """Remember which task or company a write made."""
    conn.execute(update(t.write).where(t.write.c.id == identity).values(made=remote_id))
