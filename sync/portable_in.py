"""Decisions from other stores, coming in: each row is judged by itself. It is taken, it is there already, or it is
refused with a reason. A row never overrules what was decided or edited here later.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec
from sqlalchemy import Connection

from mapping.claims import MEMBER, Record
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.model import Millis, Value
from mapping.roles import ROLE
from mapping.values import Kind, same
from sync import runs
from sync.portable import BATCH, Place, Portable, claim_of, in_words, places_of
from sync.portable_roles import Companies
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD, MARK_RESOLVE

_decode = msgspec.json.Decoder(Portable).decode
_load = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken, and why."""

    row: int
    reason: str


@dataclass(slots=True)
class Imported:
    """What an import did: how many rows it read, took by kind, found here already, and refused."""

    read: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    there: int = 0
    refused: list[Refused] = field(default_factory=list)


class _NotTaken(Exception):
    """Why a row is refused."""


def bring_in(
    database: Database,
    lines: Iterable[bytes],
    connections: Collection[str],
    fields: Mapping[str, Kind],
    now: Millis,
    *,
    dry_run: bool = False,
) -> Imported:
    """Take the decisions of *lines*, one JSON document each, about records of *connections* and our *fields*.

    Doing it twice changes nothing more. With *dry_run* nothing is written. The next plan acts on what was taken.
    """
    told = Imported()
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    desk = _Desk(frozenset(connections), fields, now, told)
    while part := list(islice(numbered, BATCH)):
        told.read += len(part)
        rows = [(number, row) for number, line in part if (row := desk.parsed(number, line)) is not None]
        with database.read() if dry_run else database.write() as conn:
            desk.take(conn, rows, dry_run=dry_run)
    told.refused.sort(key=lambda one: one.row)
    return told


_Pair = tuple[int, int]
_Key = tuple[str, int, int, str, str, Millis]
_PAIRS = (DecisionKind.SAME, DecisionKind.NOT_SAME)
_OF_ORGANIZATIONS = (*_PAIRS, DecisionKind.ROLE)
_LETS_GO = (DecisionKind.HOLD, DecisionKind.LEAVE_ALONE)


@dataclass(slots=True)
class _Desk:
    """Judges rows, a batch at a time, and remembers what it took: a later row of the same file meets it."""

    connections: frozenset[str]
    fields: Mapping[str, Kind]
    now: Millis
    told: Imported
    seen: set[_Key] = field(default_factory=set)
    newest: dict[tuple[object, ...], Millis] = field(default_factory=dict)

    def parsed(self, number: int, line: bytes) -> Portable | None:
        """A line as a decision; None, and a reason noted, where it is none."""
        try:
            return self._checked(_decode(line))
        except _NotTaken as reason:
            self._refuse(number, str(reason))
        except msgspec.ValidationError as error:
            self._refuse(number, in_words(error, line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._refuse(number, "it is not a JSON object on one line")
        return None

    def _refuse(self, number: int, reason: str) -> None:
        self.told.refused.append(Refused(number, reason))

    def _checked(self, row: Portable) -> Portable:
        """What can be told without the store. Raises _NotTaken."""
        for place in places_of(row):
            if "\x00" in place.remote_id + row.field:
                raise _NotTaken("it names something with a character that no name has")
            if place.connection not in self.connections:
                raise _NotTaken(f'there is no connection "{place.connection}" here')
        if row.at.tzinfo is None:
            raise _NotTaken('"at" has no time zone; it is written like 2026-03-31T09:00:00Z')
        if row.millis > self.now:
            raise _NotTaken('"at" lies in the future')
        if (row.decision in _PAIRS) != (row.other is not None):
            wants = "needs" if row.decision in _PAIRS else "takes no"
            raise _NotTaken(f'"{row.decision.value}" {wants} "other" record')
        _check_role(row)
        named = row.field.partition(MEMBER)[0]
        if named and named not in self.fields:
            raise _NotTaken(f'there is no field "{named}" here')
        if row.decision is DecisionKind.KEEP and not row.field:
            raise _NotTaken('"keep" needs a "field"')
        if row.decision is DecisionKind.KEEP and (row.value is None or MEMBER in row.field):
            raise _NotTaken('"keep" needs the "value" of a whole field')
        if row.value is not None and MEMBER not in row.field and not _suits(row.value, self.fields.get(named)):
            raise _NotTaken(f'"value" is none that "{named or row.decision.value}" may have')
        return row

    def take(self, conn: Connection, rows: Sequence[tuple[int, Portable]], *, dry_run: bool) -> None:
        """Judge one batch against the store, and write what is taken."""
        found = _Found.of(conn, [row for _, row in rows if not row.organization])
        companies = Companies(
            conn, [(p.connection, p.remote_id) for _, r in rows if r.organization for p in places_of(r)]
        )
        self.seen |= found.seen
        for key, at in found.newest.items():
            self.newest[key] = max(at, self.newest.get(key, 0))
        revision = runs.revision_now(conn)
        decisions: list[Decision] = []
        for number, row in rows:
            try:
                if row.organization:
                    self._take_company(row, companies, revision)
                    continue
                decision = self._judged(row, found, revision)
            except _NotTaken as reason:
                self._refuse(number, str(reason))
                continue
            if decision is None:
                self.told.there += 1
            else:
                decisions.append(decision)
                self.told.taken[decision.kind.value] += 1
        if not dry_run:
            _file(conn, decisions)
            companies.file(conn)

    def _take_company(self, row: Portable, companies: Companies, revision: int) -> None:
        """Judge a row about an organisation. Raises _NotTaken."""
        other = None if row.other is None else (row.other.connection, row.other.remote_id)
        word = None if row.role is None else row.role.word(row.millis)
        made = companies.decision(row.decision, (row.connection, row.remote_id), other, word, row.millis, revision)
        if isinstance(made, str):
            raise _NotTaken(made)
        if made is None:
            self.told.there += 1
        else:
            self.told.taken[made.kind.value] += 1

    def _judged(self, row: Portable, found: _Found, revision: int) -> Decision | None:
        """The decision that a row makes here; None where it is here already. Raises _NotTaken."""
        record = found.record(row.connection, row.remote_id)
        other = found.record(row.other.connection, row.other.remote_id) if row.other else None
        first, second = record.id, 0
        if other is not None:
            if other.id == record.id:
                raise _NotTaken("it names one record twice")
            first, second = min(record.id, other.id), max(record.id, other.id)
        name, value = row.field, row.value
        if row.role is not None:
            name, value = ROLE, row.role.word(row.millis).value()
        key = _key(row.decision.value, first, second, name, records.dump(value), row.millis)
        if key in self.seen:
            return None
        rejects = _rejected(row, found) if row.decision is DecisionKind.HOLD else None
        decision = Decision(row.decision, first, row.millis, revision, name, value, second, rejects)
        self._not_overtaken(decision, record, found)
        self.seen.add(key)
        return decision

    def _not_overtaken(self, decision: Decision, record: Record, found: _Found) -> None:
        """Raises _NotTaken where something later stands here."""
        if decision.kind is DecisionKind.KEEP:
            for one in found.of_person(record):
                claim = one.claims.get(decision.name)
                if claim is not None and one.edited(decision.name) and claim.at > decision.at:
                    raise _NotTaken(f"{decision.name} was edited at {one.connection} after this was decided")
        about = _about(decision, record)
        for topic in _overtaken_by(decision, record):
            if self.newest.get(topic, 0) > decision.at:
                raise _NotTaken("somebody decided otherwise here later")
        self.newest[about] = max(decision.at, self.newest.get(about, 0))


def _check_role(row: Portable) -> None:
    """What can be told of a word about a role, and of a decision about an organisation. Raises _NotTaken."""
    if (row.decision is DecisionKind.ROLE) != (row.role is not None):
        raise _NotTaken(f'"{row.decision.value}" {"takes no" if row.role else "needs a"} "role"')
    if row.role is not None and (wrong := row.role.wrong()):
        raise _NotTaken(wrong)
    if row.organization and row.decision not in _OF_ORGANIZATIONS:
        raise _NotTaken(f'"{row.decision.value}" is not decided about an organisation')
    if (row.role is not None or row.organization) and (row.field or row.value is not None):
        raise _NotTaken('"field" and "value" do not belong here')


_SHAPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.NUMBER: (int, float),
    Kind.FLAG: (bool,),
    Kind.SET: (list,),
    Kind.ADDRESS: (dict,),
}


def _suits(value: Value, kind: Kind | None) -> bool:
    """Whether a value has the shape that a field's values have: text, unless the field says otherwise."""
    if kind is None or (isinstance(value, bool) and kind is not Kind.FLAG):
        return False
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, _SHAPES.get(kind, (str,))) and all(isinstance(part, str) for part in parts)


def _about(decision: Decision, record: Record) -> tuple[object, ...]:
    """What a decision is about: of several about the same, the last counts."""
    if decision.kind in _PAIRS:
        return ("pair", decision.record, decision.other)
    if decision.kind is DecisionKind.KEEP:
        return ("keep", record.person, decision.name)
    if decision.kind is DecisionKind.ROLE:  # words add up: none takes the place of another
        return ("role", decision.record, records.dump(decision.value), decision.at)
    if decision.kind is DecisionKind.LEAD:
        return ("lead", record.person, record.connection)
    return (decision.kind.value, decision.record, decision.name)


def _overtaken_by(decision: Decision, record: Record) -> list[tuple[object, ...]]:
    """What later decisions take the place of this one."""
    release = DecisionKind.RELEASE.value
    if decision.kind in _LETS_GO:
        names = dict.fromkeys((decision.name, ""))
        return [_about(decision, record), *((release, decision.record, name) for name in names)]
    return [_about(decision, record)]


@dataclass(slots=True)
class _Found:
    """What the store knows about a batch of rows."""

    places: dict[Place, Record]
    people: dict[str, list[Record]]
    seen: set[_Key]
    newest: dict[tuple[object, ...], Millis]

    @staticmethod
    def of(conn: Connection, rows: Sequence[Portable]) -> _Found:
        wanted: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            for place in places_of(row):
                wanted[place.connection].add(place.remote_id)
        places: dict[Place, Record] = {}
        for connection, remote_ids in wanted.items():
            for remote_id, whole in records.by_remote(conn, connection, sorted(remote_ids)).items():
                places[Place(connection, remote_id)] = records.from_row(whole)
        people = {
            case.id: list(case.records)
            for case in records.load_cases(conn, sorted({one.person for one in places.values() if one.person}))
        }
        every = {one.id: one for group in people.values() for one in group} | {one.id: one for one in places.values()}
        found = _Found(places, people, set(), {})
        found._decided(conn, every)
        return found

    def _decided(self, conn: Connection, every: Mapping[int, Record]) -> None:
        """What was decided here about these records, also what was taken back since."""
        names = ("kind", "record", "other", "name", "value", "at", "lifted")
        for row in bulk.select_in(conn, [t.decision.c[name] for name in names], t.decision.c.record, every):
            kind, record, other, name, value, at, lifted = row
            self.seen.add(_key(kind, record, other, name, records.dump(_load(value.encode())), at))
            if not lifted:
                made = Decision(DecisionKind(kind), record, at, 0, name, _load(value.encode()), other)
                about = _about(made, every[record])
                self.newest[about] = max(at, self.newest.get(about, 0))

    def record(self, connection: str, remote_id: str) -> Record:
        """A record by its place. Raises _NotTaken."""
        try:
            return self.places[Place(connection, remote_id)]
        except KeyError:
            raise _NotTaken(f'{connection} has no record "{remote_id}" that we know') from None

    def of_person(self, record: Record) -> Sequence[Record]:
        return self.people.get(record.person, [record])


def _key(kind: str, record: int, other: int, name: str, value: str, at: Millis) -> _Key:
    return (kind, record, other, name, value, at)


def _rejected(row: Portable, found: _Found) -> Reference:
    """The claim here that a hold is to hold off. Raises _NotTaken where it is not here."""
    if not row.field:
        raise _NotTaken("it would put a record away here; undo the run that made it instead")
    if row.rejects is None:
        raise _NotTaken('"hold" needs what it "rejects"')
    source = found.record(row.rejects.connection, row.rejects.remote_id)
    claim = claim_of(source, row.rejects.field)
    if claim is None or row.rejects.value is msgspec.UNSET or not same(claim.value, row.rejects.value):
        raise _NotTaken("what it holds off is not there (any more), so there is nothing to hold")
    return Reference(source.id, row.rejects.field, claim.seen)


def _file(conn: Connection, decisions: Sequence[Decision]) -> None:
    """Write decisions down, lift what a release lets go of, and mark whom they concern."""
    d = t.decision.c
    for one in decisions:
        if one.kind is DecisionKind.RELEASE:
            kinds = [kind.value for kind in _LETS_GO]
            lift = t.decision.update().where(d.record == one.record, d.kind.in_(kinds), d.at <= one.at)
            conn.execute((lift.where(d.name == one.name) if one.name else lift).values(lifted=True))
        # One by one, in order: a release lets go of what was filed before it.
        records.add_decisions(conn, [one])
    ties = sorted({record for one in decisions if one.kind in _PAIRS for record in (one.record, one.other)})
    records.mark(conn, sorted({one.record for one in decisions}), MARK_FOLD)
    records.mark(conn, ties, MARK_RESOLVE)
