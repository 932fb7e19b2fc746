"""What people say, written down as decisions. Each function files the words and marks whom they concern; the next
plan acts on them. No rule or score ever overrules a decision."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from sqlalchemy import Connection, select, update

from mapping.claims import OPT_OUT, Record
from mapping.decisions import Decision, DecisionKind
from mapping.leads import lead
from mapping.model import Millis
from mapping.values import blank
from sync import runs
from sync.guard import Brake, Stop
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD, MARK_RESOLVE
from sync.ties_load import forgive
from sync.uncertain import looked_at
from sync.writes import FindingKind


class NothingToDecide(Exception):
    """There is nothing that this decision could be about."""


def settle(database: Database, name: str, prefer: str, now: Millis, people: Sequence[str] | None = None) -> int:
    """Settle the open conflicts in one field: what *prefer* shows is kept; returns how many people it concerned.

    Covers the conflicts that are open now, and no later ones. Raises NothingToDecide.
    """
    revision = runs.last_revision(database)
    with database.write() as conn:
        rows = conn.execute(
            select(t.finding.c.person)
            .where(t.finding.c.kind == FindingKind.CONFLICT.value, t.finding.c.name == name)
            .distinct()
        )
        wanted = sorted(person for (person,) in rows if people is None or person in people)
        decisions: list[Decision] = []
        for start in range(0, len(wanted), 1000):
            for case in records.load_cases(conn, wanted[start : start + 1000]):
                kept = _preferred(case.records, case.decisions, name, prefer)
                if kept is not None:
                    value = kept.known.get(name)
                    decisions.append(Decision(DecisionKind.KEEP, kept.id, now, revision, name, value))
        if not decisions:
            raise NothingToDecide(
                f'There is no open conflict in "{name}" where {prefer} shows a value.'
                " `regulars conflicts` lists what is open."
            )
        records.add_decisions(conn, decisions)
        records.mark(conn, [decision.record for decision in decisions], MARK_FOLD)
    return len(decisions)


def _preferred(group: Sequence[Record], decisions: Sequence[Decision], name: str, prefer: str) -> Record | None:
    first = lead(group, decisions).get(prefer)
    if first is not None and not blank(first.known.get(name)):
        return first
    return next((r for r in group if r.connection == prefer and not blank(r.known.get(name))), None)


def release_connection(database: Database, name: str, now: Millis) -> list[Stop]:
    """Let a connection go on that a guard stopped. The next run acts on it."""
    released = runs.release(database, name, now)
    with database.write() as conn:
        theirs = select(t.record.c.id).where(t.record.c.connection == name, t.record.c.person.is_not(None))
        rows = conn.execute(theirs).scalars().all()
        records.mark(conn, rows, MARK_FOLD)
        if not released:  # whoever lets a guard go says nothing of companies that people threw away
            forgive(conn, name)
        if any(stop.brake in (Brake.EMPTIED, Brake.DELETES) for stop in released):
            # who was missing is proven gone by a whole listing only
            conn.execute(update(t.connection).where(t.connection.c.name == name).values(cursor=None))
    return released


def release_person(database: Database, person: str, name: str | None, now: Millis) -> int:
    """Let go of what is held at one person, in one field or in all: undone, contested and refused values."""
    revision = runs.last_revision(database)
    with database.write() as conn:
        group = _records(conn, person)
        ids = [record.id for record in group]
        lifted = _lift(conn, ids, (DecisionKind.HOLD, DecisionKind.LEAVE_ALONE), name)
        for record in group:
            gone = [key for key in record.refused if name is None or key == name or key.startswith(OPT_OUT)]
            for key in gone:
                del record.refused[key]
            lifted += len(gone)
        rows = [records.to_row(record, None, MARK_FOLD) for record in group if record.state == "live"]
        records.save(conn, rows, new=False)
        decisions = [Decision(DecisionKind.RELEASE, identity, now, revision, name or "") for identity in ids]
        records.add_decisions(conn, decisions)
        records.mark(conn, ids, MARK_FOLD)
        lifted += looked_at(conn, ids) if name is None else 0
    return lifted


def leave_alone(database: Database, person: str, now: Millis) -> bool:
    """Write nothing to this person's records any more. An opt-out still reaches them everywhere. Returns whether that
    is news."""
    revision = runs.last_revision(database)
    with database.write() as conn:
        group = _records(conn, person)
        if _standing(conn, [record.id for record in group], DecisionKind.LEAVE_ALONE):
            return False
        records.add_decisions(conn, [Decision(DecisionKind.LEAVE_ALONE, group[0].id, now, revision)])
        records.mark(conn, [group[0].id], MARK_FOLD)
    return True


def leave_alone_no_more(database: Database, person: str) -> int:
    """Take back that this person is left alone, and nothing else; returns how often it had been said."""
    with database.write() as conn:
        ids = [record.id for record in _records(conn, person)]
        lifted = _lift(conn, ids, (DecisionKind.LEAVE_ALONE,))
        records.mark(conn, ids, MARK_FOLD)
    return lifted


def _standing(conn: Connection, ids: Sequence[int], kind: DecisionKind) -> bool:
    """Whether a decision of this kind stands at one of these records."""
    d = t.decision.c
    found = select(d.id).where(d.record.in_(ids), d.kind == kind.value, d.lifted.is_(False)).limit(1)
    return conn.execute(found).first() is not None


def _lift(conn: Connection, ids: Sequence[int], kinds: Sequence[DecisionKind], name: str | None = None) -> int:
    """Lift the decisions of these kinds at these records, in one field or in all; returns how many there were."""
    lift = update(t.decision).where(
        t.decision.c.record.in_(ids),
        t.decision.c.kind.in_([kind.value for kind in kinds]),
        t.decision.c.lifted.is_(False),
    )
    if name is not None:
        lift = lift.where(t.decision.c.name == name)
    return conn.execute(lift.values(lifted=True)).rowcount


def choose_lead(database: Database, record: int, now: Millis) -> None:
    """This record leads among its person's on its platform."""
    with database.write() as conn:
        records.add_decisions(conn, [Decision(DecisionKind.LEAD, record, now, runs.revision_now(conn))])
        records.mark(conn, [record], MARK_FOLD)


def join(database: Database, people: Sequence[str], now: Millis) -> None:
    """These are one person."""
    with database.write() as conn:
        firsts = [_records(conn, person)[0].id for person in people]
        _say(conn, DecisionKind.SAME, [(firsts[0], other) for other in firsts[1:]], now)


def split(database: Database, person: str, apart: Sequence[int], now: Millis) -> None:
    """The records *apart* are not the same person as the rest."""
    with database.write() as conn:
        group = [record.id for record in _records(conn, person)]
        rest = [record for record in group if record not in apart]
        if not rest or any(record not in group for record in apart):
            raise NothingToDecide("Name some of the person's records, not all of them; `regulars person` lists them.")
        _say(conn, DecisionKind.NOT_SAME, list(product(apart, rest)), now)


def _say(conn: Connection, kind: DecisionKind, pairs: Sequence[tuple[int, int]], now: Millis) -> None:
    revision = runs.revision_now(conn)
    decisions = [Decision(kind, min(pair), now, revision, other=max(pair)) for pair in pairs]
    records.add_decisions(conn, decisions)
    touched = sorted({record for pair in pairs for record in pair})
    bulk.update_by(conn, t.record, "id", ("mark",), [(MARK_RESOLVE, record) for record in touched])


def _records(conn: Connection, person: str) -> list[Record]:
    cases = records.load_cases(conn, [person])
    if not cases:
        raise NothingToDecide(f"There is no person {person!r}. `regulars people` finds people.")
    return list(cases[0].records)
