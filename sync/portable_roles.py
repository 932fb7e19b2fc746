"""Decisions for other stores, the part about roles and organisations: see `sync.portable`.

A company is named by connection and remote id, as a record is. Words about roles add up by their dates, so an older
one may come after a newer, and nothing is overtaken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection, update

from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis, Role, Stage
from mapping.roles import ROLE, Word, words
from sync.filing_companies import organization_id
from sync.organizations import load_decisions
from sync.store import bulk, records
from sync.store import schema as t

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Place = tuple[str, str]


class RoleSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was said of a role. `from` at the start of 1970 is unknown."""

    role: Role
    stage: Stage | None = None
    begins: datetime | None = msgspec.field(default=None, name="from")
    ends: datetime | None = msgspec.field(default=None, name="to")
    off: bool = False

    def wrong(self) -> str:
        """What is wrong with it; nothing where all is well."""
        times = [time for time in (self.begins, self.ends) if time is not None]
        if any(time.tzinfo is None for time in times):
            return '"from" and "to" need a time zone; they are written like 2026-03-31T09:00:00Z'
        if self.off == bool(times):
            return 'a role needs "from" or "to", or "off" and neither'
        if any(time < _EPOCH for time in times):
            return '"from" and "to" lie in 1970 or later'
        if self.begins is not None and self.ends is not None and self.ends <= self.begins:
            return '"to" lies before "from"'
        return ""

    def word(self, at: Millis) -> Word:
        """The word that this is, said at a time."""
        return Word(self.role.value, at, self.stage or "", _millis(self.begins), _millis(self.ends), self.off)


def role_said(decision: Decision) -> RoleSaid | None:
    """What a decision says of a role, as others read it; None where it is about something else."""
    for word in words([decision]):
        stage = Stage(word.stage) if word.stage else None
        return RoleSaid(Role(word.role), stage, _time(word.begins), _time(word.ends), word.off)
    return None


def _time(millis: Millis | None) -> datetime | None:
    return None if millis is None else _EPOCH + timedelta(milliseconds=millis)


def _millis(time: datetime | None) -> Millis | None:
    return None if time is None else (time - _EPOCH) // timedelta(milliseconds=1)


def places(conn: Connection, ids: Iterable[str]) -> dict[str, Place]:
    """Where companies are to be found, by our id."""
    o = t.organization.c
    rows = bulk.select_in(conn, [o.id, o.connection, o.remote_id], o.id, sorted(set(ids)))
    return {identity: (connection, remote_id) for identity, connection, remote_id in rows}


def going_out(conn: Connection) -> Iterator[tuple[Decision, Place, Place | None]]:
    """What people decided about organisations: the decision, its company, and the other where there is one."""
    decisions = load_decisions(conn)
    pairs = {one.id: str(one.value) for one in decisions if one.kind is not DecisionKind.ROLE}
    where = places(conn, [*(one.organization for one in decisions), *pairs.values()])
    for one in decisions:
        other = pairs.get(one.id)
        if one.organization in where and (other is None or other in where):
            yield one, where[one.organization], None if other is None else where[other]


class Companies:
    """What the store knows of companies, and of what was decided about them, while decisions come in."""

    def __init__(self, conn: Connection, named: Collection[Place]) -> None:
        self._known = places(conn, [organization_id(*place) for place in named])
        self._there = {_key(one) for one in load_decisions(conn)}
        self.taken: list[Decision] = []

    def decision(
        self, kind: DecisionKind, first: Place, other: Place | None, word: Word | None, at: Millis, revision: int
    ) -> Decision | str | None:
        """The decision that a row makes here; None where it is here already; in words why it is refused."""
        ids = [organization_id(*place) for place in (first, other) if place is not None]
        for identity, place in zip(ids, (first, other), strict=False):
            if identity not in self._known and place is not None:
                return f'{place[0]} has no company "{place[1]}" that we know'
        if len(ids) > len(set(ids)):
            return "it names one company twice"
        if word is not None:
            made = Decision(kind, 0, at, revision, ROLE, word.value(), organization=ids[0])
        else:
            made = Decision(kind, 0, at, revision, value=max(ids), organization=min(ids))
        if _key(made) in self._there:
            return None
        self._there.add(_key(made))
        self.taken.append(made)
        return made

    def file(self, conn: Connection) -> None:
        """Write down what was taken, and say whom it concerns."""
        records.add_decisions(conn, self.taken)
        concerned = {one.organization for one in self.taken}
        concerned |= {str(one.value) for one in self.taken if one.kind is not DecisionKind.ROLE}
        for start in range(0, len(concerned), 500):
            part = sorted(concerned)[start : start + 500]
            conn.execute(update(t.organization).where(t.organization.c.id.in_(part)).values(stale=True))


def _key(one: Decision) -> tuple[str, str, str, Millis]:
    return one.kind.value, one.organization, records.dump(one.value), one.at
