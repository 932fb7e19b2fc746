"""Times of claims: a platform's own history of a field, asked for only where edits compete.

A record tells when it changed, not which of its fields did. Where two records of one person were both edited in one
field, the newest must win, so the platforms that keep a history are asked, and the claims are dated by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from connectors.base import Connector
from mapping.claims import MEMBER, Claim, Record
from mapping.values import same
from sync.store import records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD

_CHUNK = 1000


def sharpen(database: Database, connectors: Mapping[str, Connector]) -> int:
    """Date competing claims by their platforms' histories; returns how many were dated anew."""
    last, dated = "", 0
    while True:
        with database.read() as conn:
            people = list(
                conn.execute(
                    select(t.record.c.person)
                    .join(t.document, t.document.c.record == t.record.c.id)
                    .where(t.MARKED, t.record.c.person > last, t.document.c.memory.like('%"edit"%'))
                    .distinct()
                    .order_by(t.record.c.person)
                    .limit(_CHUNK)
                ).scalars()
            )
            cases = records.load_cases(conn, people)
        if not people:
            return dated
        last = people[-1]
        asked: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for case in cases:
            for record, name in competing(case.records):
                asked[record.connection][record.remote_id].add(name)
        for name, wanted in asked.items():
            if name in connectors:
                dated += _date(database, name, connectors[name], wanted)


def competing(group: Sequence[Record]) -> list[tuple[Record, str]]:
    """The (record, field) pairs of one person whose edits compete: two records edited, to different values."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in group:
        for name in record.claims:
            if MEMBER not in name and record.edited(name):
                found[name].append(record)
    pairs = []
    for name, editors in found.items():
        values = [record.claims[name].value for record in editors]
        if len(editors) > 1 and not all(same(values[0], value) for value in values[1:]):
            pairs += [(record, name) for record in editors]
    return pairs


def _date(database: Database, name: str, connector: Connector, wanted: Mapping[str, set[str]]) -> int:
    names = sorted({field for fields in wanted.values() for field in fields})
    times = connector.history(sorted(wanted), names)
    if not times:
        return 0
    dated = 0
    with database.write() as conn:
        rows = []
        for remote_id, row in records.by_remote(conn, name, sorted(wanted)).items():
            record = records.from_row(row)
            claims = dict(record.claims)
            for field in wanted[remote_id]:
                claim, at = claims.get(field), times.get((remote_id, field))
                if claim is not None and at is not None and at < claim.at:
                    claims[field] = Claim(claim.value, at, claim.seen, claim.kind, claim.was)
                    dated += 1
            rows.append(records.to_row(replace(record, claims=claims), row[3], max(row[records.MARK], MARK_FOLD)))
        records.save(conn, rows, new=False)
    return dated
