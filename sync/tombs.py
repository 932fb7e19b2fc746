"""Tombstones: whoever was erased is known again by them, and nobody is known from them.

A tombstone is a keyed digest of an address or of a platform's id. The key is this store's own and stays in it: without
it a list of tombstones says nothing, and with it only something about an address that one can name.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Connection, insert, select

from mapping.facts import Facts
from mapping.model import Millis, Seen
from sync.store import bulk, records
from sync.store import schema as t
from sync.store import schema_erasure as x

_KEY = "tombstone key"

ERASED = b"erased"
"""Stands as the digest of an erased record: whatever its platform shows of it is not looked at."""


@dataclass(frozen=True, slots=True)
class Tombs:
    """The tombstones of one store."""

    key: bytes

    @staticmethod
    def of(conn: Connection) -> Tombs | None:
        """Those there are; None where nobody was ever erased, which is one small question."""
        key = conn.execute(select(t.meta.c.value).where(t.meta.c.key == _KEY)).scalar()
        return None if key is None else Tombs(bytes.fromhex(key))

    @staticmethod
    def first(conn: Connection) -> Tombs:
        """Those there are, with a key made where there is none yet."""
        found = Tombs.of(conn)
        if found is None:
            found = Tombs(secrets.token_bytes(32))
            conn.execute(insert(t.meta).values(key=_KEY, value=found.key.hex()))
        return found

    def address(self, address: str) -> str:
        """The digest of an address, in whatever spelling."""
        return self._digest("email", records.ledger_address(address))

    def record(self, connection: str, remote_id: str) -> str:
        """The digest of a record, by what its platform calls it."""
        return self._digest(connection, remote_id)

    def _digest(self, *parts: str) -> str:
        return blake2b("\x1f".join(parts).encode(), key=self.key, digest_size=20).hexdigest()

    def known(self, conn: Connection, digests: Iterable[str]) -> dict[str, tuple[int, Millis]]:
        """Those of *digests* that stand: which erasure, and when it was asked for."""
        columns = [x.tombstone.c.digest, x.tombstone.c.erasure, x.tombstone.c.at]
        return {row[0]: (row[1], row[2]) for row in bulk.select_in(conn, columns, x.tombstone.c.digest, digests)}

    def raised(self, conn: Connection, digests: Iterable[str], erasure: int, now: Millis) -> None:
        """Put up tombstones."""
        rows = [(digest, erasure, now) for digest in sorted(set(digests))]
        bulk.insert_ignore(conn, x.tombstone, ("digest", "erasure", "at"), rows)

    def back(self, conn: Connection, connection: str, seen: Sequence[Seen]) -> dict[str, tuple[int, Millis]]:
        """Whoever of *seen* was erased: remote id → which erasure, and when it was asked for."""
        marks = {
            one.remote_id: {self.record(connection, one.remote_id), *map(self.address, one.addresses)} for one in seen
        }
        known = self.known(conn, {mark for each in marks.values() for mark in each})
        found = {}
        for remote_id, each in marks.items() if known else ():
            standing = [known[mark] for mark in each if mark in known]
            if standing:
                found[remote_id] = max(standing)
        return found


def without_erased(conn: Connection, connection: str, told: Sequence[tuple[int, Facts]]) -> Sequence[tuple[int, Facts]]:
    """Facts less what they tell of people who were erased."""
    tombs = Tombs.of(conn)
    if tombs is None:
        return told
    named = {who for _, facts in told for who in facts.people()}
    gone = _erased_names(conn, tombs, connection, named)
    return [(item, facts.without(gone)) for item, facts in told] if gone else told


def _erased_names(conn: Connection, tombs: Tombs, connection: str, named: Iterable[str]) -> set[str]:
    marks: Mapping[str, str] = {
        who: tombs.address(who) if "@" in who else tombs.record(connection, who) for who in named
    }
    known = tombs.known(conn, marks.values())
    held = _held(conn, [who for who, mark in marks.items() if mark in known and "@" in who])
    return {who for who, mark in marks.items() if mark in known and who not in held}


def _held(conn: Connection, addresses: Sequence[str]) -> set[str]:
    """Which of these addresses somebody has who was not erased."""
    forms = {address: records.ledger_address(address) for address in addresses}
    rows = bulk.select_in(conn, [t.identifier.c.value], t.identifier.c.value, forms.values(), {"kind": "email"})
    there = {row[0] for row in rows}
    return {address for address, form in forms.items() if form in there}
