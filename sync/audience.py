"""Audiences: who is in which segment, judged in each run for those who changed and those whose turn has come.

Where a segment is shown at a platform, this comes before the plan, which then carries memberships like any other
value. Where none is, the plan has folded everybody who changed already, and judging follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from sqlalchemy import func, select, update

from mapping.decisions import Policies
from mapping.model import Millis
from mapping.rules import Moment, Rule
from sync.people import fold_only
from sync.roles_organizations import judge_organizations
from sync.roles_rules import judge_roles
from sync.segment import Segment
from sync.segment_run import evaluate
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD

MANY = 20_000
"""From so many changed people on, everybody is judged: that is one statement for each segment."""


_TOLD = "passages marked"
"""Up to which passage the people who moved have been marked for the plan."""


@dataclass(frozen=True, slots=True)
class Audiences:
    """The business's segments, with the time zone that says what day it is."""

    segments: Mapping[str, Segment] = field(default_factory=dict)
    zone: tzinfo = UTC
    roles: Mapping[str, Rule] = field(default_factory=dict)  # by role: judged first, since segments may ask for them
    policies: Policies = field(default_factory=Policies)
    organization_roles: Mapping[str, Rule] = field(default_factory=dict)  # by role: which organisations have it

    @property
    def shown(self) -> bool:
        """Whether any segment becomes something at a platform."""
        return any(segment.destinations for segment in self.segments.values())

    def judge_organizations(self, database: Database, revision: int, now: Millis) -> None:
        """Judge what every organisation is to the business; before people, whose rules may ask for it."""
        judge_organizations(database, self.organization_roles, Moment(now, self.zone), revision)

    def judge_first(
        self, database: Database, policies: Policies, revision: int, now: Millis, *, everybody: bool = False
    ) -> None:
        """Fold who changed, judge them, and mark everybody whose membership moved, so that the plan sees them."""
        changed = fold_only(database, policies, MANY)
        self.judge(database, changed, revision, now, everybody=everybody)
        # Moves that no plan has been told of yet, be it that a run broke off between judging and marking.
        with database.write() as conn:
            told = conn.execute(select(t.meta.c.value).where(t.meta.c.key == _TOLD)).scalar()
            last = conn.execute(select(func.max(t.passage.c.id))).scalar() or 0
            moved = select(t.passage.c.person).where(t.passage.c.id > int(told or 0))
            conn.execute(
                update(t.record).where(t.record.c.mark == 0, t.record.c.person.in_(moved)).values(mark=MARK_FOLD)
            )
            if str(last) != told:
                bulk.upsert(conn, t.meta, ("key", "value"), [(_TOLD, str(last))], ("key",), ("value",))

    def judge(
        self, database: Database, people: list[str], revision: int, now: Millis, *, everybody: bool = False
    ) -> None:
        """Judge *people* and those whose turn has come; everybody where they are many. *everybody* is for when
        somebody's purchases may have moved what counts as much, or a run folded people and broke off before they were
        judged."""
        everybody = everybody or len(people) >= MANY
        chosen = None if everybody else people
        moment = Moment(now, self.zone)
        chosen = judge_roles(database, self.roles, self.policies, moment, chosen)
        evaluate(database, self.segments, moment, revision, chosen)
