"""Companies into their table, each as its platform told it. Which are one organisation is for `sync.organizations`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, update

from mapping.facts import Organization
from mapping.model import Millis, Value
from mapping.organizations import host, name_key
from mapping.roles import ROLE, STAGE
from sync.store import bulk, records
from sync.store import schema as t


def organization_id(connection: str, remote_id: str) -> str:
    """Our id of a company, and of the organisation that it would found: the same each time it is met."""
    return "o_" + hashlib.blake2b(f"{connection}\x00{remote_id}".encode(), digest_size=10).hexdigest()


_COMPANY = (
    "id", "connection", "remote_id", "since", "item", "name", "domain", "key", "fields", "told", "stale",
)  # fmt: skip


def file_companies(conn: Connection, connection: str, told: Sequence[tuple[int, Organization]], now: Millis) -> None:
    """Write down companies by the item that tells them, and in the journal what changed of their role and stage."""
    ids = [organization_id(connection, one.remote_id) for _, one in told]
    o = t.organization.c
    before = {row[0]: json.loads(row[1]) for row in bulk.select_in(conn, [o.id, o.told], o.id, ids)}
    rows, lines = [], []
    for identity, (item, one) in zip(ids, told, strict=True):
        at = min(one.modified or now, now)
        rows.append((identity, connection, one.remote_id, at, item, *_columns(one.fields)))
        if identity in before:
            lines += _changes(connection, identity, before[identity], one.fields, at)
    bulk.upsert(conn, t.organization, _COMPANY, rows, ("id",), _COMPANY[4:])
    bulk.insert(conn, t.journal, ("at", "revision", "person", "name", "before", "after", "because"), lines)


def _columns(fields: Mapping[str, Value]) -> tuple[Any, ...]:
    """What is kept of a company beside where it comes from. It is its own organisation until that is worked out."""
    name, country = (str(fields.get(part) or "") for part in ("name", "country"))
    domain = host(str(fields.get("domain") or fields.get("website") or ""))
    text, clean = records.dump(fields), records.clean
    return clean(name), clean(domain), clean(name_key(name, country)), text, text, True


def _changes(
    connection: str, identity: str, before: Mapping[str, Value], after: Mapping[str, Value], at: Millis
) -> list[tuple[Any, ...]]:
    """Lines of the journal, by which the past of a role is known."""
    return [
        (
            at,
            0,
            identity,
            name,
            records.dump(before.get(name)),
            records.dump(after.get(name)),
            f"edited at {connection}",
        )
        for name in (ROLE, STAGE)
        if before.get(name) != after.get(name)
    ]


def forget_companies(conn: Connection, items: Sequence[int]) -> None:
    """Companies that are gone at their platform. What is left of their organisations is worked out again."""
    o = t.organization.c
    gone = bulk.select_in(conn, [o.id, o.whole], o.item, items)
    bulk.delete_in(conn, o.item, items)
    bulk.delete_in(conn, t.relationship.c.person, [identity for identity, _ in gone])
    for whole in sorted({whole for _, whole in gone if whole}):
        conn.execute(update(t.organization).where(o.whole == whole).values(stale=True))
