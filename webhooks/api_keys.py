"""API keys: who may ask us what. A key is shown once; what is kept of it only recognises it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select

from mapping.model import Millis
from sync.store.schema_events import api_key as table

SCOPES = {
    "subscriptions": "make, see and end subscriptions",
    "read": "see the events of the last days, which name people",
}

_START = "rgl"


class Key(NamedTuple):
    """A key that is known."""

    id: str
    name: str
    scopes: tuple[str, ...]
    made: Millis


def new(conn: Connection, name: str, scopes: Sequence[str], now: Millis) -> tuple[Key, str]:
    """Make a key; returns it and its text. Raises ValueError for an unknown scope, or a name that is taken."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise ValueError(f'scopes are {" and ".join(SCOPES)}, not "{",".join(unknown)}"')
    if conn.execute(select(table.c.id).where(table.c.name == name)).first() is not None:
        raise ValueError(f'there is a key "{name}" already')
    key = Key(secrets.token_hex(6), name, tuple(sorted(set(scopes))), now)
    text = f"{_START}_{key.id}_{secrets.token_urlsafe(32)}"
    kept = msgspec.json.encode(key.scopes).decode()
    conn.execute(insert(table).values(id=key.id, name=name, digest=_digest(text), scopes=kept, made=now))
    return key, text


def find(conn: Connection, text: str) -> Key | None:
    """Whose key this is. The comparison takes the same time for every wrong key, whether its id is known or not."""
    parts = text.split("_", 2)
    identity = parts[1] if len(parts) == 3 and parts[0] == _START else ""
    row = conn.execute(select(table).where(table.c.id == identity)).first() if identity.isalnum() else None
    right = hmac.compare_digest(_digest(text), row.digest if row is not None else _digest(""))
    if row is None or not right:
        return None
    return Key(row.id, row.name, tuple(msgspec.json.decode(row.scopes)), row.made)


def all_of(conn: Connection) -> list[Key]:
    """Every key that is valid."""
    rows = conn.execute(select(table).order_by(table.c.made, table.c.id))
    return [Key(row.id, row.name, tuple(msgspec.json.decode(row.scopes)), row.made) for row in rows]


def end(conn: Connection, name: str) -> bool:
    """A key is valid no longer; whether there was one."""
    return bool(conn.execute(delete(table).where(table.c.name == name)).rowcount)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
