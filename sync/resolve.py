"""Resolve: which records are one person. Works outward from records whose identifiers are new.

Identifiers accumulate: a record that changed its address is still found by the old one. The clustering itself is
`mapping.identity.cluster`, pure; this module fetches the neighbourhood it needs, and files what it says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, literal_column, select, update

from mapping.decisions import DecisionKind
from mapping.identity import Identifier, Node, cluster, shared_mailbox
from mapping.values import canonical_email
from sync import runs
from sync.events_stirred import stir_people
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database
from sync.store.records import Memory
from sync.store.schema import MARK_FOLD, MARK_RESOLVE

_memory = msgspec.json.Decoder(Memory).decode


@dataclass(frozen=True, slots=True)
class Identity:
    """How far identity goes by itself: how many records may hold one value, and how large a person may get."""

    holders: int = 8
    largest: int = 24
    batch: int = 2000


class _Row(NamedTuple):
    """A record as it is filed: what identity sees of it, and whose it is."""

    node: Node
    person: str | None


def resolve(database: Database, revision: int, identity: Identity = Identity(), *, beside: bool = False) -> int:
    """Give every record with new identifiers its person; returns how many records were looked at. *beside* others who
    pull meanwhile, records meet at the revision of the moment, and what is seen from then on is later."""
    done = 0
    columns = [t.record.c[name] for name in _ROW]
    query = (
        select(*columns, t.document.c.memory)
        .join(t.document, t.document.c.record == t.record.c.id)
        .where(t.UNRESOLVED, t.record.c.mark == MARK_RESOLVE)
        .order_by(t.record.c.id)
        .limit(identity.batch)
    )
    losers = select(t.identifier.c.record).where(t.identifier.c.kind == "merged")
    while True:
        with database.write() as conn:
            found = conn.execute(query).all()
            if not found:
                return done
            merged = set(conn.execute(losers).scalars())
            if beside:
                revision = runs.revision_now(conn)
                runs.advance(conn)
            batch = {row[0]: _row(row) for row in found}
            shown = _file_identifiers(conn, [(row[0], row[-1]) for row in found])
            new = {record for record, row in batch.items() if row.person is None and record not in merged}
            fresh = _Fresh(new, {(kind, value) for kind, value, record in shown if record in new})
            _resolve_batch(conn, batch, fresh, revision, identity)
            done += len(batch)


class _Fresh(NamedTuple):
    """Records that are nobody's yet, and all that they can be known by: there is no past to ask the store for."""

    records: Collection[int]
    identifiers: Collection[Identifier]


def _file_identifiers(conn: Connection, rows: Iterable[tuple[int, str]]) -> set[tuple[str, str, int]]:
    """Add what these records can be known by, and say it; what they were known by stays."""
    found = set()
    for record, memory in rows:
        for address in _memory(memory).addresses:
            value = canonical_email(address)
            if value is not None:
                found.add(("email", value, record))
    bulk.insert_ignore(conn, t.identifier, ("kind", "value", "record"), sorted(found))
    return found


_LINKS = ("email", "merged", "made")
"""Kinds of identifier that link: addresses, the platform's own merges, and records that we made for a person."""


def _resolve_batch(conn: Connection, batch: Mapping[int, _Row], new: _Fresh, revision: int, identity: Identity) -> None:
    holders, apart, together = _neighbourhood(conn, batch, new, identity)
    linked = {record for pair in (*apart, *together) for record in pair}
    linked.update(record for records in holders.values() if len(records) > 1 for record in records)
    others = linked.union(*holders.values()).difference(batch)
    rows = {**batch, **_rows(conn, others)}
    shared = {value: records for value, records in holders.items() if len(records) > 1}
    nodes = [rows[record].node for record in linked if record in rows]
    groups, _ = cluster(nodes, shared, together, apart, largest=identity.largest)
    groups += [[row.node] for record, row in rows.items() if record not in linked]  # whoever shares nothing
    moves: list[tuple[str, int, int, int]] = []
    left: set[str] = set()
    for group in groups:
        person = group[0].founder
        for node in group:
            before = rows[node.record].person
            if before != person:
                moves.append((person, revision, MARK_FOLD, node.record))
                left.update((before,) if before else ())
    moves.sort(key=itemgetter(3))
    bulk.update_by(conn, t.record, "id", ("person", "joined", "mark"), moves)
    stayed = set(batch).difference(move[3] for move in moves)
    bulk.update_by(conn, t.record, "id", ("mark",), [(MARK_FOLD, record) for record in sorted(stayed)])
    if left:
        _leave(conn, left)


def _neighbourhood(
    conn: Connection, batch: Collection[int], new: _Fresh, identity: Identity
) -> tuple[dict[Identifier, set[int]], list[tuple[int, int]], list[tuple[int, int]]]:
    """Everything that these records hang together with: values and who holds them, and people's words."""
    holders: dict[Identifier, set[int]] = {}
    known: set[int] = set()
    frontier = set(batch)
    fresh = set(batch)
    apart, together = _words(conn)
    spoken: dict[int, set[int]] = defaultdict(set)
    for left, right in (*apart, *together):
        spoken[left].add(right)
        spoken[right].add(left)
    while frontier:
        mine = _identifiers(conn, frontier.difference(new.records)).union(() if known else new.identifiers)
        known |= frontier
        values = mine.difference(holders)
        found = _holders(conn, values)
        frontier = {other for record in frontier for other in spoken.get(record, ())} if spoken else set()
        for value in values:
            records = holders[value] = found.get(value, set())
            if len(records) > identity.holders:
                holders[value] = set()
                if len(records - fresh) > identity.holders:
                    continue
            frontier |= records  # of a value that has just become implausible too: its holders part
        frontier -= known
    inside = [pair for pair in together if pair[0] in known]
    return holders, [pair for pair in apart if pair[0] in known], inside


def _words(conn: Connection) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Who people said are the same, and who are not; the last word on a pair counts."""
    rows = conn.execute(
        select(t.decision.c.kind, t.decision.c.record, t.decision.c.other)
        .where(
            t.decision.c.kind.in_((DecisionKind.SAME.value, DecisionKind.NOT_SAME.value)),
            t.decision.c.organization == "",
            t.decision.c.lifted.is_(False),
        )
        .order_by(t.decision.c.id)
    )
    last = {(min(row.record, row.other), max(row.record, row.other)): row.kind for row in rows}
    apart = [pair for pair, kind in last.items() if kind == DecisionKind.NOT_SAME]
    return apart, [pair for pair, kind in last.items() if kind == DecisionKind.SAME]


def _identifiers(conn: Connection, record_ids: Collection[int]) -> set[Identifier]:
    columns = [t.identifier.c.kind, t.identifier.c.value]
    rows = bulk.select_in(conn, columns, t.identifier.c.record, list(record_ids))
    return {(kind, value) for kind, value in rows if kind in _LINKS}


def _holders(conn: Connection, values: Iterable[Identifier]) -> dict[Identifier, set[int]]:
    """Who holds these values. Role mailboxes are not asked for: they prove nothing, and may have thousands."""
    asked: dict[str, list[str]] = defaultdict(list)
    for kind, value in values:
        if kind != "email" or not shared_mailbox(value):
            asked[kind].append(value)
    found: dict[Identifier, set[int]] = defaultdict(set)
    columns = [t.identifier.c.value, t.identifier.c.record]
    for kind, wanted in asked.items():  # by kind, for without it no index is of use
        for value, record in bulk.select_in(conn, columns, t.identifier.c.value, sorted(wanted), {"kind": kind}):
            found[kind, value].add(record)
    return found


_ROW = ("id", "first", "connection", "remote_id", "founder", "person")


def _rows(conn: Connection, record_ids: Collection[int]) -> dict[int, _Row]:
    rows = bulk.select_in(conn, [t.record.c[name] for name in _ROW], t.record.c.id, sorted(record_ids))
    return {row[0]: _row(row) for row in rows}


def _row(row: Sequence[Any]) -> _Row:
    identity, first, connection, remote_id, founder, person = row[: len(_ROW)]
    return _Row(Node(first, connection, remote_id, identity, founder), person)


def _leave(conn: Connection, people: Collection[str]) -> None:
    """People who lost a record are folded again; those who lost all are gone, and live on as aliases."""
    for start in range(0, len(people), 500):
        part = sorted(people)[start : start + 500]
        conn.execute(update(t.record).where(t.record.c.person.in_(part), t.record.c.mark == 0).values(mark=MARK_FOLD))
        staying = set(conn.execute(select(t.record.c.person).where(t.record.c.person.in_(part))).scalars())
        empty = [person for person in part if person not in staying]
        for table in (t.person, t.relationship, t.finding, t.member, t.turn):
            column = table.c.id if table is t.person else table.c.person
            conn.execute(delete(table).where(column.in_(empty)))
        stir_people(conn, empty)


def people_count(conn: Connection) -> int:
    """How many people there are."""
    return int(conn.execute(select(func.count(literal_column("1"))).select_from(t.person)).scalar_one())
