"""First meeting: the short way of the fold, for people whose records nobody has touched. At a first sync, everybody.

Where nobody edited, cleared or sent anything and nobody decided anything, a record claims just what it shows. So the
values are folded without making claims, and a choice is written down only where some record lacks a value that may be
written to it: the plan looks at no others. Says what `mapping.survivorship.fold` says, only sooner; a property test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mapping.claims import Record
from mapping.decisions import Decision, Policies, Reference
from mapping.model import BADGE, Millis, RecordState, Value
from mapping.survivorship import ALWAYS, IDENTIFIERS, Choice, Conflict, Person, Rule
from mapping.values import Kind, equivalent


class Meeting(NamedTuple):
    """What untouched records amount to: their person's values by name, what of it the plan has to look at, and since
    when the person is what they are to the business."""

    values: dict[str, Value]
    person: Person
    since: Millis


class Voice(NamedTuple):
    """Who speaks for a person in one field, what it says, and why."""

    record: Record
    value: Value
    rule: Rule


class Meetings:
    """The short way under *policies*. *writable* names, by connection, the fields that may be written there."""

    def __init__(self, policies: Policies, writable: Mapping[str, Collection[str]] | None = None) -> None:
        self._policies = policies
        self._writable = writable or {}
        self._sets = {name for name, kind in policies.kinds.items() if kind is Kind.SET}
        self._special = self._sets | policies.fields.keys()

    def meet(self, records: Sequence[Record], decisions: Sequence[Decision]) -> Meeting | None:
        """The fold of records as they were found; None where somebody touched one, or decided something."""
        if decisions:
            return None
        for record in records:
            if record.claims or record.pairs or record.state is not RecordState.LIVE:
                return None
        return self._alone(records[0]) if len(records) == 1 else self._together(records)

    def _alone(self, record: Record) -> Meeting:
        """One record: its person has just what it shows."""
        values = dict(sorted(_shown(record).items()))
        for name in self._sets & values.keys():
            values[name] = _members(values[name])
        return Meeting(values, Person({}, {}), record.first_at)

    def _together(self, records: Sequence[Record]) -> Meeting:
        """Several records: what all of them mean is the person's, and the rest are conflicts."""
        newest = self._newest_first(records)
        person, values, voices, shared = Person({}, {}), dict[str, Value](), dict[str, Voice](), set[str]()
        for shown in map(_shown, reversed(newest)):
            shared |= values.keys() & shown.keys()
            values |= shown
        for name in sorted(shared | (self._special & values.keys())):
            said = [(record, value) for record in newest if (value := record.known.get(name)) is not None]
            voice = self._voice(name, said, records)
            if voice is not None:
                voices[name], values[name] = voice, voice.value
            else:
                person.conflicts[name] = Conflict(name, tuple((record.id, value) for record, value in said))
                del values[name]
        for record in records:
            known = record.known
            for name in self._writable.get(record.connection, ()):
                value = values.get(name)
                if value is not None and value != known.get(name):
                    person.choices[name] = _choice(name, voices.get(name) or _only(name, records))
        told = "stage" if "stage" in values else "role"
        since = (voices.get(told) or _only(told, records)).record.first_at if told in values else 0
        return Meeting(dict(sorted(values.items())), person, since)

    def _newest_first(self, records: Sequence[Record]) -> list[Record]:
        """The total order of their claims, as `mapping.survivorship.order` has it; here it is one for all fields."""
        ranks = self._policies.ranks
        return sorted(
            records,
            key=lambda one: (one.first_at, -ranks.get(one.connection, 0), one.connection, one.remote_id),
            reverse=True,
        )

    def _voice(self, name: str, said: Sequence[tuple[Record, Value]], records: Sequence[Record]) -> Voice | None:
        """Who speaks where several do, or a rule of its own stands; nobody where they differ and are trusted alike."""
        if name in self._special:
            if name in self._sets:
                first = next(record for record in records if record.known.get(name) is not None)
                return Voice(first, _members(*(members for _, members in said)), Rule.UNION)
            for connection in self._policies.fields[name].trust:
                for record, value in said:
                    if record.connection == connection:
                        return Voice(record, value, Rule.TRUST)
        newest, value = said[0]
        for _, other in said[1:]:
            if other != value and not equivalent(self._policies.kind(name), value, other, self._policies.region):
                return None
        return Voice(newest, value, Rule.NEWEST if len(said) > 1 else Rule.ONLY)


def _shown(record: Record) -> dict[str, Value]:
    """What a record says about its person."""
    return {name: value for name, value in record.known.items() if value is not None and name not in IDENTIFIERS}


def _members(*sets: Sequence[str]) -> list[str]:
    """All that anybody has, segments' badges aside: they stand for what a person is in."""
    return sorted({member for members in sets for member in members if not member.startswith(BADGE)})


def _only(name: str, records: Sequence[Record]) -> Voice:
    """The one record that says anything."""
    return next(
        Voice(record, record.known[name], Rule.ONLY) for record in records if record.known.get(name) is not None
    )


def _choice(name: str, voice: Voice) -> Choice:
    """What a voice says, as the fold would write it down."""
    record, value, rule = voice
    at, since = 0 if rule is Rule.UNION else record.first_at, ALWAYS if rule is Rule.TRUST else 0
    return Choice(value, at, since, rule, Reference(record.id, name, record.first))
