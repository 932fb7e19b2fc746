"""Journals: what platforms keep of what happened is read on, into the inbox, for those that cannot call us.

The place to read on from is stored with the deliveries that it stands behind, in one transaction, and only where it
still is what the reading began from. So nothing is skipped, nothing is filed twice, and two readers do no harm.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, select, update

from connectors.hooks import Entry, Journal, PlaceLost
from mapping.model import Millis
from sync import inbox
from sync.inbox import Mail
from sync.store import bulk
from sync.store.database import Database
from sync.store.schema_inbox import bookmark as table

STALE: Millis = 300_000
"""A journal in which nobody has read for so long tells nothing by itself."""

_NOTED: Millis = 60_000
"""A reading that found nothing is noted so often at most."""


def place(conn: Connection, connection: str) -> str | None:
    """Where to read on; None where it was never read."""
    return conn.execute(select(table.c.place).where(table.c.connection == connection)).scalar()


def is_read(conn: Connection, connection: str, now: Millis) -> bool:
    """Whether somebody reads this connection's journal, so that looking should find nothing new."""
    at = conn.execute(select(table.c.at).where(table.c.connection == connection)).scalar()
    return at is not None and at > now - STALE


def read_on(database: Database, connection: str, journal: Journal, leaving: Callable[[bytes], bool]) -> int:
    """File what was written since the last time; returns how many entries that was. The first time it is only noted
    where the journal ends: what was before is found by looking at everything. Raises Failure.

    *leaving* tells which entries go first.
    """
    with database.read() as conn:
        here = place(conn, connection)
    if here is None:
        journal.subscribe()
        _begin(database, connection, journal.end())
        return 0
    try:
        return _file_all(database, connection, journal, here, leaving)
    except PlaceLost:  # nobody read for longer than it reaches back; whatever else happened, a look at everything finds
        return _file_all(database, connection, journal, here, leaving, lost=True)


def _begin(database: Database, connection: str, end: str) -> None:
    with database.durable() as conn:
        columns = ("connection", "place", "at")
        bulk.insert_ignore(conn, table, columns, [(connection, end, database.now())])


def _file_all(
    database: Database,
    connection: str,
    journal: Journal,
    here: str,
    leaving: Callable[[bytes], bool],
    *,
    lost: bool = False,
) -> int:
    filed = 0
    for entries in journal.read("" if lost else here):
        mails = [_mail(connection, entry, database.now(), leaving) for entry in entries]
        with database.durable() as conn:
            if not _move(conn, connection, here, entries[-1].place, database.now()):
                return filed  # another reader was here
            filed += inbox.file(conn, mails)
        here = entries[-1].place
    if not filed:
        _note(database, connection, here)
    return filed


def _move(conn: Connection, connection: str, here: str, there: str, now: Millis) -> bool:
    mine = (table.c.connection == connection) & (table.c.place == here)
    return conn.execute(update(table).where(mine).values(place=there, at=now)).rowcount == 1


def _note(database: Database, connection: str, here: str) -> None:
    """It was read, and nothing was new."""
    now = database.now()
    with database.read() as conn:
        at = conn.execute(select(table.c.at).where(table.c.connection == connection)).scalar() or 0
    if at <= now - _NOTED:
        with database.write() as conn:
            _move(conn, connection, here, here, now)


def _mail(connection: str, entry: Entry, now: Millis, leaving: Callable[[bytes], bool]) -> Mail:
    return Mail(connection, f"journal {entry.place}", now, entry.body, leaving(entry.body))
