"""Of two records of one person on one platform, the one that receives the person's values."""

from __future__ import annotations

from collections.abc import Iterable

from mapping.claims import Record
from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis, RecordState


def lead(records: Iterable[Record], decisions: Iterable[Decision]) -> dict[str, Record]:
    """Per connection the one record that receives a person's values: a human choice, the most engaged, the oldest."""
    last = sorted((d.revision, d.id, d.record) for d in decisions if d.kind is DecisionKind.LEAD)
    chosen = {record: place for place, (_, _, record) in enumerate(last, 1)}
    leads: dict[str, Record] = {}
    for record in records:
        if record.state is RecordState.LIVE:
            other = leads.get(record.connection)
            if other is None or _prominence(record, chosen) > _prominence(other, chosen):
                leads[record.connection] = record
    return leads


def _prominence(record: Record, chosen: dict[int, int]) -> tuple[int, float, Millis, str]:
    return chosen.get(record.id, 0), record.engagement, -record.created, record.remote_id
