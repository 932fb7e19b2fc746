"""The inbox: deliveries that were verified, kept until what they name has been looked at again.

A delivery is filed once, however often it comes: by its own id, else by a digest of its body. What is done is kept for
a while, so that a late copy is still known. One that may say that somebody left goes before all others.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, TextClause, and_, delete, func, select, update

from mapping.model import Millis
from sync.store import bulk
from sync.store.schema_inbox import DONE, DONE_BY, OPEN, OPEN_FIRST, REFUSED, WAITING
from sync.store.schema_inbox import inbox as table

KEPT: Millis = 30 * 86_400_000
"""How long what is done is remembered; the platforms repeat a delivery for three days at most."""

_KEY = b"inbox"

STATES = {WAITING: "waiting", DONE: "done", REFUSED: "refused"}


class Mail(NamedTuple):
    """A delivery on its way in. It goes `first` where it may say that somebody left."""

    connection: str
    key: str
    at: Millis
    body: bytes
    first: bool = False


class Filed(NamedTuple):
    """A delivery in the inbox."""

    id: int
    connection: str
    at: Millis
    body: bytes
    state: str = "waiting"
    done_at: Millis = 0
    run: int = 0
    note: str = ""


def key_of(body: bytes) -> str:
    """What tells two deliveries apart where the platform gives them no id: every byte they say.

    Keyed and in one call, because that keeps the interpreter meanwhile: a plain hash lets go of it for bodies of this
    length, and among many threads waits longer to get it back than it worked.
    """
    return hmac.digest(_KEY, body, "sha256")[:16].hex()


def file(conn: Connection, mails: Iterable[Mail]) -> int:
    """File deliveries; returns how many had not come before."""
    rows = [(*mail[:-1], int(mail.first)) for mail in mails]
    return bulk.insert_ignore(conn, table, ("connection", "key", "at", "body", "goes_first"), rows)


def waiting(conn: Connection, connection: str, most: int) -> list[Filed]:
    """Deliveries that wait: those that go first, then the others, the oldest first of either."""
    found = waiting_first(conn, connection, most)
    return found + _oldest(conn, and_(OPEN, table.c.goes_first == 0), connection, most - len(found), 0)


def waiting_first(conn: Connection, connection: str, most: int, after: int = 0) -> list[Filed]:
    """The oldest of those that wait and go first, from the one *after* that id on."""
    return _oldest(conn, OPEN_FIRST, connection, most, after)


def _oldest(
    conn: Connection, which: ColumnElement[bool] | TextClause, connection: str, most: int, after: int
) -> list[Filed]:
    if most <= 0:
        return []
    mine = select(table.c.id, table.c.connection, table.c.at, table.c.body).where(
        which, table.c.connection == connection, table.c.id > after
    )
    return [Filed(*row) for row in conn.execute(mine.order_by(table.c.id).limit(most))]


def newest_id(conn: Connection) -> int:
    """The id of the delivery that came last."""
    return int(conn.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())


def came_first(conn: Connection, connections: Collection[str], after: int) -> bool:
    """Whether one that goes first came after that id, and waits."""
    mine = select(table.c.id).where(OPEN_FIRST, table.c.connection.in_(connections), table.c.id > after)
    return conn.execute(mine.limit(1)).first() is not None


def connections_waiting(conn: Connection) -> list[str]:
    """Whose deliveries wait."""
    return list(conn.execute(select(table.c.connection).where(OPEN).distinct()).scalars())


def settle(conn: Connection, done: Sequence[tuple[int, int, str]], run: int, now: Millis) -> None:
    """Note what became of deliveries: (id, state, note)."""
    rows = [(state, now, run, note, identity) for identity, state, note in done]
    bulk.update_by(conn, table, "id", ("state", "done_at", "run", "note"), rows)


def replay(conn: Connection, ids: Sequence[int]) -> int:
    """Let deliveries wait again; returns how many there were."""
    values = {"state": WAITING, "done_at": 0, "run": 0, "note": ""}
    return conn.execute(update(table).where(table.c.id.in_(ids)).values(**values)).rowcount


def forget(conn: Connection, before: Millis) -> int:
    """Forget what was done before that time; returns how many."""
    old = (table.c.state == DONE) & (table.c.done_at < before)
    return conn.execute(delete(table).where(old)).rowcount


def counts(conn: Connection) -> dict[str, dict[str, int]]:
    """Deliveries by connection and state."""
    found: dict[str, dict[str, int]] = {}
    rows = select(table.c.connection, table.c.state, func.count()).group_by(table.c.connection, table.c.state)
    for connection, state, number in conn.execute(rows):
        found.setdefault(connection, dict.fromkeys(STATES.values(), 0))[STATES[state]] = number
    return found


def of_run(conn: Connection, run: int) -> list[int]:
    """The deliveries whose records a run looked at, by id."""
    mine = select(table.c.id).where(DONE_BY, table.c.run == run)
    return list(conn.execute(mine.order_by(table.c.id)).scalars())


def newest(conn: Connection, most: int, connection: str = "", state: int | None = None) -> list[Filed]:
    """The newest deliveries, whole."""
    rows = select(*(table.c[name] for name in Filed._fields)).order_by(table.c.id.desc()).limit(most)
    if connection:
        rows = rows.where(table.c.connection == connection)
    if state is not None:
        rows = rows.where(table.c.state == state)
    return [_filed(row) for row in conn.execute(rows)]


def one(conn: Connection, identity: int) -> Filed | None:
    """One delivery, whole."""
    row = conn.execute(select(*(table.c[name] for name in Filed._fields)).where(table.c.id == identity)).first()
    return None if row is None else _filed(row)


def _filed(row: Sequence[object]) -> Filed:
    found = Filed(*row)  # type: ignore[arg-type]
    return found._replace(state=STATES[int(found.state)])
