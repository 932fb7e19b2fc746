"""Who listens: subscriptions to our events, each with an address, the kinds it hears and a secret to prove us by."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update

from mapping.model import Millis
from sync import events
from sync.events_kinds import KINDS
from sync.store.database import Database
from sync.store.schema_events import ACTIVE, DUE, GIVEN_UP, delivery
from sync.store.schema_events import subscription as table
from sync.vault import Vault
from webhooks.outgoing_address import check_address

MOST = 200
"""Subscriptions of one business."""


class Refused(ValueError):
    """This cannot be subscribed to, or not any more."""


class Full(Refused):
    """There are as many as there may be."""


class Subscription(NamedTuple):
    """Somebody who listens."""

    id: str
    url: str
    kinds: tuple[str, ...]
    made: Millis
    made_by: str
    active: bool
    note: str
    failures: int
    failing_since: Millis
    rests_until: Millis


def secret_name(identity: str) -> str:
    """The vault's name for a subscription's secret."""
    return f"subscription.{identity}"


def check_kinds(kinds: Sequence[str]) -> list[str]:
    """The kinds, each once and in order. Raises Refused."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise Refused(f'there is no event "{unknown[0]}"; there are {", ".join(KINDS)}')
    if not kinds:
        raise Refused(f"at least one event has to be named, of {', '.join(KINDS)}")
    return sorted(set(kinds))


def add(
    database: Database, vault: Vault, url: str, kinds: Sequence[str], *, local: bool, made_by: str = ""
) -> tuple[Subscription, str]:
    """Subscribe; returns the subscription and its secret, which is shown this once. Raises Refused or BadAddress.

    The secret is kept first: a subscription without one could not be told anything, a secret without one is harmless.
    """
    wanted, address = check_kinds(kinds), check_address(url, local=local)
    identity = f"sub_{secrets.token_hex(10)}"
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    with database.read() as conn:
        if len(all_of(conn)) >= MOST:
            raise Full(f"there are {MOST} subscriptions already; remove one first")
    vault.put(secret_name(identity), {"secret": secret})
    with database.durable() as conn:
        events.alone(conn)
        if not all_of(conn):
            events.begin(conn)
        row = {
            "id": identity,
            "url": address,
            "kinds": msgspec.json.encode(wanted).decode(),
            "made": database.now(),
            "made_by": made_by,
        }
        conn.execute(insert(table).values(**row))
        made = one(conn, identity)
    assert made is not None
    return made, secret


def remove(database: Database, vault: Vault, identity: str) -> bool:
    """End a subscription; whether there was one. What was told stays listed."""
    with database.durable() as conn:
        found = end(conn, identity)
    vault.forget(secret_name(identity))
    return found


def end(conn: Connection, identity: str) -> bool:
    """The part of `remove` that belongs to the store."""
    waits = DUE & (delivery.c.subscription == identity)
    conn.execute(update(delivery).where(waits).values(state=GIVEN_UP))
    return bool(conn.execute(delete(table).where(table.c.id == identity)).rowcount)


def resume(conn: Connection, identity: str, now: Millis) -> bool:
    """Tell a disabled listener again, and at once what waited; whether there is one."""
    values = {"state": ACTIVE, "note": "", "failures": 0, "failing_since": 0, "rests_until": 0}
    found = bool(conn.execute(update(table).where(table.c.id == identity).values(**values)).rowcount)
    waits = DUE & (delivery.c.subscription == identity)
    conn.execute(update(delivery).where(waits).values(due=now, attempts=0, first_at=0))
    return found


def all_of(conn: Connection) -> list[Subscription]:
    """Everybody who listens, oldest first."""
    return [_read(row) for row in conn.execute(select(table).order_by(table.c.made, table.c.id))]


def one(conn: Connection, identity: str) -> Subscription | None:
    """One of them."""
    row = conn.execute(select(table).where(table.c.id == identity)).first()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Subscription:
    kinds = tuple(msgspec.json.decode(row.kinds))
    standing = (row.state == ACTIVE, row.note, row.failures, row.failing_since, row.rests_until)
    return Subscription(row.id, row.url, kinds, row.made, row.made_by, *standing)
