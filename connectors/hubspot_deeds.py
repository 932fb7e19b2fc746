"""What is written to HubSpot beside contacts and lists: tasks for a person, companies, and who belongs to them.

A contact may be put to a company twice and belongs to it once. A task or a company has neither a key nor a sure way to
look for one just made, so one whose answer was lost is told as maybe made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from connectors import hubspot_streams_wire as wire
from connectors import hubspot_wire
from connectors.asking import turned
from connectors.base import Option, Outcome, Result
from connectors.codecs import millis
from connectors.deeds import Company, Deeds, Pair, Task
from connectors.errors import MaybeSent
from connectors.http import Http, Response
from connectors.hubspot_facts import COMPANY
from connectors.hubspot_ties import NOTHING, Ties, needing
from connectors.over_http import decoded
from mapping.facts import Tie
from mapping.model import Value

JOIN_SIZE = 2_000
OWNERS_SIZE = 100
TASK_TO_CONTACT = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}
OPEN = "NOT_STARTED"
READ_COMPANIES, WRITE_COMPANIES = "crm.objects.companies.read", "crm.objects.companies.write"
READ_CONTACTS, WRITE_CONTACTS = "crm.objects.contacts.read", "crm.objects.contacts.write"
READ_OWNERS = "crm.objects.owners.read"
SUBJECT, DUE, OWNER, NOTE, STATUS = (
    "hs_task_subject",
    "hs_timestamp",
    "hubspot_owner_id",
    "hs_task_body",
    "hs_task_status",
)


@dataclass(frozen=True, slots=True)
class HubSpotDeeds(Deeds):
    """Writes of one account."""

    apis: Callable[[], wire.StreamApis]
    http: Http

    # -- tasks --------------------------------------------------------------------------------------------------

    def owners(self) -> Sequence[Option]:
        with needing(READ_OWNERS, "read the users of the account"):
            found = users(self.apis(), self.http, archived=False)
            return [Option(one.id, one.name, one.email or "") for one in found]

    def create_task(self, who: str, task: Task) -> Outcome:
        properties = {
            DUE: str(task.due),
            SUBJECT: task.subject,
            STATUS: OPEN,
            "hs_task_type": "TODO",
            **({NOTE: task.note} if task.note else {}),
            **({OWNER: task.owner} if task.owner else {}),
        }
        body = {"properties": properties, "associations": [{"to": {"id": who}, "types": [TASK_TO_CONTACT]}]}
        with needing(WRITE_CONTACTS, "create tasks"):
            try:
                response = self.apis().objects.create("tasks", msgspec.json.encode(body), _preload_content=False)
            except MaybeSent as lost:
                return Outcome(Result.MAYBE, reason=str(lost))
        if not response.ok:
            return Outcome(Result.REFUSED, reason=self.http.explain(response), code="invalid")
        made = decoded(self.http, hubspot_wire.head, response, "create task")
        return Outcome(Result.APPLIED, made.id)

    def task(self, number: str) -> Task | None:
        with needing(READ_CONTACTS, "read tasks"):
            found = self._read("tasks", number, (SUBJECT, DUE, OWNER, NOTE, STATUS))
        if found is None:
            return None
        get = found.properties.get
        return Task(
            get(SUBJECT) or "",
            millis(get(DUE)),
            get(OWNER) or "",
            get(NOTE) or "",
            done=(get(STATUS) or OPEN) != OPEN,
        )

    def archive_task(self, number: str) -> None:
        with needing(WRITE_CONTACTS, "take tasks away"):
            self._archive("tasks", number)

    # -- companies ----------------------------------------------------------------------------------------------

    def create_companies(self, wanted: Sequence[Mapping[str, Value]]) -> Sequence[Outcome]:
        members = [
            {"objectWriteTraceId": str(place), "properties": spelled(fields)} for place, fields in enumerate(wanted)
        ]
        with needing(WRITE_COMPANIES, "create companies"):
            try:
                body = hubspot_wire.inputs(members)
                response = self.apis().batch.create("companies", body, _preload_content=False)
            except MaybeSent as lost:
                return [Outcome(Result.MAYBE, reason=str(lost)) for _ in wanted]
        if not response.ok:
            return [Outcome(Result.REFUSED, reason=self.http.explain(response), code="invalid") for _ in wanted]
        answer = decoded(self.http, hubspot_wire.batch, response, "create companies")
        entries = [hubspot_wire.contact.decode(result) for result in answer.results]
        made = {entry.objectWriteTraceId: entry.id for entry in entries if entry.objectWriteTraceId}
        failed = {trace: one for one in answer.errors for trace in one.context.get("objectWriteTraceId", ())}
        return [self._made(made.get(str(place)), failed.get(str(place))) for place in range(len(wanted))]

    def _made(self, number: str | None, trouble: hubspot_wire.Trouble | None) -> Outcome:
        if number is not None:
            return Outcome(Result.APPLIED, number)
        if trouble is None or trouble.category == "INTERNAL_ERROR":
            return Outcome(Result.MAYBE, reason="HubSpot's answer does not say what became of it")
        reason = self.http.redact(trouble.message)[:300]
        later = trouble.category in ("RATE_LIMIT", "RATE_LIMITS")
        return Outcome(Result.LATER if later else Result.REFUSED, reason=reason, code="" if later else "invalid")

    def company(self, number: str) -> Company | None:
        with needing(READ_COMPANIES, "read companies"):
            found = self._read("companies", number, tuple(COMPANY.values()))
            if found is None:
                return None
            people = self._ties().of("companies", "contacts", [number]).get(number, ())
        fields = {ours: text for ours, theirs in COMPANY.items() if (text := found.properties.get(theirs))}
        return Company(fields, tuple(one.id for one in people))

    def archive_company(self, number: str) -> None:
        with needing(WRITE_COMPANIES, "put companies away"):
            self._archive("companies", number)

    # -- who belongs to which -----------------------------------------------------------------------------------

    def companies_of(self, who: Sequence[str]) -> Mapping[str, Sequence[Tie]]:
        with needing(READ_COMPANIES, "read who belongs to which company"):
            found = self._ties().of("contacts", "companies", list(dict.fromkeys(who)))
        return {one: [Tie(one, to.id, to.label, to.primary) for to in there] for one, there in found.items() if there}

    def associate(self, pairs: Sequence[Pair]) -> Mapping[Pair, str]:
        refused: dict[Pair, str] = {}
        for batch in _parts(pairs):
            body = hubspot_wire.inputs([{"from": {"id": one}, "to": {"id": other}} for one, other in batch])
            with needing(WRITE_COMPANIES, "associate companies"):
                response = self.apis().associations.create_default(
                    "contacts", "companies", body, _preload_content=False
                )
            if not response.ok:
                refused |= dict.fromkeys(batch, self.http.explain(response))
                continue
            answer = decoded(self.http, hubspot_wire.batch, response, "associate companies")
            for trouble in answer.errors:
                ends = zip(trouble.context.get("from", []), trouble.context.get("to", []), strict=False)
                refused |= dict.fromkeys(ends, self.http.redact(trouble.message)[:300])
        return refused

    def dissociate(self, pairs: Sequence[Pair]) -> Mapping[Pair, str]:
        refused: dict[Pair, str] = {}
        for batch in _parts(pairs):
            body = hubspot_wire.inputs([{"from": {"id": one}, "to": [{"id": other}]} for one, other in batch])
            with needing(WRITE_COMPANIES, "take companies off contacts"):
                response = self.apis().associations.archive("contacts", "companies", body, _preload_content=False)
            if not response.ok:
                refused |= dict.fromkeys(batch, self.http.explain(response))
        return refused

    # -- parts --------------------------------------------------------------------------------------------------

    def _ties(self) -> Ties:
        return Ties(self.apis().associations.get_page, self.http)

    def _read(self, kind: str, number: str, properties: Sequence[str]) -> wire.Record | None:
        """One object by its number; None where HubSpot says that it is not there."""
        body = hubspot_wire.inputs([{"id": number}], properties=list(properties), propertiesWithHistory=[])
        response = self.apis().batch.read(kind, body, _preload_content=False)
        answer = decoded(self.http, hubspot_wire.batch, response, f"read {kind}")
        for trouble in answer.errors:
            if trouble.category not in NOTHING:
                raise self.http.misread(f"read {kind}", f"it could not be read ({trouble.category})")
        records = [msgspec.json.decode(result, type=wire.Record) for result in answer.results]
        return records[0] if records else None

    def _archive(self, kind: str, number: str) -> None:
        response: Response = self.apis().batch.archive(
            kind, hubspot_wire.inputs([{"id": number}]), _preload_content=False
        )
        if not response.ok:
            raise self.http.misread(f"archive {kind}", self.http.explain(response))


def users(apis: wire.StreamApis, http: Http, *, archived: bool) -> Iterator[wire.Owner]:
    """The users of the account, or its former ones."""
    decoder = msgspec.json.Decoder(wire.Owners)

    def ask(after: str) -> wire.Owners:
        more = {"after": after} if after else {}
        response = apis.owners.get_page(limit=OWNERS_SIZE, archived=archived, _preload_content=False, **more)
        return decoded(http, decoder, response, "list owners")

    for answer, _ in turned("", ask, hubspot_wire.further, partial(http.misread, "list owners")):
        yield from answer.results


def _parts(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    unique = list(dict.fromkeys(pairs))
    for start in range(0, len(unique), JOIN_SIZE):
        yield unique[start : start + JOIN_SIZE]


def spelled(values: Mapping[str, Value]) -> dict[str, str]:
    """Our fields in HubSpot's spelling; those that it has no property for are left out."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in COMPANY}
    return {COMPANY[name]: str(value) for name, value in known.items() if value not in (None, "")}
