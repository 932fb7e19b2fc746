"""Forget: take everything that is known of some records out of the store, and leave the counts.

Each table that may hold something of a person is named here once; a test looks through all of them afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select

from mapping.claims import Record
from mapping.facts import Facts
from mapping.model import RecordState, WriteKind
from sync.intents import finish
from sync.store import bulk, records
from sync.store import schema as t
from sync.store import schema_events as e
from sync.store import schema_inbox as i
from sync.tombs import ERASED
from sync.writes import Write

_write = msgspec.json.Decoder(Write).decode
_facts = msgspec.json.Decoder(Facts).decode
_ERASED = "erased"


def forget(
    conn: Connection,
    found: Sequence[tuple[int, str, str]],
    addresses: Collection[str],
    tomb: Callable[[str], str],
    *,
    stays: bool = False,
) -> None:
    """Forget these records (id, connection, remote id) and these *addresses*, which nobody else has. *tomb* gives what
    stands for an address from now on. A record *stays* a silent part of its person where others know them: the person's
    id may be from it."""
    ids = [identity for identity, _, _ in found]
    _records(conn, found, stays=stays)
    if stays:
        bulk.delete_in(conn, t.identifier.c.value, addresses, {"kind": "email"})
        bulk.delete_in(conn, t.identifier.c.record, ids, {"kind": "merged"})
    else:
        bulk.delete_in(conn, t.identifier.c.record, ids)
    for column in (t.touchpoint.c.record, t.feedback.c.record, t.tie.c.record):
        bulk.delete_in(conn, column, ids)
    for column in (t.listed.c.record, e.stirred_touch.c.record):
        bulk.delete_in(conn, column, ids)
    _deals(conn, ids)
    _consent(conn, ids, addresses, tomb)
    _decisions(conn, ids)
    _history(conn, t.journal.c.record, ids)
    _writes(conn, t.write.c.record, ids)
    for connection in {connection for _, connection, _ in found}:
        names = [remote_id for _, where, remote_id in found if where == connection]
        bulk.delete_in(conn, t.refusal.c.remote_id, names, {"connection": connection})
        _strays(conn, connection, {*names, *addresses})
        _inbox(conn, connection, [*names, *addresses])


def forget_name(conn: Connection, person: str) -> None:
    """Forget what was worked out, told and written of a person."""
    for table in (t.person, t.relationship, t.finding, t.member, t.turn, t.role_spell, e.told, e.stirred):
        column: Any = table.c.id if table is t.person else table.c.person
        conn.execute(delete(table).where(column == person))
    _history(conn, t.journal.c.person, [person])
    _writes(conn, t.write.c.person, [person])
    told = list(conn.execute(select(e.event.c.id).where(e.event.c.data.contains(f'"{person}"'))).scalars())
    sent = bulk.select_in(conn, [e.delivery.c.id], e.delivery.c.event, told)
    bulk.delete_in(conn, e.attempt.c.delivery, [row[0] for row in sent])
    bulk.delete_in(conn, e.delivery.c.event, told)
    bulk.delete_in(conn, e.event.c.id, told)


def _records(conn: Connection, found: Sequence[tuple[int, str, str]], *, stays: bool) -> None:
    rows = [
        records.to_row(Record(identity, connection, remote_id, {}, state=RecordState.ERASED), ERASED, 0)
        for identity, connection, remote_id in found
    ]
    records.save(conn, rows, new=False)
    if not stays:
        bulk.update_by(conn, t.record, "id", ("person",), [(None, identity) for identity, _, _ in found])


def _deals(conn: Connection, ids: Sequence[int]) -> None:
    """The money stays, and nobody stands beside it."""
    columns = [t.deal_party.c.deal, t.deal_party.c.organization]
    parties = bulk.select_in(conn, columns, t.deal_party.c.record, ids)
    bulk.delete_in(conn, t.deal_party.c.record, ids)
    rows = [(0, deal, organization) for deal, organization in parties]
    bulk.insert_ignore(conn, t.deal_party, ("record", "deal", "organization"), rows)


def _consent(conn: Connection, ids: Sequence[int], addresses: Collection[str], tomb: Callable[[str], str]) -> None:
    """What they withdrew stays withdrawn, should they come again; until then the ledger has no address for it."""
    rows = [(tomb(address), "", address) for address in sorted(addresses)]
    bulk.update_by(conn, t.consent, "address", ("address", "evidence"), rows)
    bulk.update_by(conn, t.consent, "record", ("evidence",), [("", identity) for identity in ids])


def _decisions(conn: Connection, ids: Sequence[int]) -> None:
    for column in ("record", "other"):
        rows = [("null", None, "", True, identity) for identity in ids]
        bulk.update_by(conn, t.decision, column, ("value", "rejects", "name", "lifted"), rows)


def _history(conn: Connection, column: Any, keys: Sequence[object]) -> None:
    rows = [("null", "null", _ERASED, key) for key in keys]
    bulk.update_by(conn, t.journal, column.name, ("before", "after", "because"), rows)


def _writes(conn: Connection, column: Any, keys: Sequence[object]) -> None:
    """Of writes stays that there was one. Open ones are not sent again; an open create may have made a record, which is
    looked for by its address first, and forgotten then."""
    names = [t.write.c[name] for name in ("id", "row", "state")]
    ends, rows = [], []
    for identity, row, state in bulk.select_in(conn, names, column, keys):
        write = _write(row)
        if state == "intended":
            if write.kind is WriteKind.CREATE:
                continue
            if write.kind is not WriteKind.ERASE:
                ends.append((identity, "refused", _ERASED, write.record))
        if write.kind is not WriteKind.ERASE:
            blank = Write(write.kind, write.connection, write.person, write.record, why=_ERASED)
            rows.append((records.dump(blank), "", identity))
    finish(conn, ends)
    bulk.update_by(conn, t.write, "id", ("row", "reason"), rows)


def _strays(conn: Connection, connection: str, who: set[str]) -> None:
    """Facts that wait for these people at this connection."""
    query = select(t.item.c.id, t.item.c.body).where(t.STRAY, t.item.c.connection == connection)
    rows = []
    for item, body in conn.execute(query).all():
        facts = _facts(body)
        named = {one for one in facts.people() if one in who or records.ledger_address(one) in who}
        if named:
            left = facts.without(named)
            rows.append((records.dump(left) if left.about() else "{}", left.about(), item))
    bulk.update_by(conn, t.item, "id", ("body", "stray"), rows)


def _inbox(conn: Connection, connection: str, names: Sequence[str]) -> None:
    """Deliveries that are done and named them. Those that wait are forgotten in their time, like all."""
    said = [name.lower().encode() for name in names]
    done = select(i.inbox.c.id, i.inbox.c.body).where(i.inbox.c.connection == connection, i.inbox.c.state != i.WAITING)
    named = [(b"", row.id) for row in conn.execute(done) if any(one in row.body.lower() for one in said)]
    bulk.update_by(conn, i.inbox, "id", ("body",), named)
