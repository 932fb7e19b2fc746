"""Small words for pure tables: records in one line each, and plans as lines that read like sentences.

Records of one person live at `crm` (1), `news` (2) and `shop` (3). They were seen first, and joined, in revision 1 at
time 100; edits come later. Everything is planned through the fold, as in a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mapping.claims import MEMBER, Claim, ClaimKind, Pair, Record
from mapping.consent import Fact
from mapping.decisions import Decision, DecisionKind, Policies, Reference
from mapping.fields import FieldTable, both, reads
from mapping.model import MARKETING, ConsentState, Create, Direction, Value, WriteKind
from mapping.survivorship import fold
from mapping.values import Kind, cut_image
from sync.plan import plan_person
from sync.writes import Case, Finding, Target, Write

IDS = {"crm": 1, "news": 2, "shop": 3}
WEEK = 7 * 86_400_000
ADA = "ada@example.org"


def whole(address: Value) -> str:
    """Why an address does not fit: this platform wants a street in each."""
    return "" if address.get("street") else "street missing"


TABLE = FieldTable(
    (
        both("email", "email", Kind.EMAIL),
        both("city", "city"),
        both("nick", "nick", longest=6),
        both("phone", "phone", Kind.PHONE),
        both("address", "address", Kind.ADDRESS, fits=whole),
        both("tags", "tags", Kind.SET),
        reads("stage", "stage"),
    )
)
KINDS = {row.name: row.kind for row in TABLE}


def edit(value: Value, at: int = 200, seen: int = 2, was: Value = None) -> Claim:
    """Somebody put this there, after the records met."""
    return Claim(value, at, seen, ClaimKind.EDIT, was)


def clear(was: Value, at: int = 200, seen: int = 2) -> Claim:
    """Somebody took away what was there."""
    return Claim(None, at, seen, ClaimKind.CLEAR, was)


def cut(value: Value, was: Value, at: int = 200, seen: int = 2) -> Claim:
    """Somebody edited what was only a shortened image."""
    return Claim(value, at, seen, ClaimKind.CUT, was)


def first(value: Value, at: int = 100, seen: int = 1) -> Claim:
    """It stood there at first sight."""
    return Claim(value, at, seen, ClaimKind.FIRST)


def added(*members: str, at: int = 200, seen: int = 2) -> dict[str, Claim]:
    """Somebody added these tags."""
    return {f"tags{MEMBER}{member}": Claim(True, at, seen) for member in members}


def removed(*members: str, at: int = 200, seen: int = 2) -> dict[str, Claim]:
    """Somebody removed these tags."""
    return {f"tags{MEMBER}{member}": Claim(None, at, seen, ClaimKind.CLEAR, True) for member in members}


def record(connection: str = "crm", known: Mapping[str, Value] | None = None, **more: Any) -> Record:
    """One record, met in revision 1 at time 100."""
    usual: dict[str, Any] = {"id": IDS.get(connection, 9), "remote_id": f"{connection}-1", "first": 1, "joined": 1}
    return Record(connection=connection, known=dict(known or {}), **{**usual, "first_at": 100, **more})


def showing(connection: str, value: Value, claim: Claim | None = None, *, name: str = "city", **more: Any) -> Record:
    """One record by what it shows in one field, and who put it there."""
    pair: Pair | None = more.pop("pair", None)
    return record(
        connection,
        {} if value is None else {name: value},
        claims={} if claim is None else {name: claim},
        pairs={} if pair is None else {name: pair},
        **more,
    )


def hold(value: Value, rejects: Reference, *, at_record: int = 2, revision: int = 5, name: str = "city") -> Decision:
    """An undo: this is to stand at `news` as long as that claim is the chosen one."""
    return Decision(DecisionKind.HOLD, at_record, 500, revision, name, value, 0, rejects)


def keep(value: Value, *, at_record: int = 1, revision: int = 5, name: str = "city", number: int = 0) -> Decision:
    """A person decided for this value."""
    return Decision(DecisionKind.KEEP, at_record, 500, revision, name, value, id=number)


def left(address: str = ADA, at: int = 300, evidence: str = "") -> Fact:
    """Somebody left."""
    return Fact(address, MARKETING, ConsentState.WITHDRAWN, at, evidence=evidence)


def granted(address: str = ADA, at: int = 300, *, explicit: bool = True, purpose: str = MARKETING) -> Fact:
    """Somebody signed up."""
    return Fact(address, purpose, ConsentState.GRANTED, at, explicit)


def bounced(address: str = ADA, at: int = 300) -> Fact:
    """Mail came back."""
    return Fact(address, MARKETING, ConsentState.UNDELIVERABLE, at)


def target(
    name: str = "news",
    direction: Direction = Direction.BOTH,
    create: Create = Create.NONE,
    mails: bool = False,
    fields: FieldTable = TABLE,
) -> Target:
    return Target.of(name, fields, direction, create, mails)


def rules(**more: Any) -> Policies:
    """The policies of a business in Germany."""
    return Policies(**{"kinds": KINDS, "region": "DE", **more})


def planned(
    records: Sequence[Record],
    decisions: Sequence[Decision] = (),
    consent: Sequence[Fact] = (),
    *,
    targets: Iterable[Target] = (),
    policies: Policies | None = None,
) -> tuple[list[Write], list[Finding]]:
    """What a run would plan for one person."""
    policies = policies or rules()
    case = Case("p_ada", records, decisions, consent)
    there = {one.name: one for one in targets or [target()]}
    return plan_person(case, fold(records, decisions, policies), there, policies)


def lines(plan: tuple[list[Write], list[Finding]]) -> list[str]:
    """A plan as sentences, writes first: `news city: 'Bonn' -> 'Ulm' (newest)`, `news city: held`."""
    writes, findings = plan
    said = []
    for write in writes:
        changes = [f"{s.name}: {s.before!r} -> {s.after!r} ({s.rule})" for s in write.settings]
        if write.kind is WriteKind.UPDATE:
            said += [f"{write.connection} {change}" for change in changes]
        else:
            said.append(" ".join([write.connection, write.kind.value, write.address, *changes]).strip())
    return said + [f"{one.connection} {one.name}: {one.kind.value}".strip() for one in findings]


def was_cut(sent: str, shown: str) -> Pair:
    """The pair of a platform that shortens; refuses to build one that does not."""
    if not cut_image(sent, shown):
        raise ValueError(f"{shown!r} is no cut of {sent!r}")
    return Pair(sent, shown)
