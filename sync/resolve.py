"""Resolve: which records are one person. Works outward from records whose identifiers are new.

Identifiers accumulate: a record that changed its address is still found by the old one. The clustering itself is
`mapping.identity.cluster`, pure; this module fetches the neighbourhood it needs, and files what it says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, literal_column, select, update

from mapping.decisions import DecisionKind
from mapping.identity import Identifier, Node, cluster, shared_mailbox
from mapping.values import Kind, canonical
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


class _Row:
    __slots__ = ("node", "person")

    def __init__(self, node: Node, person: str | None) -> None:
        self.node = node
        self.person = person


def resolve(database: Database, revision: int, identity: Identity = Identity()) -> int:
    """Give every record with new identifiers its person; returns how many records were looked at."""
    done = 0
    with database.read() as conn:
        merged = set(conn.execute(select(t.identifier.c.record).where(t.identifier.c.kind == "merged")).scalars())
    while True:
        with database.write() as conn:
            batch = conn.execute(
                select(t.record.c.id, t.record.c.person, t.document.c.memory)
                .join(t.document, t.document.c.record == t.record.c.id)
                .where(t.UNRESOLVED, t.record.c.mark == MARK_RESOLVE)
                .order_by(t.record.c.id)
                .limit(identity.batch)
            ).all()
            if not batch:
                return done
            found = _file_identifiers(conn, [(row.id, row.memory) for row in batch])
            new = {row.id for row in batch if row.person is None and row.id not in merged}
            shown = {(kind, value) for kind, value, record in found if record in new}
            _resolve_batch(conn, [row.id for row in batch], _Fresh(new, shown), revision, identity)
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
            value = canonical(Kind.EMAIL, address)
            if value is not None:
                found.add(("email", value, record))
    bulk.insert_ignore(conn, t.identifier, ("kind", "value", "record"), sorted(found))
    return found


_LINKS = ("email", "merged", "made")
"""Kinds of identifier that link: addresses, the platform's own merges, and records that we made for a person."""


def _resolve_batch(conn: Connection, batch: list[int], new: _Fresh, revision: int, identity: Identity) -> None:
    holders, apart, together = _neighbourhood(conn, batch, new, identity)
    members = {record for records in holders.values() for record in records} | set(batch)
    members |= {record for pair in (*apart, *together) for record in pair}
    rows = _rows(conn, members)
    nodes = [row.node for row in rows.values()]
    groups, _ = cluster(nodes, holders, together, apart, largest=identity.largest)
    moves: list[tuple[str, int, int, int]] = []
    left: set[str] = set()
    for group in groups:
        person = group[0].founder
        for node in group:
            before = rows[node.record].person
            if before != person:
                moves.append((person, revision, MARK_FOLD, node.record))
                left.update((before,) if before else ())
    bulk.update_by(conn, t.record, "id", ("person", "joined", "mark"), moves)
    moved = {move[3] for move in moves}
    for start in range(0, len(batch), 500):
        part = [record for record in batch[start : start + 500] if record not in moved]
        conn.execute(update(t.record).where(t.record.c.id.in_(part)).values(mark=MARK_FOLD))
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
        values = [value for value in mine if value not in holders]
        found = _holders(conn, values)
        frontier = {other for record in frontier for other in spoken.get(record, ())} - known
        for value in values:
            records = found.get(value, set())
            before = len(records - fresh)
            if _proves(value) and len(records) <= identity.holders:
                holders[value] = records
                frontier |= records - known
            elif _proves(value) and before <= identity.holders:
                holders[value] = set()  # it has just become implausible: its holders part
                frontier |= records - known
            else:
                holders[value] = set()
    inside = [pair for pair in together if pair[0] in known]
    return holders, [pair for pair in apart if pair[0] in known], inside


def _proves(value: Identifier) -> bool:
    return value[0] != "email" or not shared_mailbox(value[1])


def _words(conn: Connection) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Who people said are the same, and who are not; the last word on a pair counts."""
    rows = conn.execute(
        select(t.decision.c.kind, t.decision.c.record, t.decision.c.other)
        .where(
            t.decision.c.kind.in_((DecisionKind.SAME.value, DecisionKind.NOT_SAME.value)),
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


def _holders(conn: Connection, values: Collection[Identifier]) -> dict[Identifier, set[int]]:
    """Who holds these values. Role mailboxes are not asked for: they prove nothing, and may have thousands."""
    asked = sorted({value for kind, value in values if _proves((kind, value))})
    columns = [t.identifier.c.kind, t.identifier.c.value, t.identifier.c.record]
    found: dict[Identifier, set[int]] = defaultdict(set)
    for kind, value, record in bulk.select_in(conn, columns, t.identifier.c.value, asked):
        if kind in _LINKS:
            found[kind, value].add(record)
    return found


def _rows(conn: Connection, record_ids: Collection[int]) -> dict[int, _Row]:
    names = ("id", "first", "connection", "remote_id", "founder", "person")
    rows = bulk.select_in(conn, [t.record.c[name] for name in names], t.record.c.id, sorted(record_ids))
    return {row[0]: _Row(Node(row[1], row[2], row[3], row[0], row[4]), row[5]) for row in rows}


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


def people_count(conn: Connection) -> int:
    """How many people there are."""
    return int(conn.execute(select(func.count(literal_column("1"))).select_from(t.person)).scalar_one())
