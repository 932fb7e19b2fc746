"""Records in and out of the store, in bulk. What is rarely there costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from mapping.claims import Claim, Pair, Record
from mapping.consent import Fact
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.identity import founder_id
from mapping.model import ConsentSeen, ConsentState, Millis, RecordState, Value
from mapping.values import Kind, canonical
from sync.store import bulk
from sync.store import schema as t
from sync.writes import Case


class Memory(msgspec.Struct, array_like=True):
    """Everything of a record but its values and its hot columns."""

    version: str
    pushed: str
    created: Millis
    first_at: Millis
    read_at: Millis
    subscribed: bool | None
    engagement: float
    addresses: tuple[str, ...]
    consent: tuple[ConsentSeen, ...]
    claims: dict[str, Claim] = {}
    pairs: dict[str, Pair] = {}
    returns: dict[str, tuple[Millis, ...]] = {}
    refused: dict[str, Value] = {}
    pushed_names: tuple[str, ...] = ()
    pushed_at: Millis = 0


_encode = msgspec.json.Encoder().encode
_memory = msgspec.json.Decoder(Memory).decode
_known = msgspec.json.Decoder(dict[str, Any]).decode

NARROW = ("id", "connection", "remote_id", "digest", "person", "founder", "first", "joined", "state", "mark")
COLUMNS = (*NARROW, "known", "memory")
PERSON, STATE, MARK = NARROW.index("person"), NARROW.index("state"), NARROW.index("mark")
_READ = [t.record.c[name] for name in NARROW]
_DOCUMENT = [t.document.c.record, t.document.c.known, t.document.c.memory]

Row = tuple[Any, ...]
"""A record as the store holds it: the columns of its narrow row, and then those of its document."""


def to_row(record: Record, digest: bytes | None, mark: int) -> Row:
    """A record as a row of COLUMNS."""
    memory = Memory(
        record.version,
        record.pushed,
        record.created,
        record.first_at,
        record.read_at,
        record.subscribed,
        record.engagement,
        record.addresses,
        record.consent,
        record.claims,
        record.pairs,
        record.returns,
        record.refused,
        record.pushed_names,
        record.pushed_at,
    )
    return (
        record.id,
        record.connection,
        record.remote_id,
        digest,
        record.person or None,
        founder_id(record.connection, record.remote_id),
        record.first,
        record.joined,
        record.state.value,
        mark,
        _encode(record.known).decode(),
        _encode(memory).decode(),
    )


_STATES = {state.value: state for state in RecordState}


def from_row(row: Row) -> Record:
    """A record from a row of COLUMNS."""
    identity, connection, remote_id, _, person, _, first, joined, state, _, known, memory = row
    kept = _memory(memory)
    return Record(
        identity,
        connection,
        remote_id,
        _known(known),
        person or "",
        kept.claims,
        kept.pairs,
        kept.returns,
        kept.refused,
        first,
        kept.first_at,
        joined,
        kept.version,
        kept.pushed,
        kept.pushed_names,
        kept.pushed_at,
        kept.created,
        kept.read_at,
        _STATES[state],
        kept.addresses,
        kept.consent,
        kept.subscribed,
        kept.engagement,
    )


def digests(conn: Connection, connection: str, remote_ids: Sequence[str]) -> dict[str, tuple[int, bytes | None]]:
    """What is remembered of these records' raw bodies: remote id → (our id, digest)."""
    columns = (t.record.c.remote_id, t.record.c.id, t.record.c.digest)
    rows = bulk.select_in(conn, columns, t.record.c.remote_id, remote_ids, {"connection": connection})
    return {remote_id: (identity, digest) for remote_id, identity, digest in rows}


def by_remote(conn: Connection, connection: str, remote_ids: Sequence[str]) -> dict[str, Row]:
    """Whole rows of a connection's records, by remote id."""
    found = bulk.select_in(conn, _READ, t.record.c.remote_id, remote_ids, {"connection": connection})
    return {row[2]: row for row in _whole(conn, found)}


def by_id(conn: Connection, ids: Sequence[int]) -> dict[int, Record]:
    """Records by our id."""
    return {row[0]: from_row(row) for row in _whole(conn, bulk.select_in(conn, _READ, t.record.c.id, ids))}


def _whole(conn: Connection, narrow: Sequence[Row]) -> Iterator[Row]:
    """Narrow rows with their documents."""
    ids = [row[0] for row in narrow]
    documents = {row[0]: row[1:] for row in bulk.select_in(conn, _DOCUMENT, t.document.c.record, ids)}
    return ((*row, *documents[row[0]]) for row in narrow)


def save(conn: Connection, rows: Sequence[Row], *, new: bool) -> None:
    """Write record rows: new ones in their ids' order, known ones by id."""
    if not rows:
        return
    if new:
        bulk.insert(conn, t.record, NARROW, [row[: len(NARROW)] for row in rows])
        bulk.insert(conn, t.document, ("record", "known", "memory"), [(row[0], row[-2], row[-1]) for row in rows])
        return
    narrow = [(row[3], row[STATE], row[MARK], row[0]) for row in rows]
    bulk.update_by(conn, t.record, "id", ("digest", "state", "mark"), narrow)
    bulk.update_by(conn, t.document, "record", ("known", "memory"), [(row[-2], row[-1], row[0]) for row in rows])


def next_id(conn: Connection) -> int:
    """The next free record id. Safe because only the holder of the lease adds records."""
    return int(conn.execute(select(func.coalesce(func.max(t.record.c.id), 0))).scalar_one()) + 1


def load_cases(conn: Connection, people: Sequence[str]) -> list[Case]:
    """Everything about these people: their records in a fixed order, decisions and consent."""
    grouped: dict[str, list[Record]] = {}
    for row in _whole(conn, bulk.select_in(conn, _READ, t.record.c.person, people)):
        grouped.setdefault(row[PERSON], []).append(from_row(row))
    decided = load_decisions(conn, [record.id for group in grouped.values() for record in group])
    addresses = load_addresses(conn, grouped)
    facts = load_consent(conn, {address for known in addresses.values() for address in known})
    cases = []
    for person in sorted(grouped):
        group = sorted(grouped[person], key=lambda record: (record.connection, record.remote_id))
        decisions = [d for record in group for d in decided.get(record.id, ())] if decided else []
        consent = [fact for address in sorted(addresses[person]) for fact in facts.get(address, ())] if facts else []
        cases.append(Case(person, group, decisions, consent))
    return cases


def load_addresses(conn: Connection, people: Mapping[str, Sequence[Record]]) -> dict[str, set[str]]:
    """Every canonical address of these people, past ones included: an opt-out of an old address carries over."""
    owner = {record.id: person for person, group in people.items() for record in group}
    columns = [t.identifier.c.record, t.identifier.c.kind, t.identifier.c.value]
    found: dict[str, set[str]] = {person: set() for person in people}
    for record, kind, value in bulk.select_in(conn, columns, t.identifier.c.record, sorted(owner)):
        if kind == "email":
            found[owner[record]].add(value)
    for person, group in people.items():
        for record in group:
            found[person].update(ledger_address(seen.address) for seen in record.consent)
    return found


def ledger_address(address: str) -> str:
    """The form of an address by which the consent ledger is keyed."""
    return canonical(Kind.EMAIL, address) or clean(address.casefold())


def load_decisions(conn: Connection, record_ids: Sequence[int]) -> dict[int, list[Decision]]:
    """Standing decisions by the record that they are about."""
    if not conn.execute(select(t.decision.c.id).limit(1)).first():
        return {}
    names = ("id", "kind", "record", "other", "name", "value", "rejects", "at", "revision", "lifted")
    found: dict[int, list[Decision]] = {}
    for row in bulk.select_in(conn, [t.decision.c[name] for name in names], t.decision.c.record, list(record_ids)):
        identity, kind, record, other, name, value, rejects, at, revision, lifted = row
        if not lifted:
            rejected = Reference(*msgspec.json.decode(rejects)) if rejects else None
            decision = Decision(
                DecisionKind(kind), record, at, revision, name, msgspec.json.decode(value), other, rejected, identity
            )
            found.setdefault(record, []).append(decision)
    for decisions in found.values():
        decisions.sort(key=lambda decision: decision.id)
    return found


def load_consent(conn: Connection, addresses: Iterable[str]) -> dict[str, list[Fact]]:
    """The ledger's lines by canonical address, oldest first."""
    names = ("address", "purpose", "state", "at", "explicit", "record", "evidence", "id")
    found: dict[str, list[Fact]] = {}
    rows = bulk.select_in(conn, [t.consent.c[name] for name in names], t.consent.c.address, sorted(addresses))
    for address, purpose, state, at, explicit, record, evidence, _ in sorted(rows, key=lambda row: row[7]):
        found.setdefault(address, []).append(
            Fact(address, purpose, ConsentState(state), at, bool(explicit), record, evidence)
        )
    return found


def clean(text: str, longest: int = 2000) -> str:
    """Text that a column may hold: PostgreSQL takes no NUL, and nobody reads a megabyte in a table."""
    return text.replace("\x00", "")[:longest]


def add_decisions(conn: Connection, decisions: Iterable[Decision], *, run: int = 0) -> int:
    """Write down what a person decided; returns how many."""
    rows = [
        {
            "kind": d.kind.value,
            "record": d.record,
            "other": d.other,
            "organization": d.organization,
            "name": d.name,
            "value": _encode(d.value).decode(),
            "rejects": _encode(d.rejects).decode() if d.rejects else None,
            "at": d.at,
            "revision": d.revision,
            "run": run,
        }
        for d in decisions
    ]
    if rows:
        conn.execute(t.decision.insert(), rows)
    return len(rows)


def mark(conn: Connection, record_ids: Sequence[int], which: int) -> None:
    """Say that these records' people have work to do; never takes an earlier mark back."""
    bulk.raise_in(conn, t.record.c.mark, which, t.record.c.id, record_ids)


def dump(value: Value) -> str:
    """A value as the JSON text that the store keeps."""
    return _encode(value).decode()
