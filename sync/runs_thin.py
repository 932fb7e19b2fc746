"""Runs that nothing came of are forgotten after some days: `serve` makes one a minute, for ever.

A run stays that read something new, wrote, ended otherwise than the one before it (stopped, failed, in order again),
or is named anywhere: by a write, a decision, a delivery, an undo. So do the newest, which the next run goes by.
Revisions are not runs: what the journal and the ledgers say stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, literal, select

from mapping.model import Millis
from sync import events
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema_inbox import DONE_BY, inbox

KEPT: Millis = 3 * 86_400_000
"""How long each run is kept."""

NEWEST = 20
"""So many of the newest are kept however old they are."""

TOGETHER = 500
"""How many runs are looked at in one transaction."""

_MARK = "runs.thinned"

_READ = ("new", "changed", "gone", "refused")
_WROTE = ("applied", "refused_writes", "moved", "uncertain", "opt_outs", "creates")
_STREAM = ("new", "changed", "gone", "refused", "facts")


class Mark(msgspec.Struct):
    """How far was looked, and how the run before that had ended badly."""

    run: int = 0
    badly: str = ""


def thin(database: Database) -> int:
    """Forget what may be forgotten; returns how many runs. Each run is looked at once, so this costs little."""
    total, looked = 0, TOGETHER
    while looked == TOGETHER:
        with database.write() as conn:
            looked, gone = _portion(conn, database.now() - KEPT)
        total += gone
    return total


def _portion(conn: Connection, before: Millis) -> tuple[int, int]:
    """The next runs: how many were looked at, and how many went."""
    r = t.run.c
    text = conn.execute(select(t.meta.c.value).where(t.meta.c.key == _MARK)).scalar()
    mark = Mark() if text is None else msgspec.json.decode(text, type=Mark)
    newest = select(r.id).order_by(r.id.desc()).offset(NEWEST).limit(1)
    last = 0 if events.untold(conn) else conn.execute(newest).scalar() or 0  # who listens hears of each run first
    query = select(r.id, r.ended, r.undoes, r.balance).where(r.id > mark.run, r.id <= last, r.started < before)
    rows = conn.execute(query.order_by(r.id).limit(TOGETHER)).all()
    if not rows:
        return 0, 0
    idle = []
    for row in rows:
        balance = msgspec.json.decode(row.balance)
        badly = how_badly(balance)
        if row.ended is not None and not row.undoes and not did(balance) and badly == mark.badly:
            idle.append(row.id)
        mark.run, mark.badly = row.id, badly
    gone = sorted(set(idle) - _named(conn, idle))
    bulk.delete_in(conn, r.id, gone)
    bulk.upsert(conn, t.meta, ("key", "value"), [(_MARK, msgspec.json.encode(mark).decode())], ("key",), ("value",))
    return len(rows), len(gone)


def did(balance: Mapping[str, Any]) -> bool:
    """Whether a run read anything new or wrote anything, or has something to remark."""
    if balance.get("recovered") or balance.get("notes"):
        return True
    for part in balance.get("connections", {}).values():
        if any(part.get(name) for name in _READ + _WROTE):
            return True
        if any(stream.get(name) for stream in part.get("streams", {}).values() for name in _STREAM):
            return True
    return False


def how_badly(balance: Mapping[str, Any]) -> str:
    """What was stopped and what failed: the same text for what is the same trouble. Empty where all was well."""
    stops = sorted({(one["connection"], one["brake"]) for one in balance.get("stops", ())})
    streams = [
        (name, stream)
        for name, part in balance.get("connections", {}).items()
        for stream, one in part.get("streams", {}).items()
        if one.get("failure")
    ]
    failures = sorted(balance.get("failures", {}))
    return msgspec.json.encode([stops, failures, sorted(streams)]).decode() if stops or failures or streams else ""


def _named(conn: Connection, runs: list[int]) -> set[int]:
    """Those of these runs that something else names."""
    found: set[int] = set()
    for column in (t.write.c.run, t.decision.c.run, t.run.c.undoes):
        found |= {row[0] for row in bulk.select_in(conn, [column], column, runs)}
    for run in runs:
        if run not in found:
            held = select(literal(1)).where(DONE_BY, inbox.c.run == run).limit(1)
            found |= {run} if conn.execute(held).first() else set()
    return found
