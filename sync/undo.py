"""Undo: a decision per write that it takes back, and then the ordinary plan.

A hold says that at this record this field keeps what stood there before, as long as the claim that the write rested
on is still the one that would be chosen. What a person changed since is left out. Undoing an undo lifts its holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, select, update

from mapping.claims import Record
from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis, RecordState, WriteKind
from mapping.values import same
from sync.runs import NoSuchRun
from sync.store import records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD
from sync.writes import ONCE, UNDO, Write

_decode = msgspec.json.Decoder(Write).decode


@dataclass(slots=True)
class Undoing:
    """What an undo decided: the records whose writes may leave now, and what is to be said."""

    records: set[int] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)  # that no plan would find: they rest on no record
    notes: list[str] = field(default_factory=list)


def decide_undo(database: Database, undone: int, run: int, revision: int, now: Millis) -> Undoing:
    """Write the decisions that take *undone* back, on behalf of *run*."""
    with database.write() as conn:
        row = conn.execute(select(t.run.c.kind, t.run.c.ended).where(t.run.c.id == undone)).first()
        if row is None:
            raise NoSuchRun(f"There is no run {undone}. `regulars runs` lists them.")
        writes = conn.execute(
            select(t.write.c.record, t.write.c.row, t.write.c.made).where(
                t.write.c.run == undone, t.write.c.state == "applied"
            )
        ).all()
        held = t.decision.c.run == undone, t.decision.c.lifted.is_(False)
        holding = conn.execute(select(t.decision.c.record).where(*held)).scalars().all() if row.kind == "undo" else []
        if not writes and not holding:
            raise NoSuchRun(f"Run {undone} wrote nothing, so there is nothing to take back.{_perhaps(conn, undone)}")
        result = Undoing({*holding, *(write.record for write in writes)})
        if row.kind == "undo":
            final = sum(not _decode(write.row).reversible for write in writes)
            if final:
                result.notes.append(f"{final} companies or tasks that were taken back are not made again.")
            conn.execute(update(t.decision).where(*held).values(lifted=True))
            records.mark(conn, sorted(result.records), MARK_FOLD)
            return result
        known = records.by_id(conn, sorted(result.records))
        decisions: list[Decision] = []
        left = irreversible = 0
        for write in writes:
            plan_row = _decode(write.row)
            if not plan_row.reversible:
                irreversible += 1
                continue
            if plan_row.kind in ONCE:
                result.writes += [taken_back(plan_row, write.made)] if write.made else []
                left += not write.made
                continue
            holds = _holds(known[write.record], plan_row, revision, now)
            left += not holds
            decisions.extend(holds)
        records.add_decisions(conn, decisions, run=run)
        records.mark(conn, sorted({decision.record for decision in decisions}), MARK_FOLD)
    result.records = {decision.record for decision in decisions}
    if irreversible:
        result.notes.append(f"{irreversible} opt-outs, erasures or archivings cannot be taken back and stand.")
    if left:
        result.notes.append(f"{left} writes were left out: somebody changed those records since.")
    return result


def taken_back(write: Write, made: str) -> Write:
    """The opposite of a write that made a company or a task, by the number of what it made."""
    settings = tuple(setting._replace(before=setting.after, after=None, rule=UNDO) for setting in write.settings)
    if write.kind is WriteKind.TASK:
        return msgspec.structs.replace(write, settings=settings, purpose=made, why="undo of a task")
    return msgspec.structs.replace(
        write, kind=WriteKind.COMPANY_AWAY, settings=settings, remote_id=made, why="undo of a company"
    )


def _perhaps(conn: Connection, undone: int) -> str:
    """A word on writes whose answers were lost."""
    open_ = select(t.write.c.id).where(t.UNCERTAIN, t.write.c.run == undone)
    if conn.execute(open_.limit(1)).first() is None:
        return ""
    return " What it may have written is listed by `regulars status`: take it away there yourself."


def _holds(record: Record, write: Write, revision: int, now: Millis) -> list[Decision]:
    """The holds that take one write back; none for what somebody changed since."""
    if write.kind is WriteKind.CREATE:
        touched = any(claim.seen >= record.first and record.edited(name) for name, claim in record.claims.items())
        if record.state is not RecordState.LIVE or touched:
            return []
        return [Decision(DecisionKind.HOLD, record.id, now, revision, "", None)]
    holds = []
    for setting in write.settings:
        pair = record.pairs.get(setting.name)
        ours = pair is not None and same(record.known.get(setting.name), pair.shown) and same(pair.sent, setting.after)
        if ours:
            holds.append(
                Decision(DecisionKind.HOLD, record.id, now, revision, setting.name, setting.before, 0, setting.source)
            )
    return holds
