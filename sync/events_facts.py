"""What is new among what happened: passages, consent, touchpoints, runs and guards.

A mark says up to which revision, and up to which row of that revision, a table was read: rows are only ever added,
by one run after the other. The row's number alone would not do, since SQLite gives the numbers of deleted rows again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, and_, or_, select

from mapping.model import Millis
from sync.events_kinds import Event, moment
from sync.events_stirred import KEPT
from sync.store import bulk
from sync.store import schema as t
from sync.store import schema_events as e

Marks = dict[str, Any]

_REHEARSED = ("dry run", "plan")


def place(conn: Connection, table: Table) -> list[int]:
    """The mark behind everything that a table holds: revision and row."""
    c = table.c
    last = conn.execute(select(c.revision, c.id).order_by(c.id.desc()).limit(1)).first()
    return [0, 0] if last is None else [int(last.revision), int(last.id)]


def passages(conn: Connection, marks: Marks, most: int) -> tuple[list[Event], bool]:
    """Who entered and left segments."""
    rows = _since(conn, t.passage, marks, most)
    found = []
    for row in rows:
        kind = "segment.entered" if row.entered else "segment.left"
        data = {"person": row.person, "segment": row.segment, "at": moment(row.at)}
        found.append(Event(kind, (row.segment, row.person, row.at, row.revision), data))
    return found, len(rows) == most


def consents(conn: Connection, marks: Marks, most: int) -> tuple[list[Event], bool]:
    """New lines of the consent ledger, with whoever is known by the address."""
    rows = _since(conn, t.consent, marks, most)
    held = _holders(conn, {row.address for row in rows})
    found = []
    for row in rows:
        data = {
            "people": held.get(row.address, []),
            "address": row.address,
            "channel": row.channel,
            "purpose": row.purpose,
            "state": row.state,
            "explicit": bool(row.explicit),
            "at": moment(row.at),
        }
        found.append(Event("consent.changed", (row.address, row.purpose, row.state, row.at, row.revision), data))
    return found, len(rows) == most


def touches(conn: Connection, now: Millis, most: int) -> tuple[list[Event], bool]:
    """Touchpoints that were filed, less those told before: their events are kept as long as they count as news."""
    s, p = e.stirred_touch.c, t.touchpoint.c
    order = (s.record, s.at, s.kind, s.key)
    taken = conn.execute(select(*order).order_by(*order).limit(most)).all()
    records = sorted({row.record for row in taken})
    keys = {tuple(row) for row in taken}
    names = ("record", "at", "kind", "key", "channel", "way", "by", "campaign")
    since = min((row.at for row in taken), default=0)
    standing = [
        row
        for start in range(0, len(records), 500)
        for row in conn.execute(
            select(*(p[name] for name in names)).where(p.record.in_(records[start : start + 500]), p.at >= since)
        )
    ]
    people = _people(conn, records)
    found = []
    for row in sorted(standing, key=lambda row: (row.at, *map(str, row[:4]))):
        if tuple(row[:4]) not in keys or row.at <= now - KEPT or not people.get(row.record):
            continue
        data = {
            "person": people[row.record],
            "kind": row.kind,
            "channel": row.channel,
            "direction": row.way,
            "by": row.by,
            "campaign": row.campaign,
            "at": moment(row.at),
        }
        found.append(Event("touchpoint.recorded", (row.record, row.at, row.kind, row.key), data))
    for row in taken:
        conn.execute(
            e.stirred_touch.delete().where(s.record == row.record, s.at == row.at, s.kind == row.kind, s.key == row.key)
        )
    return found, len(taken) == most


def newest_run(conn: Connection) -> int:
    """The newest run that ended."""
    ended = select(t.run.c.id).where(t.run.c.ended.is_not(None)).order_by(t.run.c.id.desc()).limit(1)
    return int(conn.execute(ended).scalar() or 0)


_OPEN = 100
"""So many runs that have not ended are remembered, the newest."""


def runs_ended(conn: Connection, marks: Marks) -> list[Event]:
    """Runs that ended; rehearsals are nobody's news."""
    c = t.run.c
    after, still = int(marks.get("run", 0)), [int(one) for one in marks.get("open", ())]
    rows = conn.execute(
        select(t.run).where((c.id > after) | c.id.in_(still), c.ended.is_not(None)).order_by(c.id)
    ).all()
    marks["run"] = max([after, *(row.id for row in rows)])
    # Runs overlap: one that began earlier may end later. Those that were killed are not waited for without end.
    began = select(c.id).where(c.id > after, c.id < marks["run"], c.ended.is_(None)).order_by(c.id)
    ended = {row.id for row in rows}
    marks["open"] = [*(one for one in still if one not in ended), *conn.execute(began).scalars()][-_OPEN:]
    return [_run(row) for row in rows if row.kind not in _REHEARSED]


def _run(row: Any) -> Event:
    balance = msgspec.json.decode(row.balance)
    each = balance.get("connections", {}).values()
    data = {
        "run": row.id,
        "kind": row.kind,
        "ok": bool(balance.get("ok")),
        "started": moment(row.started),
        "ended": moment(row.ended),
        "people": balance.get("people", 0),
        "read": sum(one["pulled"] for one in each),
        "written": sum(one["applied"] for one in each),
        "failed": sorted(balance.get("failures", {})),
        "stopped": sorted({stop["connection"] for stop in balance.get("stops", ())}),
    }
    return Event("run.finished", (row.id, row.started), data)


def guards(conn: Connection, marks: Marks) -> list[Event]:
    """Connections that a guard stopped and that were not stopped so when it was last looked."""
    before = {tuple(one) for one in marks.get("stops", ())}
    run, found, now = newest_run(conn), [], []
    for row in conn.execute(select(t.connection.c.name, t.connection.c.stopped).order_by(t.connection.c.name)):
        for stop in msgspec.json.decode(row.stopped or "[]"):
            now.append([row.name, stop["brake"]])
            if (row.name, stop["brake"]) not in before:
                data = {"connection": row.name, **{name: stop[name] for name in ("brake", "text", "size")}}
                found.append(Event("guard.stopped", (row.name, stop["brake"], run), data))
    marks["stops"] = now
    return found


def _since(conn: Connection, table: Table, marks: Marks, most: int) -> list[Any]:
    """The rows behind the mark, oldest first; moves the mark behind them."""
    revision, identity = marks.get(table.name, (0, 0))
    c = table.c
    before = conn.execute(select(c.id).where(c.revision < revision).order_by(c.id.desc()).limit(1)).scalar() or 0
    new = or_(c.revision > revision, and_(c.revision == revision, c.id > identity))
    rows = conn.execute(select(table).where(c.id > before, new).order_by(c.id).limit(most)).all()
    if rows:
        marks[table.name] = [int(rows[-1].revision), int(rows[-1].id)]
    return list(rows)


def _people(conn: Connection, records: Sequence[int]) -> dict[int, str]:
    """Whose records these are."""
    r = t.record.c
    return {row[0]: row[1] or "" for row in bulk.select_in(conn, [r.id, r.person], r.id, records)}


def _holders(conn: Connection, addresses: Collection[str]) -> dict[str, list[str]]:
    """Who is known by these addresses."""
    i = t.identifier.c
    held = bulk.select_in(conn, [i.value, i.record], i.value, sorted(addresses), {"kind": "email"})
    people = _people(conn, sorted({record for _, record in held}))
    found: dict[str, set[str]] = {}
    for address, record in held:
        if people.get(record):
            found.setdefault(address, set()).add(people[record])
    return {address: sorted(them) for address, them in found.items()}


__all__ = ["consents", "guards", "newest_run", "passages", "place", "runs_ended", "touches"]
