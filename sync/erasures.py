"""Erasures: somebody asked to be forgotten. Here it happens at once; everywhere else until each platform has confirmed.

What is left are counts, the journal's lines without their values, and tombstones that keep the person out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from connectors.base import Connector
from mapping.model import Millis, RecordState, WriteKind
from sync.forget import forget, forget_name
from sync.store import bulk, records
from sync.store import schema as t
from sync.store import schema_erasure as x
from sync.store.database import Database
from sync.store.schema import MARK_FOLD
from sync.tombs import Tombs
from sync.writes import Write

WHY = "asked to be erased"


class Erasing(NamedTuple):
    """One erasure, and where it still waits: connection → how many records. `at` and `done` in milliseconds."""

    id: int
    person: str
    at: Millis
    done: Millis
    records: int
    waiting: dict[str, int]
    source: str = ""  # the connection that told of it; empty where a person asked here
    known: tuple[str, ...] = ()  # connections that still know the person, where only *source* has erased them


# ---- asking ------------------------------------------------------------------------------------------------------


def ask(conn: Connection, person: str, now: Millis) -> int:
    """Somebody asked that *person* be erased: forget them here, and remember where else it has to happen. Returns the
    number of the erasure."""
    made = insert(x.erasure).values(person=person, at=now).returning(x.erasure.c.id)
    erasure = int(conn.execute(made).scalar_one())
    _bury(conn, erasure, _records(conn, [person]), now)
    forget_name(conn, person)
    _close(conn, erasure, now)
    return erasure


def follow(conn: Connection, people: Iterable[str], now: Millis) -> None:
    """Records that came to *people* since they asked: a create whose answer was lost had made one after all."""
    wanted = sorted(set(people))
    columns = [x.erasure.c.person, x.erasure.c.id]
    asked = bulk.select_in(conn, columns, x.erasure.c.person, wanted, {"source": ""}) if wanted else ()
    for person, erasure in asked:
        found = _records(conn, [person])
        if found:
            _bury(conn, erasure, found, now)
        forget_name(conn, person)


def told(conn: Connection, connection: str, remote_ids: Sequence[str], now: Millis) -> None:
    """A platform says that it erased these, because somebody asked there; they do not answer any more. They are
    forgotten here. Whether the person is to be erased elsewhere as well, a person decides: see `still_known`."""
    rows = records.by_remote(conn, connection, remote_ids).values()
    for row in [row for row in rows if row[records.STATE] == RecordState.GONE]:
        identity, person = row[0], row[records.PERSON] or ""
        made = insert(x.erasure).values(person=person, at=now, source=connection).returning(x.erasure.c.id)
        others = [other for other, _, _ in _records(conn, [person]) if other != identity] if person else []
        number = int(conn.execute(made).scalar_one())
        _bury(conn, number, [(identity, connection, row[2])], now, stays=bool(others))
        confirm(conn, identity, now)
        records.mark(conn, others, MARK_FOLD)
        if not others:
            forget_name(conn, person)


def bury_new(conn: Connection, found: Sequence[tuple[int, str, str]], erasure: int) -> None:
    """Records that were there before somebody asked, and that nobody here had seen: (id, connection, remote id)."""
    rows = [(identity, erasure, connection, remote_id, x.WAITING) for identity, connection, remote_id in found]
    bulk.insert_ignore(conn, x.erased, ("record", "erasure", "connection", "remote_id", "state"), rows)
    conn.execute(update(x.erasure).where(x.erasure.c.id == erasure).values(done=0))


def _records(conn: Connection, people: Sequence[str]) -> list[tuple[int, str, str]]:
    columns = [t.record.c.id, t.record.c.connection, t.record.c.remote_id, t.record.c.state]
    rows = bulk.select_in(conn, columns, t.record.c.person, people)
    return [(row[0], row[1], row[2]) for row in rows if row[3] != RecordState.ERASED]


def _bury(
    conn: Connection, erasure: int, found: Sequence[tuple[int, str, str]], now: Millis, *, stays: bool = False
) -> None:
    ids = [identity for identity, _, _ in found]
    tombs, alone = Tombs.first(conn), _addresses(conn, ids)
    marks = {tombs.record(connection, remote_id) for _, connection, remote_id in found}
    tombs.raised(conn, marks | {tombs.address(one) for one in alone}, erasure, now)
    bury_new(conn, found, erasure)
    forget(conn, found, alone, tombs.address, stays=stays)


def _addresses(conn: Connection, ids: Collection[int]) -> set[str]:
    """The addresses of these records that nobody else has: what a family shares is still somebody's."""
    mine = bulk.select_in(conn, [t.identifier.c.value], t.identifier.c.record, ids, {"kind": "email"})
    values = {value for (value,) in mine}
    columns = [t.identifier.c.value, t.identifier.c.record]
    holders = bulk.select_in(conn, columns, t.identifier.c.value, sorted(values), {"kind": "email"})
    return values - {value for value, record in holders if record not in ids}


# ---- carrying out ------------------------------------------------------------------------------------------------


def planned(database: Database, able: Collection[str]) -> Iterator[Write]:
    """The plan's rows for what is still to be erased, at the connections that are *able*."""
    with database.read() as conn:
        rows = conn.execute(
            select(x.erased.c.record, x.erased.c.connection, x.erased.c.remote_id, x.erasure.c.person)
            .join(x.erasure, x.erasure.c.id == x.erased.c.erasure)
            .where(x.OPEN)
            .order_by(x.erased.c.record)
        ).all()
    for row in rows:
        if row.connection in able:
            yield Write(WriteKind.ERASE, row.connection, row.person, row.record, row.remote_id, why=WHY)


def confirm(conn: Connection, record: int, now: Millis) -> None:
    """The platform has erased this record: what it was called there goes, too."""
    row = conn.execute(select(x.erased).where(x.erased.c.record == record)).first()
    if row is None or row.state == x.CONFIRMED:
        return
    conn.execute(update(x.erased).where(x.erased.c.record == record).values(state=x.CONFIRMED, remote_id=""))
    mine = t.record.c.id == record
    conn.execute(update(t.record).where(mine).values(remote_id=f"erased {record}"))
    conn.execute(update(t.record).where(mine, t.record.c.person.is_(None)).values(founder=""))
    blank = Write(WriteKind.ERASE, row.connection, "", record, why=WHY)
    asked = (t.write.c.record == record) & (t.write.c.kind == WriteKind.ERASE.value)
    conn.execute(update(t.write).where(asked).values(row=records.dump(blank)))
    _close(conn, row.erasure, now)


def _close(conn: Connection, erasure: int, now: Millis) -> None:
    open_ = select(x.erased.c.record).where(x.OPEN, x.erased.c.erasure == erasure).limit(1)
    if conn.execute(open_).first() is None:
        conn.execute(update(x.erasure).where(x.erasure.c.id == erasure).values(done=now))


def look_again(database: Database, name: str, connector: Connector, now: Millis) -> None:
    """Where we may not erase, a person does: look whether that is done. Raises Failure where nobody can look."""
    with database.read() as conn:
        rows = conn.execute(
            select(x.erased.c.record, x.erased.c.remote_id).where(x.OPEN, x.erased.c.connection == name)
        ).all()
    there = connector.read([row.remote_id for row in rows]) if rows else {}
    unsaid = {row.remote_id for row in rows if row.remote_id not in there} if connector.forgets else frozenset()
    gone = [row.record for row in rows if there.get(row.remote_id) is None and row.remote_id not in unsaid]
    if gone:
        with database.write() as conn:
            for record in gone:
                confirm(conn, record, now)


# ---- telling -----------------------------------------------------------------------------------------------------


def all_erasures(conn: Connection) -> list[Erasing]:
    """Every erasure, the newest first."""
    counts: dict[int, dict[str, int]] = {}
    total: dict[int, int] = {}
    grouped = select(x.erased.c.erasure, x.erased.c.connection, x.erased.c.state, func.count()).group_by(
        x.erased.c.erasure, x.erased.c.connection, x.erased.c.state
    )
    for erasure, connection, state, count in conn.execute(grouped):
        total[erasure] = total.get(erasure, 0) + count
        if state == x.WAITING:
            counts.setdefault(erasure, {})[connection] = count
    rows = conn.execute(select(x.erasure).order_by(x.erasure.c.id.desc())).all()
    known = _still_known(conn, [row.person for row in rows if row.source])
    return [
        Erasing(
            r.id, r.person, r.at, r.done, total.get(r.id, 0), counts.get(r.id, {}), r.source, known.get(r.person, ())
        )
        for r in rows
    ]


def _still_known(conn: Connection, people: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Where people have records who were erased at another platform."""
    columns = [t.record.c.person, t.record.c.connection, t.record.c.state]
    found: dict[str, set[str]] = {}
    for person, connection, state in bulk.select_in(conn, columns, t.record.c.person, people):
        if state != RecordState.ERASED:
            found.setdefault(person, set()).add(connection)
    return {person: tuple(sorted(names)) for person, names in found.items()}


def lift(conn: Connection, address: str) -> bool:
    """Somebody who was erased may come again under *address*; whether they had been. What they withdrew before stays
    withdrawn: the ledger's lines get their address back."""
    tombs = Tombs.of(conn)
    mark = tombs.address(address) if tombs is not None else ""
    if tombs is None or not tombs.known(conn, [mark]):
        return False
    conn.execute(x.tombstone.delete().where(x.tombstone.c.digest == mark))
    ledger = records.ledger_address(address)
    conn.execute(update(t.consent).where(t.consent.c.address == mark).values(address=ledger))
    return True
