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
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD

MANY = 20_000
"""From so many changed people on, everybody is judged: that is one statement for each segment."""


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
        # A run that broke off between the two left moves that nobody has been told of: since the last whole run, then.
        whole = select(func.coalesce(func.max(t.run.c.revision), 0)).where(t.run.c.ended.is_not(None))
        moved = select(t.passage.c.person).where(t.passage.c.revision > whole.scalar_subquery())
        with database.write() as conn:
            conn.execute(
                update(t.record).where(t.record.c.mark == 0, t.record.c.person.in_(moved)).values(mark=MARK_FOLD)
            )

    def judge(
        self, database: Database, people: list[str], revision: int, now: Millis, *, everybody: bool = False
    ) -> None:
        """Judge *people* and those whose turn has come; everybody where they are many, or somebody's purchases may
        have moved what counts as much, or a run folded people and broke off before they were judged."""
        everybody = everybody or len(people) >= MANY or (not self.shown and _broke_off(database))
        chosen = None if everybody else people
        moment = Moment(now, self.zone)
        chosen = judge_roles(database, self.roles, self.policies, moment, chosen)
        evaluate(database, self.segments, moment, revision, chosen)


def _broke_off(database: Database) -> bool:
    """Whether the run before this one has not ended. Where segments are shown, its people still have their mark."""
    with database.read() as conn:
        before = conn.execute(select(t.run.c.ended).order_by(t.run.c.id.desc()).offset(1).limit(1)).first()
    return before is not None and before.ended is None
