"""Ties: at which company of a platform somebody's record belongs, and the company to make where there is none.

Pure. A tie is proposed where a record has none and never had one: whoever was put to a company there, or taken off one,
stays as they are. A company is found by its name, or by the domain of a work address, and only where exactly one fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mapping.claims import Record
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.leads import lead
from mapping.mailboxes import work_domain
from mapping.model import WORKS_AT, Companies, Direction, RecordState, Value, WriteKind
from mapping.survivorship import Person
from mapping.values import Kind, blank, canonical
from sync.writes import BELONGS, TO_BE_MADE, UNDO, Belonging, Case, Finding, FindingKind, Firm, Setting, Target, Write

COMPANY = "company"


def plan_ties(case: Case, person: Person, targets: Mapping[str, Target]) -> tuple[list[Write], list[Finding]]:
    """What one person's companies ask for, and what is left alone and why."""
    writes, findings = list[Write](), list[Finding]()
    if any(decision.kind is DecisionKind.LEAVE_ALONE for decision in case.decisions):
        return writes, findings
    for name, record in lead(case.records, case.decisions).items():
        target, here = targets.get(name), case.belonging.get(record.id)
        if target is None or here is None or target.direction is Direction.READ or record.state is not RecordState.LIVE:
            continue
        holds = {d.name: d for d in case.decisions if d.kind is DecisionKind.HOLD and d.record == record.id}
        if "" in holds:
            continue  # an undo takes the whole record back
        if WORKS_AT in holds:
            writes += _undone(case, record, here, holds[WORKS_AT])
        elif target.companies is not Companies.NONE and not here.tied:
            made, found = _tie(case, person, record, here, target.companies)
            writes += made
            findings += found
    return writes, findings


def company_key(name: Value) -> str:
    """The form in which names of companies are compared."""
    return str(canonical(Kind.TEXT, name) or "")


def _undone(case: Case, record: Record, here: Belonging, hold: Decision) -> list[Write]:
    """Take a record off the company that we put it to, unless a person said since what it is to that company."""
    known = record.known.get(WORKS_AT)
    ours = next((firm for firm in here.tied if firm.remote_id == known and not firm.label), None)
    if ours is None or not blank(hold.value):
        return []
    return [_write(case, record, ours, Setting(WORKS_AT, known, None, UNDO, hold.rejects))]


def _tie(
    case: Case, person: Person, record: Record, here: Belonging, mode: Companies
) -> tuple[list[Write], list[Finding]]:
    """The company that a record belongs to by all that is known, and its tie."""
    goes_by = _goes_by(person, record, here)
    if goes_by is None:
        return [], []
    if here.cut or not blank(record.known.get(WORKS_AT)):
        return [], [_held(record, "was taken off a company there, and is not put back")]
    named, rule, source = goes_by
    if COMPANY in person.conflicts:
        return [], [_held(record, "the sides differ on the company, and nobody has decided")]
    fitting = _fitting(case, named, here)
    if len(fitting) > 1:
        return [], [_held(record, f"{len(fitting)} companies there may be {named.name!r}")]
    if fitting:
        return _offered(case, record, [], Setting(WORKS_AT, None, fitting[0].remote_id, rule, source), fitting[0])
    if mode is Companies.ASSOCIATE:
        return [], [_held(record, f"there is no company {named.name!r} there")]
    why = here.never.get(company_key(named.name))
    if why is not None:
        return [], [_held(record, f"{named.name!r} is not made there: {why}")]
    fields = [Setting("name", None, named.name, rule, source)]
    fields += [Setting("domain", None, named.domain, rule, source)] if named.domain else []
    made = Write(
        WriteKind.COMPANY,
        *_ids(case, record),
        tuple(fields),
        purpose=named.name,
        why=f"no company of this name there, {COMPANY}: {rule}",
    )
    return _offered(case, record, [made], Setting(WORKS_AT, None, TO_BE_MADE, rule, source), named)


def _goes_by(person: Person, record: Record, here: Belonging) -> tuple[Firm, str, Reference | None] | None:
    """The company that a person is known to belong to: what is agreed on, else what one other connection says."""
    choice = person.choices.get(COMPANY)
    if choice is not None and not blank(choice.value):
        return Firm("", str(choice.value).strip()), str(choice.rule), choice.source
    told = {company_key(firm.name): firm for firm in here.elsewhere if firm.name}
    if len(told) != 1:
        return None
    return next(iter(told.values()))._replace(remote_id=""), BELONGS, Reference(record.id, BELONGS, record.first)


def _fitting(case: Case, named: Firm, here: Belonging) -> Sequence[Firm]:
    """The companies there that are this one: of its name, a work address telling equal names apart; else of the domain
    of a work address."""
    live = (record for record in case.records if record.state is RecordState.LIVE)
    domains = {work_domain(address) for record in live for address in record.addresses} | {named.domain}
    domains.discard("")
    by_domain = [firm for firm in here.firms if firm.domain in domains]
    by_name = [firm for firm in here.firms if company_key(firm.name) == company_key(named.name)]
    both = [firm for firm in by_name if firm in by_domain]
    if len(both) == 1:
        return both
    return by_name or by_domain


def _offered(
    case: Case, record: Record, made: list[Write], setting: Setting, firm: Firm
) -> tuple[list[Write], list[Finding]]:
    """The writes, unless the platform refused the same before."""
    if WORKS_AT in record.refused and record.refused[WORKS_AT] == setting.after:
        text = f"the platform would not put it to {firm.name!r}"
        return [], [Finding(FindingKind.REFUSED, record.connection, record.id, WORKS_AT, text)]
    return [*made, _write(case, record, firm, setting)], []


def _write(case: Case, record: Record, firm: Firm, setting: Setting) -> Write:
    why = f"{COMPANY}: {setting.rule}"
    return Write(WriteKind.TIE, *_ids(case, record), (setting,), purpose=firm.name, why=why)


def _ids(case: Case, record: Record) -> tuple[str, str, int, str, str]:
    return record.connection, case.id, record.id, record.remote_id, record.addresses[0] if record.addresses else ""


def _held(record: Record, text: str) -> Finding:
    return Finding(FindingKind.HELD, record.connection, record.id, WORKS_AT, text)
