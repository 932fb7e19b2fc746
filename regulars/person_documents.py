"""One person as JSON: values with their source, records, consent, and why each is so."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mapping.claims import Record
from mapping.consent import Standing
from mapping.decisions import Decision
from mapping.money import major
from mapping.survivorship import Choice
from regulars import show_roles
from sync.queries import PersonLine
from sync.queries_facts import Belonging, PersonFacts
from sync.why import Answer, FieldAnswer, Said


def person_document(line: PersonLine, answer: Answer, facts: PersonFacts | None = None) -> dict[str, Any]:
    """A person as JSON, with what the fact tables know where *facts* are given."""
    return {
        "id": line.id,
        "aliases": list(answer.aliases),
        "name": line.name,
        "email": line.email,
        "values": {name: _choice(choice, answer) for name, choice in answer.person.choices.items()},
        "conflicts": sorted(answer.person.conflicts),
        "records": [_record(record, answer) for record in answer.case.records],
        "left_alone": answer.left_alone is not None,
        "roles": [show_roles.document(one) for one in answer.roles],
        "consent": {address: _standing(stands, answer) for address, stands in answer.consent.items()},
        "purposes": [
            {"address": address, "purpose": purpose, **_standing(stands, answer)}
            for (address, purpose), stands in answer.purposes.items()
        ],
        "findings": [asdict(finding) for finding in answer.findings],
        "writes": [asdict(write) for write in answer.writes],
        **({} if facts is None else facts_document(facts)),
    }


def _belonging(one: Belonging) -> dict[str, Any]:
    return {**asdict(one), "roles": [show_roles.document(spell) for spell in one.roles]}


def facts_document(facts: PersonFacts) -> dict[str, Any]:
    """What the fact tables know of a person, as JSON. Amounts are exact: as text, and in the smallest unit."""
    return {
        "organizations": [_belonging(one) for one in facts.organizations],
        "touchpoints": [asdict(one) for one in facts.touchpoints],
        "deals": [{**asdict(one), "amount": _money(one.amount, one.currency)} for one in facts.deals],
        "money": {
            currency: {state: _money(amount, currency) for state, amount in sums.items()}
            for currency, sums in facts.sums().items()
        },
        "feedback": [asdict(one) for one in facts.feedback],
        "lists": [asdict(one) for one in facts.lists],
        "segments": [asdict(one) for one in facts.segments],
    }


def _money(amount: int, currency: str) -> dict[str, Any]:
    return {"amount": f"{major(amount, currency):f}", "currency": currency, "minor": amount}


def why_document(line: PersonLine, answer: Answer) -> dict[str, Any]:
    """Everything that a person rests on, as JSON."""
    return {
        **person_document(line, answer),
        "links": [{"kind": tie.kind, "value": tie.value, "records": named(answer, tie.records)} for tie in answer.ties],
        "decisions": [_decision(d, answer) for d in answer.case.decisions],
        "fields": {name: field_document(part, answer) for name, part in answer.fields.items()},
    }


def field_document(part: FieldAnswer, answer: Answer) -> dict[str, Any]:
    """Why a field is what it is, as JSON."""
    return {
        "field": part.name,
        "choice": None if part.choice is None else _choice(part.choice, answer),
        "conflict": part.conflict is not None,
        "trust": list(part.trust),
        "claims": [_said(said) for said in part.said],
        "decisions": [_decision(d, answer) for d in part.decisions],
        "findings": [asdict(finding) for finding in part.findings],
        "writes": [asdict(write) for write in part.writes],
    }


def _choice(choice: Choice, answer: Answer) -> dict[str, Any]:
    source = find(answer, choice.source.record)
    return {
        "value": choice.value,
        "rule": choice.rule.value,
        "at": choice.at,
        "connection": source.connection if source else None,
        "remote_id": source.remote_id if source else None,
        "seen_in_revision": choice.source.seen,
    }


def _record(record: Record, answer: Answer) -> dict[str, Any]:
    return {
        "connection": record.connection,
        "remote_id": record.remote_id,
        "state": record.state.value,
        "lead": answer.leads.get(record.connection) == record.id,
        "subscribed": record.subscribed,
        "addresses": list(record.addresses),
        "shows": record.known,
    }


def _standing(stands: Standing, answer: Answer) -> dict[str, Any]:
    fact = stands.fact
    if fact is None:
        return {"state": stands.state.value, "rests_on": None}
    source = find(answer, fact.record)
    return {
        "state": stands.state.value,
        "rests_on": {
            "address": fact.address,
            "purpose": fact.purpose,
            "at": fact.at,
            "evidence": fact.evidence,
            "explicit": fact.explicit,
            "connection": source.connection if source else None,
        },
    }


def _said(said: Said) -> dict[str, Any]:
    claim = said.claim
    return {
        "connection": said.connection,
        "remote_id": said.remote_id,
        "lead": said.lead,
        "state": said.state,
        "shows": said.shows,
        "sent": said.sent,
        "claim": None
        if claim is None
        else {"value": claim.value, "kind": claim.kind.value, "at": claim.at, "seen": claim.seen, "was": claim.was},
    }


def _decision(decision: Decision, answer: Answer) -> dict[str, Any]:
    source = find(answer, decision.record)
    return {
        "id": decision.id,
        "kind": decision.kind.value,
        "field": decision.name or None,
        "value": decision.value,
        "at": decision.at,
        "connection": source.connection if source else None,
        "remote_id": source.remote_id if source else None,
    }


def find(answer: Answer, record: int) -> Record | None:
    return next((one for one in answer.case.records if one.id == record), None)


def named(answer: Answer, records: tuple[int, ...]) -> list[str]:
    found = (find(answer, record) for record in records)
    return [f"{one.connection} {one.remote_id}" for one in found if one is not None]
