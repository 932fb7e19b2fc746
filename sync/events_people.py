"""What is new about people: each who may have changed is compared with what was last told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from sync.events_kinds import Event
from sync.store import bulk
from sync.store import schema as t
from sync.store import schema_events as e
from sync.writes import FindingKind

_ASKED = (FindingKind.REVIEW.value, FindingKind.CONTESTED.value)
"""The findings that wait for somebody's decision about one person. Conflicts are settled in bulk, and listed."""

_COLUMNS = ("person", "number", "email", "fields", "reviews")


class _Known(NamedTuple):
    """What was told of somebody. `fields` None: they were merged into somebody else."""

    number: int = 0
    email: str = ""
    fields: str | None = None
    reviews: str = "[]"


class _Teller:
    """The events of one person, numbered, so that each has an id of its own."""

    def __init__(self, person: str, known: _Known, epoch: int) -> None:
        self.person, self.number, self._epoch = person, known.number, epoch
        self.events: list[Event] = []

    def say(self, kind: str, data: dict[str, Any]) -> None:
        self.events.append(Event(kind, (self.person, self._epoch, self.number), data))
        self.number += 1


def look_at_people(conn: Connection, epoch: int, most: int) -> tuple[list[Event], bool]:
    """A portion of those who may have changed: what is new of them, and whether there are more."""
    s = e.stirred.c
    people = list(conn.execute(select(s.person).order_by(s.person).limit(most)).scalars())
    bulk.delete_in(conn, s.person, people)
    columns = [e.told.c[name] for name in _COLUMNS]
    known = {row[0]: _Known(*row[1:]) for row in bulk.select_in(conn, columns, e.told.c.person, people)}
    p = t.person.c
    there = {row[0]: row for row in bulk.select_in(conn, [p.id, p.email, p.fields], p.id, people)}
    winners = _winners(conn, [person for person in people if person not in there and person in known])
    asked = _asked(conn, people)
    found: list[Event] = []
    rows = []
    for person in people:
        before = known.get(person, _Known())
        teller = _Teller(person, before, epoch)
        if person in there:
            _, email, fields = there[person]
            _compare(teller, before, email, fields)
            reviews = _review(teller, before, asked.get(person, []))
            rows.append((person, teller.number, email, fields, reviews))
        elif before.fields is not None and winners.get(person, person) != person:
            teller.say("person.merged", {"person": winners[person], "merged": person})
            rows.append((person, teller.number, "", None, "[]"))
        found += teller.events
    changed = [row for row in rows if tuple(row[1:]) != tuple(known.get(row[0], ()))]
    bulk.upsert(conn, e.told, _COLUMNS, changed, _COLUMNS[:1], _COLUMNS[1:])
    return found, len(people) == most


def remember_reviews(conn: Connection) -> None:
    """What waits for a decision today is no news."""
    f = t.finding.c
    people = list(conn.execute(select(f.person).where(f.kind.in_(_ASKED)).distinct()).scalars())
    rows = [(_encode(keys), person) for person, keys in sorted(_asked(conn, people).items())]
    bulk.update_by(conn, e.told, "person", ("reviews",), rows)


def _compare(teller: _Teller, before: _Known, email: str, text: str) -> None:
    """What became of somebody's values."""
    if before.fields == text and before.email == email:
        return
    fields = msgspec.json.decode(text)
    if before.fields is None:
        teller.say("person.created", {"person": teller.person, "email": email, "fields": fields})
        return
    known = msgspec.json.decode(before.fields)
    changed = [name for name in known.keys() | fields.keys() if known.get(name) != fields.get(name)]
    if before.email != email:
        changed.append("email")
    if changed:
        data = {"person": teller.person, "changed": sorted(set(changed)), "email": email, "fields": fields}
        teller.say("person.updated", data)


def _review(teller: _Teller, before: _Known, now: list[list[str]]) -> str:
    """What newly waits for a decision; returns all that does, as it is kept."""
    known = msgspec.json.decode(before.reviews)
    for one in now:
        if one not in known:
            kind, connection, _, name = one
            teller.say(
                "review.requested",
                {"person": teller.person, "kind": kind, "connection": connection, "field": name},
            )
    return _encode(now)


def _asked(conn: Connection, people: Iterable[str]) -> dict[str, list[list[str]]]:
    """What waits for a decision, by person: kind, connection, record, field."""
    f = t.finding.c
    columns = [f.person, f.kind, f.connection, f.record, f.name]
    found: dict[str, set[tuple[str, ...]]] = {}
    for person, kind, *rest in bulk.select_in(conn, columns, f.person, list(people)):
        if kind in _ASKED:
            found.setdefault(person, set()).add((kind, *map(str, rest)))
    return {person: [list(one) for one in sorted(keys)] for person, keys in found.items()}


def _winners(conn: Connection, people: Collection[str]) -> dict[str, str]:
    """Who they are now that were these people: the records by which they were founded say so."""
    r = t.record.c
    rows = bulk.select_in(conn, [r.founder, r.person], r.founder, sorted(people))
    return {founder: person for founder, person in rows if person}


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
