"""What is due at each connection, as the store says it: nothing else remembers it, so a lost wake-up loses nothing.

Due is: mail that waits; a pull whose time has come, or whose result was never judged; writes that another connection's
run planned and could not send, since it did not hold this one's lease; a run that was broken off. After a failure a
connection rests a while, whoever is at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from mapping.model import Millis
from sync import inbox
from sync.store import bulk
from sync.store import schema as t
from sync.store.schema_dues import due as table

AFTER_TROUBLE: Millis = 30_000
"""For how long a connection is left alone after a call to it failed; its mail waits."""

_COLUMNS = tuple(column.name for column in table.c)


class Due(NamedTuple):
    """What is known of one connection. `pulled_at` is 0 before its first pull ended."""

    connection: str
    run: int = 0
    looking: bool = False
    owed: Millis = 0
    left: str = ""
    rests: Millis = 0
    pulled_at: Millis = 0
    broken_off: bool = False
    mail: bool = False

    @property
    def must_look(self) -> bool:
        """Whether it has to be pulled before anything else: what it showed was not seen to its end."""
        return self.looking or self.pulled_at == 0

    def carries(self) -> bool:
        """Whether there is something to hear or to send."""
        return self.mail or self.owed > 0 or self.broken_off


def known(conn: Connection) -> dict[str, Due]:
    """What is due at every connection that has had a run."""
    waiting = set(inbox.connections_waiting(conn))
    names = {row.name: row.pulled_at for row in conn.execute(select(t.connection.c.name, t.connection.c.pulled_at))}
    rows = conn.execute(
        select(*(table.c[name] for name in _COLUMNS), t.run.c.id.is_not(None) & t.run.c.ended.is_(None))
        .select_from(table)
        .outerjoin(t.run, t.run.c.id == table.c.run)
    ).all()
    found = {}
    for row in rows:
        found[row[0]] = Due._make((*row[:-1], names.get(row[0], 0), bool(row[-1]), row[0] in waiting))
    for name, pulled_at in names.items():
        found.setdefault(name, Due(name, pulled_at=pulled_at, mail=name in waiting))
    return found


def begin(conn: Connection, names: Iterable[str], run: int, *, carries: bool) -> bool:
    """A run has these connections' leases now; where it *carries*, its plan will find whatever is owed to them.
    Whether one of them was left by a run that was broken off."""
    wanted = sorted(names)
    bulk.insert_ignore(conn, table, ("connection",), [(name,) for name in wanted])
    before = set(conn.execute(select(table.c.run).where(table.c.connection.in_(wanted))).scalars())
    conn.execute(
        update(table).where(table.c.connection.in_(wanted)).values(run=run, **({"owed": 0} if carries else {}))
    )
    open_runs = select(t.run.c.id).where(t.run.c.id.in_(sorted(before)), t.run.c.ended.is_(None))
    return conn.execute(open_runs.limit(1)).first() is not None


def look(conn: Connection, name: str, *, begun: bool) -> None:
    """A look at a connection begins, or what it saw has been judged."""
    conn.execute(update(table).where(table.c.connection == name).values(looking=begun))


def unjudged(conn: Connection) -> set[str]:
    """Connections of which a look was begun and not judged: what they claim may be an accident."""
    return set(conn.execute(select(table.c.connection).where(table.c.looking)).scalars())


def owe(conn: Connection, planned: Mapping[str, str], now: Millis) -> list[str]:
    """A plan has writes for connections that its run does not hold: (name, their hash). Those that a connection's own
    run has left already are no news to it. Returns to whom something is owed now."""
    rows = conn.execute(select(table.c.connection, table.c.left).where(table.c.connection.in_(sorted(planned)))).all()
    left = {row.connection: row.left for row in rows}
    names = sorted(name for name, hash in planned.items() if left.get(name) != hash)
    bulk.insert_ignore(conn, table, ("connection",), [(name,) for name in names])
    conn.execute(update(table).where(table.c.connection.in_(names), table.c.owed == 0).values(owed=now))
    return names


class End(NamedTuple):
    """How a run left a connection: what it did not send, since when that is owed (0: it waits for news), and until
    when the connection rests."""

    left: str = ""
    owed: Millis = 0
    rests: Millis = 0


def end(conn: Connection, ends: Mapping[str, End]) -> None:
    """A run lets go of connections. What others came to owe them meanwhile stays."""
    for name, one in sorted(ends.items()):
        values: dict[str, object] = {"left": one.left, "rests": one.rests}
        if one.owed:
            values["owed"] = one.owed
        conn.execute(update(table).where(table.c.connection == name).values(**values))
