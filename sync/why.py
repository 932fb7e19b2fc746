"""Why: what a person's value, a link between records, or a consent rests on.

The answers come from the same fold and the same ledger as the plan does, run again over this one person's records;
nothing is worked out a second way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from mapping.claims import MEMBER, Claim, Record
from mapping.consent import Standing, standing
from mapping.decisions import Decision, DecisionKind, Policies
from mapping.leads import lead
from mapping.model import MARKETING, Value
from mapping.roles import Spell
from mapping.survivorship import Choice, Conflict, Person, fold
from sync import queries
from sync.roles import spells
from sync.store.records import ledger_address, load_cases
from sync.writes import Case


@dataclass(frozen=True, slots=True)
class Said:
    """What one record says about a field: what it shows, what somebody put there, what we sent."""

    record: int
    connection: str
    remote_id: str
    shows: Value
    claim: Claim | None
    sent: Value
    lead: bool
    state: str
    members: Mapping[str, Claim] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldAnswer:
    """Why a person's field is what it is: the choice, or the conflict, and everything that was weighed."""

    name: str
    choice: Choice | None
    conflict: Conflict | None
    said: tuple[Said, ...]
    decisions: tuple[Decision, ...]
    trust: tuple[str, ...]
    findings: tuple[queries.FindingLine, ...] = ()
    writes: tuple[queries.WriteLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Tie:
    """An identifier that several of a person's records hold: what makes them one person."""

    kind: str
    value: str
    records: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A person, their folded values, and what each rests on."""

    case: Case
    person: Person
    leads: Mapping[str, int]
    ties: tuple[Tie, ...]
    aliases: tuple[str, ...]
    roles: tuple[Spell, ...]
    consent: Mapping[str, Standing]
    purposes: Mapping[tuple[str, str], Standing]  # the same of purposes beside marketing, by address and purpose
    findings: tuple[queries.FindingLine, ...]
    writes: tuple[queries.WriteLine, ...]
    fields: Mapping[str, FieldAnswer]

    @property
    def left_alone(self) -> Decision | None:
        """The word by which nothing is written to this person's records; None where nobody said it."""
        return next((one for one in self.case.decisions if one.kind is DecisionKind.LEAVE_ALONE), None)


def explain(conn: Connection, person: str, policies: Policies) -> Answer | None:
    """Everything known about one person and why; None where nobody has this id."""
    cases = load_cases(conn, [person])
    if not cases:
        return None
    case = cases[0]
    folded = fold(case.records, case.decisions, policies)
    leads = {name: record.id for name, record in lead(case.records, case.decisions).items()}
    findings = tuple(queries.findings(conn, person=person))
    writes = tuple(queries.writes(conn, person=person, limit=50))
    names = sorted({*folded.choices, *folded.conflicts, *_shown(case.records)})
    return Answer(
        case,
        folded,
        leads,
        tuple(_ties(conn, case.records)),
        tuple(queries.aliases(conn, person)),
        tuple(spells(conn, person)),
        {address: standing(case.consent, address) for address in _addresses(case.records)},
        _purposes(case),
        findings,
        writes,
        {name: _field(name, case, folded, leads, policies, findings, writes) for name in names},
    )


def _purposes(case: Case) -> dict[tuple[str, str], Standing]:
    """Where each address stands with every purpose that the ledger names."""
    named = sorted({fact.purpose for fact in case.consent} - {MARKETING})
    return {
        (one, purpose): standing(case.consent, one, purpose) for one in _addresses(case.records) for purpose in named
    }


def _addresses(records: Sequence[Record]) -> list[str]:
    """The addresses that these records show now, as the ledger writes them."""
    return sorted({ledger_address(address) for record in records for address in record.addresses})


def _shown(records: Sequence[Record]) -> set[str]:
    return {name.partition(MEMBER)[0] for record in records for name in (*record.known, *record.claims)}


def _ties(conn: Connection, records: Sequence[Record]) -> list[Tie]:
    """The identifiers that tie these records together."""
    held: dict[tuple[str, str], list[int]] = {}
    for kind, value, record in queries.identifiers(conn, [record.id for record in records]):
        held.setdefault((kind, value), []).append(record)
    return [Tie(kind, value, tuple(ids)) for (kind, value), ids in sorted(held.items()) if len(ids) > 1]


def _field(
    name: str,
    case: Case,
    folded: Person,
    leads: Mapping[str, int],
    policies: Policies,
    findings: Sequence[queries.FindingLine],
    writes: Sequence[queries.WriteLine],
) -> FieldAnswer:
    said = tuple(_said(name, record, leads) for record in case.records if _speaks(record, name))
    rule = policies.fields.get(name)
    return FieldAnswer(
        name,
        folded.choices.get(name),
        folded.conflicts.get(name),
        said,
        tuple(d for d in case.decisions if d.name == name),
        rule.trust if rule else (),
        tuple(finding for finding in findings if finding.name == name),
        tuple(line for line in writes if any(setting[0] == name for setting in line.row.get("settings", ()))),
    )


def _speaks(record: Record, name: str) -> bool:
    return name in record.known or name in record.pairs or record.claim(name) is not None


def _said(name: str, record: Record, leads: Mapping[str, int]) -> Said:
    pair = record.pairs.get(name)
    prefix = name + MEMBER
    members = {key[len(prefix) :]: claim for key, claim in record.claims.items() if key.startswith(prefix)}
    return Said(
        record.id,
        record.connection,
        record.remote_id,
        record.known.get(name),
        record.claim(name),
        None if pair is None else pair.sent,
        leads.get(record.connection) == record.id,
        record.state.value,
        members,
    )
