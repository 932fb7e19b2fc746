"""Runs and connections as the store remembers them: revisions, stops, releases."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from mapping.model import Millis
from sync.balance import Balance
from sync.guard import Brake, Stop
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database


class NoSuchRun(Exception):
    """There is no such run, or it wrote nothing that can be taken back."""


class Known(NamedTuple):
    """What a connection was like when it was last opened."""

    account: str
    fields: str
    field_names: tuple[str, ...]


def begin(database: Database, kind: str, now: Millis, *, undoes: int = 0) -> tuple[int, int]:
    """Open a run; returns its id and its revision. A run that was broken off lends its revision to the next, so
    that a run killed and run again sees the world as one, unless a person decided something in between."""
    with database.write() as conn:
        last = conn.execute(select(t.run.c.revision, t.run.c.ended).order_by(t.run.c.id.desc()).limit(1)).first()
        revision = 1 if last is None else last.revision
        if last is not None:
            decided = select(t.decision.c.id).where(t.decision.c.revision >= revision).limit(1)
            revision += last.ended is not None or conn.execute(decided).first() is not None
        run_id = conn.execute(
            t.run.insert().values(kind=kind, revision=revision, started=now, undoes=undoes).returning(t.run.c.id)
        ).scalar_one()
    return int(run_id), int(revision)


def end(database: Database, run_id: int, balance: Balance, now: Millis) -> float:
    """Close a run with its balance; returns its length in seconds."""
    with database.write() as conn:
        started = conn.execute(select(t.run.c.started).where(t.run.c.id == run_id)).scalar_one()
        balance.seconds = (now - int(started)) / 1000
        text = msgspec.json.encode(balance.to_json()).decode()
        conn.execute(
            update(t.run).where(t.run.c.id == run_id).values(ended=now, plan_hash=balance.plan_hash, balance=text)
        )
    return balance.seconds


def revision_now(conn: Connection) -> int:
    """The revision of the newest run, as it stands."""
    return int(conn.execute(select(t.run.c.revision).order_by(t.run.c.id.desc()).limit(1)).scalar() or 0)


def advance(conn: Connection) -> None:
    """What is seen from now on is later than what was seen. For runs that overlap: each would else number by itself."""
    newest = select(func.max(t.run.c.id)).scalar_subquery()
    conn.execute(update(t.run).where(t.run.c.id == newest).values(revision=t.run.c.revision + 1))


def last_revision(database: Database) -> int:
    """The revision of the newest run."""
    with database.read() as conn:
        return int(conn.execute(select(func.coalesce(func.max(t.run.c.revision), 0))).scalar_one())


def register(database: Database, connections: Sequence[tuple[str, str]]) -> None:
    """Make sure that each (name, platform) has its row."""
    with database.write() as conn:
        bulk.insert_ignore(conn, t.connection, ("name", "platform"), list(connections))


def connected(database: Database, name: str, platform: str, account: str, account_name: str) -> None:
    """Remember the account that a new connection opened. Where another one is known, a guard says so at the next run
    and a person decides."""
    register(database, [(name, platform)])
    mine = (t.connection.c.name == name) & t.connection.c.account.in_(("", account))
    with database.write() as conn:
        conn.execute(update(t.connection).where(mine).values(account=account, account_name=account_name))


def connection(database: Database, name: str) -> Known:
    """What we know of a connection."""
    with database.read() as conn:
        row = conn.execute(
            select(t.connection.c.account, t.connection.c.fields, t.connection.c.field_names).where(
                t.connection.c.name == name
            )
        ).one()
    return Known(row.account, row.fields, tuple(msgspec.json.decode(row.field_names)))


def opened(
    database: Database, name: str, account: str, account_name: str, fields: str, field_names: Sequence[str]
) -> None:
    """Remember which account and which field table a connection has. A table that grew is read anew: the raw
    records are the same, and mean more."""
    known = connection(database, name)
    with database.write() as conn:
        conn.execute(
            update(t.connection)
            .where(t.connection.c.name == name)
            .values(
                account=account,
                account_name=account_name,
                fields=fields,
                field_names=msgspec.json.encode(list(field_names)).decode(),
            )
        )
        if known.field_names and known.field_names != tuple(field_names):
            conn.execute(update(t.record).where(t.record.c.connection == name).values(digest=None))
            conn.execute(update(t.connection).where(t.connection.c.name == name).values(cursor=None))


def told_company_fields(database: Database, name: str, stream: str, fields: str) -> None:
    """Remember which fields of one's own are asked of companies. Where they changed, all companies are read again."""
    with database.write() as conn:
        if _news(conn, f"companies {name}", fields):
            mine = t.stream.c.connection == name, t.stream.c.name == stream
            conn.execute(update(t.stream).where(*mine).values(cursor=""))


def _news(conn: Connection, key: str, text: str) -> bool:
    """Remember a text under a key; whether another one stood there. Nothing stands there at first."""
    before = conn.execute(select(t.meta.c.value).where(t.meta.c.key == key)).scalar() or ""
    if before == text:
        return False
    bulk.upsert(conn, t.meta, ("key", "value"), [(key, text)], ("key",), ("value",))
    return True


def told_purposes(database: Database, name: str, purposes: str) -> None:
    """Remember what a connection's mail is for. Where that changed, its records are read anew: they are the same, and
    say that people left something else."""
    with database.write() as conn:
        if not _news(conn, f"purposes {name}", purposes):
            return
        conn.execute(update(t.record).where(t.record.c.connection == name).values(digest=None))
        conn.execute(update(t.connection).where(t.connection.c.name == name).values(cursor=None))


def live_records(database: Database, name: str) -> int:
    """How many live records a connection has: all less those away, which both are counted in an index alone."""
    mine = select(func.count()).select_from(t.record).where(t.record.c.connection == name)
    with database.read() as conn:
        return int(conn.execute(mine).scalar_one()) - int(conn.execute(mine.where(t.AWAY)).scalar_one())


def rules_changed(database: Database, rules: str) -> bool:
    """Whether the rules differ from those of the last run; remembers them."""
    digest = hashlib.blake2b(rules.encode(), digest_size=12).hexdigest()
    with database.write() as conn:
        before = conn.execute(select(t.meta.c.value).where(t.meta.c.key == "rules")).scalar()
        bulk.upsert(conn, t.meta, ("key", "value"), [("rules", digest)], ("key",), ("value",))
    return before is not None and before != digest


def stop(database: Database, found: Stop) -> None:
    """Remember that a guard stopped a connection."""
    stops = [one for one in standing_stops(database, found.connection) if one.brake != found.brake]
    _save(database, found.connection, [*stops, found])


_STICKY = (Brake.EVERYTHING_CHANGED, Brake.EMPTIED, Brake.DELETES)
"""Stops that stay until a person releases them: what they saw is in the store, and the next pull sees less."""


def standing_stops(database: Database, name: str) -> list[Stop]:
    """The stops of a connection that stay until they are released."""
    return [one for one in all_stops(database, name) if one.brake in _STICKY]


def clear_stops(database: Database, name: str) -> None:
    """Forget the stops of earlier runs; what still holds is found again, or stands on by itself."""
    _save(database, name, standing_stops(database, name))


def all_stops(database: Database, name: str) -> list[Stop]:
    """Every stop that the last runs left on a connection."""
    with database.read() as conn:
        text = conn.execute(select(t.connection.c.stopped).where(t.connection.c.name == name)).scalar()
    return [Stop(Brake(one["brake"]), name, one["text"], one["size"]) for one in msgspec.json.decode(text or "[]")]


def _save(database: Database, name: str, stops: Sequence[Stop]) -> None:
    text = msgspec.json.encode([{"brake": s.brake, "text": s.text, "size": s.size} for s in stops]).decode()
    with database.write() as conn:
        conn.execute(update(t.connection).where(t.connection.c.name == name).values(stopped=text if stops else None))


def released(database: Database) -> dict[tuple[str, str], int]:
    """What people released: (connection, brake) → the size that is covered."""
    with database.read() as conn:
        return {(row.connection, row.brake): row.size for row in conn.execute(select(t.release))}


def release(database: Database, name: str, now: Millis) -> list[Stop]:
    """Release every stop of a connection; returns what was released. Another account, or another field table, is
    accepted as the connection's own from now on."""
    stops = all_stops(database, name)
    with database.write() as conn:
        for one in stops:
            row = (name, one.brake.value, one.size, now)
            bulk.upsert(
                conn, t.release, ("connection", "brake", "size", "at"), [row], ("connection", "brake"), ("size", "at")
            )
        brakes = {one.brake for one in stops}
        values: dict[str, str | None] = {"stopped": None}
        if Brake.WRONG_ACCOUNT in brakes:
            values["account"] = ""
        if Brake.FIELDS_CHANGED in brakes:
            values["fields"] = ""
        conn.execute(update(t.connection).where(t.connection.c.name == name).values(**values))
    return stops


def forget(database: Database, name: str) -> None:
    """Forget what a connection was like; its records stay."""
    with database.write() as conn:
        conn.execute(delete(t.release).where(t.release.c.connection == name))
        conn.execute(
            update(t.connection).where(t.connection.c.name == name).values(cursor=None, stopped=None, pulled_at=0)
        )
