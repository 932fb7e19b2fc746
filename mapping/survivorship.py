"""Which value a person has: survivorship over the claims of their records, never over echoes.

The fold is pure, so split, join, undo and rebuild are the same fold over fewer or other claims.
Policies: `newest` (the default), or a trust order of connections; a person's decision goes before both.
First meeting: values that differ and that nobody changed since the records met are a conflict; nothing is chosen
until a person settles it or somebody edits one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from mapping.claims import MEMBER, Claim, ClaimKind, Record
from mapping.decisions import Decision, DecisionKind, Policies, Policy, Reference
from mapping.model import Millis, RecordState, Value
from mapping.sets import union
from mapping.values import Kind, equivalent

ALWAYS = 1 << 60
"""The revision of a choice that a standing policy makes: later than every meeting."""


class Rule(StrEnum):
    """Why a value was chosen."""

    ONLY = "only"  # nobody says otherwise
    NEWEST = "newest"
    TRUST = "trust"
    KEPT = "kept"  # a person decided
    UNION = "union"


class Choice(NamedTuple):
    """A person's value for a field: the claim that it rests on, and the rule that chose it.

    `since` is the revision from which it may replace values at records that joined earlier.
    """

    value: Value
    at: Millis
    since: int
    rule: Rule
    source: Reference


class Conflict(NamedTuple):
    """Records that met with different values; nobody has decided."""

    name: str
    values: tuple[tuple[int, Value], ...]


@dataclass(slots=True)
class Person:
    """What the fold found: chosen values and open conflicts, by field."""

    choices: dict[str, Choice]
    conflicts: dict[str, Conflict]


IDENTIFIERS = frozenset({"email"})
"""Fields that accumulate and never take part in survivorship."""

Candidate = tuple[Record, Claim]
_DEFAULT = Policy()


def fold(records: Sequence[Record], decisions: Iterable[Decision], policies: Policies) -> Person:
    """A person's values from the claims of their *records* and what people decided."""
    live = [record for record in records if record.state is RecordState.LIVE]
    away = [record for record in records if record.state is not RecordState.LIVE]
    kept = {(d.record, d.name): d for d in decisions if d.kind is DecisionKind.KEEP}
    person = Person({}, {})
    said, said_away = _said(live), _said(away)
    names = {*said, *said_away}
    names.update(name.partition(MEMBER)[0] for record in records for name in record.claims if MEMBER in name)
    special = {name for _, name in kept} | policies.fields.keys()
    for name in sorted(names - IDENTIFIERS):
        found: Choice | Conflict | None
        words, kind = said.get(name, []), policies.kinds.get(name)
        if len(words) == 1 and kind is not Kind.SET and name not in special:
            record, claim = words[0]
            if claim.kind is not ClaimKind.CLEAR:  # what nobody contradicts: most fields of most people
                since = claim.seen if record.edited(name) else 0
                source = Reference(record.id, name, claim.seen)
                person.choices[name] = Choice(claim.value, claim.at, since, Rule.ONLY, source)
                continue
        keeps = [kept[record.id, name] for record in records if (record.id, name) in kept] if kept else []
        # A record that is away keeps its claims at the lowest trust: they count where no other record has any.
        if kind is Kind.SET:
            found = _choose(name, records, words + said_away.get(name, []), keeps, policies)
        else:
            found = _choose(name, live, words, keeps, policies)
            found = found or _choose(name, away, said_away.get(name, []), keeps, policies)
        if isinstance(found, Choice):
            person.choices[name] = found
        elif found is not None:
            person.conflicts[name] = found
    return person


def _said(records: Sequence[Record]) -> dict[str, list[Candidate]]:
    """Who says what about each field, cut values aside."""
    said: dict[str, list[Candidate]] = {}
    for record in records:
        for name, claim in record.all_claims():
            if claim.kind is not ClaimKind.CUT:
                if name in said:
                    said[name].append((record, claim))
                else:
                    said[name] = [(record, claim)]
    return said


def _choose(
    name: str, records: Sequence[Record], said: list[Candidate], keeps: list[Decision], policies: Policies
) -> Choice | Conflict | None:
    policy = policies.fields.get(name, _DEFAULT)
    if policies.kinds.get(name) is Kind.SET:
        found = union(name, records, said)
        return None if found is None else Choice(found.members, found.at, found.since, Rule.UNION, found.source)
    if not policy.clear:
        said = [(record, claim) for record, claim in said if claim.kind is not ClaimKind.CLEAR]
    if not said:
        return None
    # Where the trusted side took a value away, or edited a cut one, it has spoken: nobody else speaks in its place.
    held = {r.connection for r in records if (c := r.claims.get(name)) and c.kind in (ClaimKind.CLEAR, ClaimKind.CUT)}
    return _decided(name, said, keeps) or _trusted(name, said, policy, held) or _newest(name, said, policies)


def _newest(name: str, said: list[Candidate], policies: Policies) -> Choice | Conflict:
    """The newest edit; without one, the value on which all agree; else a conflict."""
    asserted = [(record, claim) for record, claim in said if record.edited(name)]
    pool = asserted or said
    if len(pool) > 1:
        pool = sorted(pool, key=lambda found: order(found, policies), reverse=True)
    record, claim = pool[0]
    if not asserted and len(pool) > 1:
        kind = policies.kind(name)
        if not all(equivalent(kind, claim.value, other.value, policies.region) for _, other in pool[1:]):
            return Conflict(name, tuple((found.id, said.value) for found, said in pool))
    rule = Rule.NEWEST if len(said) > 1 else Rule.ONLY
    since = claim.seen if asserted else 0
    return Choice(claim.value, claim.at, since, rule, Reference(record.id, name, claim.seen))


def order(candidate: Candidate, policies: Policies) -> tuple[Millis, int, str, str]:
    """The total order of claims: time, trust, platform, remote id."""
    record, claim = candidate
    return claim.at, -policies.ranks.get(record.connection, 0), record.connection, record.remote_id


def _decided(name: str, said: list[Candidate], keeps: list[Decision]) -> Choice | None:
    """The last decision of a person, unless somebody edited the field after it."""
    if not keeps:
        return None
    last = max(keeps, key=lambda decision: (decision.revision, decision.id))
    if any(record.edited(name) and claim.seen > last.revision for record, claim in said):
        return None
    seen = next((claim.seen for record, claim in said if record.id == last.record), last.revision)
    # It was made after that run: later than every meeting in it, earlier than any in the next.
    return Choice(last.value, last.at, last.revision + 1, Rule.KEPT, Reference(last.record, name, seen))


def _trusted(name: str, said: list[Candidate], policy: Policy, held: set[str]) -> Choice | None:
    """Under a trust order, the latest claim of the most trusted connection that has one."""
    for connection in policy.trust:
        theirs = [found for found in said if found[0].connection == connection]
        if theirs:
            record, claim = max(theirs, key=lambda found: (found[1].at, found[0].remote_id))
            return Choice(claim.value, claim.at, ALWAYS, Rule.TRUST, Reference(record.id, name, claim.seen))
        if connection in held:
            return None
    return None
