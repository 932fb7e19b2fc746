"""What people say of roles, written down as decisions: somebody is this to us, is it no more, or never mind.

A word is a decision of its own and is never changed: what takes it back is a later word. It may be about a person or
an organisation; which, their id says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, update

from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis
from mapping.roles import ROLE, Spell, Word, standing, words
from sync import runs
from sync.decide import NothingToDecide
from sync.organizations import companies_of, load_decisions
from sync.roles import spells
from sync.store import records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD


def say_role(
    database: Database,
    party: str,
    role: str,
    now: Millis,
    *,
    stage: str = "",
    begins: Millis | None = None,
    ends: Millis | None = None,
) -> Word:
    """They have a role: from *begins* on, or as far back as it is known, or from now; until *ends* where that is
    given."""
    with database.write() as conn:
        about = _about(conn, party)
        since = begun(spells(conn, party), role, stage, now) if begins is None else begins
        word = Word(role, now, stage, since, ends)
        about.say(conn, word)
    return word


def end_role(database: Database, party: str, role: str, now: Millis, *, ends: Millis) -> Word:
    """They have a role no more, since *ends*. Raises NothingToDecide."""
    with database.write() as conn:
        about = _about(conn, party)
        may_end(spells(conn, party), role, ends)
        word = Word(role, now, ends=ends)
        about.say(conn, word)
    return word


def take_back(database: Database, party: str, role: str, now: Millis) -> int:
    """Never mind what people said of a role: platforms and rules say it again. Returns how many words there were."""
    with database.write() as conn:
        about = _about(conn, party)
        there = len(standing(about.words, role))
        if there:
            about.say(conn, Word(role, now, off=True))
    return there


def begun(found: Sequence[Spell], role: str, stage: str, now: Millis) -> Millis:
    """When a role began where nobody says it: as far back as it stands already, unless the stage is new; else now."""
    stands = _stands(found, role)
    if stands is None or (stage and stage != stands.stage):
        return now
    return stands.since


def may_end(found: Sequence[Spell], role: str, ends: Millis) -> None:
    """Raises NothingToDecide where the role does not stand, or began only later."""
    stands = _stands(found, role)
    if stands is None:
        raise NothingToDecide(f"They are no {role} now, so there is nothing to end.")
    if stands.since > ends:
        raise NothingToDecide(f"They became a {role} only after that day: an end cannot lie before the beginning.")


def _stands(found: Sequence[Spell], role: str) -> Spell | None:
    return next((one for one in found if one.role == role and one.until is None), None)


@dataclass(frozen=True, slots=True)
class _About:
    """Whom a word is about: the record or the organisation at which it is kept, and what was said so far."""

    record: int
    organization: str
    words: list[Word]

    def say(self, conn: Connection, word: Word) -> None:
        """Write a word down, and mark whom it concerns."""
        revision = runs.revision_now(conn)
        decision = Decision(
            DecisionKind.ROLE, self.record, word.at, revision, ROLE, word.value(), organization=self.organization
        )
        records.add_decisions(conn, [decision])
        if self.record:
            records.mark(conn, [self.record], MARK_FOLD)
        else:
            concerned = t.organization.c.id == self.organization
            conn.execute(update(t.organization).where(concerned).values(stale=True))


def _about(conn: Connection, party: str) -> _About:
    """Raises NothingToDecide where there is nobody of this id."""
    companies = companies_of(conn, party)
    if companies:
        said = words([one for one in load_decisions(conn) if one.organization in companies])
        return _About(0, party, said)
    cases = records.load_cases(conn, [party])
    if not cases:
        raise NothingToDecide(f"There is no person {party!r}. `regulars people` finds people.")
    return _About(cases[0].records[0].id, "", words(cases[0].decisions))


def join_organizations(database: Database, organizations: Sequence[str], now: Millis) -> None:
    """These are one organisation."""
    with database.write() as conn:
        groups = [companies_of(conn, one) for one in organizations]
        first, *rest = groups
        _pair(conn, DecisionKind.SAME, [(mine, theirs) for other in rest for mine in first for theirs in other], now)


def split_organization(database: Database, organization: str, apart: Sequence[str], now: Millis) -> None:
    """The companies *apart* are another organisation. Raises NothingToDecide."""
    with database.write() as conn:
        group = companies_of(conn, organization)
        rest = [one for one in group if one not in apart]
        if not rest or any(one not in group for one in apart):
            raise NothingToDecide("Name some of the organisation's companies, not all of them.")
        _pair(conn, DecisionKind.NOT_SAME, [(mine, theirs) for mine in rest for theirs in apart], now)


def _pair(conn: Connection, kind: DecisionKind, pairs: Sequence[tuple[str, str]], now: Millis) -> None:
    revision = runs.revision_now(conn)
    said = [Decision(kind, 0, now, revision, value=max(pair), organization=min(pair)) for pair in pairs]
    records.add_decisions(conn, said)
    touched = sorted({one for pair in pairs for one in pair})
    conn.execute(update(t.organization).where(t.organization.c.id.in_(touched)).values(stale=True))
