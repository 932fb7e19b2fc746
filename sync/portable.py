"""Decisions for other stores: what people decided, naming records by connection and remote id instead of our ids.

Each standing decision is one document. How they come in is for `sync.portable_in`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select

from mapping.claims import MEMBER, Claim, Record
from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis, Role, Stage, Value
from sync.portable_roles import RoleSaid, going_out, role_said
from sync.store import records
from sync.store import schema as t

BATCH = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record, by its connection and the platform's own id."""

    connection: str
    remote_id: str


class Rejected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The value that a hold holds off, and the record that claims it. `value` is missing where nobody claims it any
    more."""

    connection: str
    remote_id: str
    field: str
    value: Value | msgspec.UnsetType = msgspec.UNSET


class Portable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One decision as others read it."""

    decision: DecisionKind
    connection: str
    remote_id: str
    at: datetime
    field: str = ""
    value: Value = None
    other: Place | None = None
    rejects: Rejected | None = None
    role: RoleSaid | None = None
    organization: bool = False  # connection and remote id name a company, and so does `other`

    @property
    def millis(self) -> Millis:
        return (self.at - _EPOCH) // timedelta(milliseconds=1)


def places_of(row: Portable) -> Iterator[Place]:
    """The records that a decision names."""
    yield Place(row.connection, row.remote_id)
    if row.other is not None:
        yield row.other
    if row.rejects is not None:
        yield Place(row.rejects.connection, row.rejects.remote_id)


_encode = msgspec.json.Encoder().encode


def export(conn: Connection) -> Iterator[list[bytes]]:
    """Every standing decision as a line of JSON, in the order in which they were made, those about organisations
    last; a batch at a time."""
    d, last = t.decision.c, 0
    while True:
        query = select(d.id, d.record).where(d.id > last, d.lifted.is_(False)).order_by(d.id).limit(BATCH)
        rows = conn.execute(query).all()
        if not rows:
            if last and (lines := _export_organizations(conn)):
                yield lines
            return
        wanted = {row.id for row in rows}
        loaded = records.load_decisions(conn, sorted({row.record for row in rows}))
        decisions = sorted((one for some in loaded.values() for one in some if one.id in wanted), key=lambda o: o.id)
        ids = {one.record for one in decisions} | {one.other for one in decisions if one.other}
        known = records.by_id(conn, sorted(ids | {one.rejects.record for one in decisions if one.rejects}))
        yield [_encode(_portable(one, known)) for one in decisions if one.record in known]
        last = rows[-1].id


def _export_organizations(conn: Connection) -> list[bytes]:
    lines = []
    for one, place, other in going_out(conn):
        at, beside = _EPOCH + timedelta(milliseconds=one.at), Place(*other) if other else None
        lines.append(_encode(Portable(one.kind, *place, at, other=beside, role=role_said(one), organization=True)))
    return lines


def _portable(decision: Decision, known: Mapping[int, Record]) -> Portable:
    record, other = known[decision.record], known.get(decision.other)
    if other is not None and (other.connection, other.remote_id) < (record.connection, record.remote_id):
        record, other = other, record  # a pair reads the same from every store
    rejects, said = None, role_said(decision)
    if decision.rejects is not None and (source := known.get(decision.rejects.record)) is not None:
        claim = claim_of(source, decision.rejects.name)
        stands = claim is not None and claim.seen == decision.rejects.seen
        value = claim.value if claim is not None and stands else msgspec.UNSET
        rejects = Rejected(source.connection, source.remote_id, decision.rejects.name, value)
    return Portable(
        decision.kind,
        record.connection,
        record.remote_id,
        _EPOCH + timedelta(milliseconds=decision.at),
        "" if said else decision.name,
        None if said else decision.value,
        Place(other.connection, other.remote_id) if other else None,
        rejects,
        said,
    )


def claim_of(record: Record, name: str) -> Claim | None:
    return record.claims.get(name) if MEMBER in name else record.claim(name)


def in_words(error: msgspec.ValidationError, line: bytes) -> str:
    """What is wrong with a line that is JSON and no decision."""
    text, _, where = str(error).partition(" - at `$.")
    name = where.rstrip("`")
    said: Callable[[str], str] = lambda key: f'"{key}" ' if key else ""  # noqa: E731 - as short as it is used
    if "Invalid enum value" in text:
        kinds: type[StrEnum] = {"role.role": Role, "role.stage": Stage}.get(name, DecisionKind)
        return f"{said(name)}is none of {', '.join(kind.value for kind in kinds)}"
    if "missing required field" in text:
        return f"{text.rpartition('`')[0].rpartition('`')[2]} is missing"
    if "unknown field" in text:
        return f"{text.rpartition('`')[0].rpartition('`')[2]} is no key of a decision"
    return f"{said(name)}{text[:1].lower()}{text[1:]}" if line.lstrip()[:1] == b"{" else "it is no JSON object"
