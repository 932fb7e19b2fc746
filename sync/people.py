"""People: fold claims into people, and compare what each platform shows with what it should.

The one pass over everybody who has changed. It files the derived tables and hands on the plan; on a dry run the
marks that say who has changed stay as they were.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select, update

from mapping.claims import Record
from mapping.decisions import Policies
from mapping.meeting import Meetings
from mapping.model import BADGE, ConsentState, Create, Millis, RecordState, Value, WriteKind
from mapping.survivorship import Person, fold
from sync.badges import TAGS, plan_badges
from sync.events_stirred import stir_people
from sync.plan import plan_person
from sync.roles import file_roles
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD
from sync.ties import company_key, plan_ties
from sync.ties_load import Belongings
from sync.writes import Case, Finding, PlanHash, Target, Write, encode_write

_CHUNK = 1000
_decode = msgspec.json.Decoder(Write).decode


class Spool:
    """A whole plan on disk, in the order in which it leaves: memory stays flat however long it is.

    Iterating gives every `Write`; `counts` how many per (connection, kind); `overwrites` how many updates replace a
    value that is not blank, per connection.
    """

    def __init__(self) -> None:
        self._files: dict[tuple[str, WriteKind], IO[bytes]] = {}
        self._hash = PlanHash()
        self._hashes: dict[str, PlanHash] = {}
        self._companies: set[tuple[str, str]] = set()
        self.counts: Counter[tuple[str, WriteKind]] = Counter()
        self.overwrites: Counter[str] = Counter()

    def add(self, write: Write) -> None:
        key = (write.connection, write.kind)
        if write.kind is WriteKind.COMPANY:  # several people ask for it, and it is made once
            company = write.connection, company_key(write.purpose)
            if company in self._companies:
                return
            self._companies.add(company)
        if key not in self._files:
            self._files[key] = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed with the spool
        self._files[key].write(self._hash.add(write) + b"\n")
        self._hashes.setdefault(write.connection, PlanHash()).add(write)
        self.counts[key] += 1
        if write.kind is WriteKind.UPDATE:
            self.overwrites[write.connection] += any(setting.before is not None for setting in write.settings)

    @property
    def count(self) -> int:
        return self._hash.count

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()

    def hash_of(self, connection: str) -> str:
        """The hash of what is to be written to one connection; empty where nothing is."""
        return self._hashes[connection].hexdigest() if connection in self._hashes else ""

    def of(self, connection: str, kind: WriteKind) -> Iterator[Write]:
        """The writes of one kind to one connection."""
        file = self._files.get((connection, kind))
        if file is not None:
            file.seek(0)
            for line in file:
                yield _decode(line)

    def __iter__(self) -> Iterator[Write]:
        order = list(WriteKind)
        for connection, kind in sorted(self._files, key=lambda key: (order.index(key[1]), key[0])):
            yield from self.of(connection, kind)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def fold_and_plan(
    database: Database,
    targets: Mapping[str, Target],
    policies: Policies,
    *,
    settle_marks: bool,
    spool: Spool | None = None,
    tell: Callable[[Sequence[str]], None] = lambda people: None,
) -> Spool:
    """Fold and plan everybody with a mark. With *settle_marks* the marks move from what changed to what waits for
    a write, so that work which is not done stays marked, and the rest is done. *tell* hears of each chunk of people."""
    spool = spool or Spool()
    belongings = Belongings(targets)
    last = ""
    while True:
        with database.write() as conn:
            people = _marked(conn, last)
            if not people:
                return spool
            cases = _cases(conn, people, targets, belongings)
            waiting = _one_chunk(conn, cases, targets, policies, spool)
            if settle_marks:
                conn.execute(
                    update(t.record)
                    .where(
                        t.MARKED,
                        t.record.c.mark == MARK_FOLD,
                        t.record.c.person >= people[0],
                        t.record.c.person <= people[-1],
                    )
                    .values(mark=0)
                )
                bulk.update_by(conn, t.record, "id", ("mark",), [(MARK_FOLD, record) for record in sorted(waiting)])
            last = people[-1]
        tell(people)


def plan_few(database: Database, targets: Mapping[str, Target], policies: Policies, people: Sequence[str]) -> Spool:
    """Fold and plan just these. Their marks stay: the next plan of everybody has them too."""
    spool, belongings = Spool(), Belongings(targets)
    for start in range(0, len(people), _CHUNK):
        with database.write() as conn:
            cases = _cases(conn, people[start : start + _CHUNK], targets, belongings)
            _one_chunk(conn, cases, targets, policies, spool)
    return spool


def still_planned(
    conn: Connection, targets: Mapping[str, Target], policies: Policies, writes: Sequence[Write]
) -> list[Write]:
    """Those of *writes* that a plan made at this moment would contain just so. Files nothing."""
    found: set[bytes] = set()
    for case in _cases(conn, sorted({write.person for write in writes}), targets, Belongings(targets)):
        planned, _ = _plan_one(case, fold(case.records, case.decisions, policies), targets, policies)
        found.update(encode_write(write) for write in planned)
    return [write for write in writes if encode_write(write) in found]


def fold_only(database: Database, policies: Policies, most: int) -> list[str]:
    """Fold and file everybody with a mark, plan nothing and leave the marks; returns who, at most *most* of them."""
    last, changed, meetings = "", list[str](), Meetings(policies)
    while True:
        with database.write() as conn:
            people = _marked(conn, last)
            if not people:
                return changed
            folded = []
            for case in records.load_cases(conn, people):
                met = meetings.meet(case.records, case.decisions)
                if met is None:
                    folded.append(_folded(case, fold(case.records, case.decisions, policies)))
                else:
                    folded.append(Folded(case, met.values, met.since))
            file_people(conn, folded)
            changed += people[: max(0, most - len(changed))]
            last = people[-1]


def _marked(conn: Connection, after: str) -> list[str]:
    query = (
        select(t.record.c.person)
        .where(t.MARKED, t.record.c.person > after)
        .distinct()
        .order_by(t.record.c.person)
        .limit(_CHUNK)
    )
    return list(conn.execute(query).scalars())


def _cases(
    conn: Connection, people: Sequence[str], targets: Mapping[str, Target], belongings: Belongings
) -> list[Case]:
    """Everything that a plan looks at, of these people."""
    cases = records.load_cases(conn, people)
    if _badged(targets):
        cases = load_badges(conn, cases)
    return belongings.load(conn, cases)


def _badged(targets: Mapping[str, Target]) -> bool:
    return any(target.tags or target.lists for target in targets.values())


def _plan_one(
    case: Case, person: Person, targets: Mapping[str, Target], policies: Policies
) -> tuple[Sequence[Write], Sequence[Finding]]:
    """What is to be written for one person, and what waits for somebody."""
    writes, findings = plan_person(case, person, targets, policies)
    if _badged(targets):
        writes, more = plan_badges(case, targets, writes)
        findings += more
    if case.belonging:
        ties, more = plan_ties(case, person, targets)
        writes, findings = [*writes, *ties], [*findings, *more]
    return writes, findings


def _one_chunk(
    conn: Connection,
    cases: Sequence[Case],
    targets: Mapping[str, Target],
    policies: Policies,
    spool: Spool,
) -> set[int]:
    """Fold, plan and file these people; returns the records that now wait for a write."""
    waiting: set[int] = set()
    folded: list[Folded] = []
    found: list[tuple[str, Finding]] = []
    makers = {target.name for target in targets.values() if target.create is not Create.NONE}
    meetings = Meetings(policies, {name: [row.name for row in target.writable] for name, target in targets.items()})
    for case in cases:
        # Creates and companies look at every choice.
        partly = not case.belonging and makers.issubset(record.connection for record in case.records)
        met = meetings.meet(case.records, case.decisions) if partly else None
        if met is None:
            person = fold(case.records, case.decisions, policies)
            folded.append(_folded(case, person))
        else:
            person = met.person
            folded.append(Folded(case, met.values, met.since))
            if nothing_to_plan(case):
                continue
        writes, findings = _plan_one(case, person, targets, policies)
        found.extend((case.id, finding) for finding in findings)
        for write in writes:
            spool.add(write)
            waiting.add(write.record or case.records[0].id)
    file_people(conn, folded)
    _file_findings(conn, [case.id for case in cases], found)
    return waiting


def nothing_to_plan(case: Case) -> bool:
    """Whether nothing follows from somebody's untouched record: it is the only one, no badge hangs there or is to,
    and nobody left. Most people of most businesses."""
    record = case.records[0]
    if len(case.records) > 1 or case.segments or record.refused:
        return False
    if any(fact.state is ConsentState.WITHDRAWN for fact in case.consent):
        return False
    return not any(tag.startswith(BADGE) for tag in record.known.get(TAGS) or ())


class Folded(NamedTuple):
    """Somebody's values, and since when they are what they are to the business."""

    case: Case
    values: dict[str, Value]
    since: Millis


def _folded(case: Case, person: Person) -> Folded:
    values = {name: choice.value for name, choice in person.choices.items() if choice.value is not None}
    told = person.choices.get("stage") or person.choices.get("role")
    return Folded(case, values, told.at if told is not None else 0)


def called(values: Mapping[str, Value]) -> str:
    """What somebody is called: first and last name, or whatever a platform shows that knows no such thing."""
    parts = (values.get("given_name"), values.get("family_name"))
    return " ".join(str(part) for part in parts if part) or str(values.get("name") or values.get("handle") or "")


_encode = msgspec.json.Encoder().encode


def file_people(conn: Connection, folded: Sequence[Folded]) -> None:
    """Write the derived rows of people: chosen values, and what they are to the business."""
    people = []
    for case, values, _ in folded:
        address = records.clean(main_address(case.records))
        people.append((case.id, records.clean(called(values)), address, _encode(values).decode(), len(case.records)))
    bulk.upsert(
        conn,
        t.person,
        ("id", "name", "email", "fields", "records"),
        people,
        ("id",),
        ("name", "email", "fields", "records"),
    )
    file_roles(conn, folded)
    stir_people(conn, [case.id for case, _, _ in folded])


def load_badges(conn: Connection, cases: Sequence[Case]) -> list[Case]:
    """Cases with the segments that their people are in, and the lists of ours that their records are on."""
    segments: dict[str, set[str]] = {}
    ids = [case.id for case in cases]
    for person, segment in bulk.select_in(conn, [t.member.c.person, t.member.c.segment], t.member.c.person, ids):
        segments.setdefault(person, set()).add(segment)
    listed: dict[int, set[str]] = {}
    ours = select(t.listing.c.id, t.listing.c.title).where(t.listing.c.title.startswith(BADGE))
    titles: dict[int, str] = {row.id: row.title for row in conn.execute(ours)}
    records_of = [record.id for case in cases for record in case.records] if titles else []
    for record, listing in bulk.select_in(conn, [t.listed.c.record, t.listed.c.listing], t.listed.c.record, records_of):
        if listing in titles:
            listed.setdefault(record, set()).add(titles[listing])
    found = []
    for case in cases:
        on = {record.id: frozenset(listed[record.id]) for record in case.records if record.id in listed}
        found.append(replace(case, segments=frozenset(segments.get(case.id, ())), listed=on))
    return found


def main_address(case_records: Sequence[Record]) -> str:
    """The address under which a person is listed: the first of their live records'."""
    live = [record for record in case_records if record.state is RecordState.LIVE and record.addresses]
    return live[0].addresses[0] if live else ""


def _file_findings(conn: Connection, people: Sequence[str], found: Sequence[tuple[str, Finding]]) -> None:
    bulk.delete_in(conn, t.finding.c.person, people)
    columns = ("person", "kind", "connection", "record", "name", "detail")
    rows = [(person, f.kind.value, f.connection, f.record, f.name, records.clean(f.detail)) for person, f in found]
    bulk.insert(conn, t.finding, columns, rows)


def finding_counts(conn: Connection) -> dict[str, int]:
    """How many findings there are of each kind."""
    rows = conn.execute(select(t.finding.c.kind, func.count()).group_by(t.finding.c.kind))
    return {str(kind): int(count) for kind, count in rows}
