"""What is written to HubSpot beside contacts and lists: companies, who belongs to them, and tasks for a person.

Companies and associations may be written twice and end alike. A task has neither a key nor a way to look for it, so
one whose answer was lost is told as maybe made, and must not be made again unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors import hubspot_streams_wire as wire
from connectors import hubspot_wire
from connectors.base import Change, Outcome, Result
from connectors.batches import RefusedWhole, in_batches
from connectors.errors import MaybeSent
from connectors.http import Http
from connectors.hubspot_facts import COMPANY
from connectors.hubspot_ties import needing
from connectors.hubspot_walk import Decoded
from mapping.model import Millis, Value

BATCH_SIZE, JOIN_SIZE = 100, 2_000
TASK_TO_CONTACT = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}
WRITE_COMPANIES, WRITE_CONTACTS = "crm.objects.companies.write", "crm.objects.contacts.write"


@dataclass(frozen=True, slots=True)
class Deeds:
    """Writes of one account."""

    apis: Callable[[], wire.StreamApis]
    http: Http
    decoded: Decoded

    def create_task(self, who: str, subject: str, due: Millis, owner: str, text: str) -> Outcome:
        """Something to do for the contact *who*, due then; *owner* is the number of a user there."""
        properties = {
            "hs_timestamp": str(due),
            "hs_task_subject": subject,
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": "TODO",
            **({"hs_task_body": text} if text else {}),
            **({"hubspot_owner_id": owner} if owner else {}),
        }
        body = {"properties": properties, "associations": [{"to": {"id": who}, "types": [TASK_TO_CONTACT]}]}
        with needing(WRITE_CONTACTS, "create tasks"):
            try:
                response = self.apis().objects.create("tasks", msgspec.json.encode(body), _preload_content=False)
            except MaybeSent as lost:
                return Outcome(Result.MAYBE, reason=str(lost))
        if not response.ok:
            return Outcome(Result.REFUSED, reason=self.http.explain(response), code="invalid")
        made = self.decoded(hubspot_wire.head, response, "create task")
        return Outcome(Result.APPLIED, made.id)

    def update_companies(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Set our fields of companies; one outcome per change. Role, stage and owner are moved by people there: they
        stay as they are, and are blamed."""
        with needing(WRITE_COMPANIES, "change companies"):
            return in_batches(changes, BATCH_SIZE, self._update, lambda change: change.remote_id)

    def _update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = [{"id": change.remote_id, "properties": spelled(change.values)} for change in changes]
        response = self.apis().batch.update("companies", hubspot_wire.inputs(members), _preload_content=False)
        if not response.ok:
            raise RefusedWhole(self.http.explain(response), "gone" if response.status == 404 else "invalid")
        answer = self.decoded(hubspot_wire.batch, response, "update companies")
        done = {hubspot_wire.head.decode(result).id for result in answer.results}
        failed = {one: trouble for trouble in answer.errors for ids in trouble.context.values() for one in ids}
        return [self._outcome(change, done, failed) for change in changes]

    def _outcome(self, change: Change, done: set[str], failed: Mapping[str, hubspot_wire.Trouble]) -> Outcome:
        remote_id = change.remote_id
        trouble = failed.get(remote_id)
        if remote_id in done:
            return Outcome(
                Result.APPLIED, remote_id, blamed=tuple(name for name in change.values if name not in COMPANY)
            )
        if trouble is None or trouble.category == "INTERNAL_ERROR":
            return Outcome(Result.MAYBE, remote_id, reason="HubSpot's answer does not say what became of it")
        if trouble.category in ("RATE_LIMIT", "RATE_LIMITS"):
            return Outcome(Result.LATER, remote_id, reason=trouble.message)
        if trouble.category in ("OBJECT_NOT_FOUND", "NOT_FOUND"):
            return Outcome(Result.GONE, remote_id, reason="HubSpot has no such company any more", code="gone")
        return Outcome(Result.REFUSED, remote_id, reason=self.http.redact(trouble.message)[:300], code="invalid")

    def associate(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Let each contact belong to a company, without a label. Returns the pairs that HubSpot would not take, and
        why."""
        refused: dict[tuple[str, str], str] = {}
        unique = list(dict.fromkeys(pairs))
        for start in range(0, len(unique), JOIN_SIZE):
            batch = unique[start : start + JOIN_SIZE]
            body = hubspot_wire.inputs([{"from": {"id": one}, "to": {"id": other}} for one, other in batch])
            with needing(WRITE_COMPANIES, "associate companies"):
                response = self.apis().associations.create_default(
                    "contacts", "companies", body, _preload_content=False
                )
            if not response.ok:
                refused |= dict.fromkeys(batch, self.http.explain(response))
                continue
            answer = self.decoded(hubspot_wire.batch, response, "associate companies")
            for trouble in answer.errors:
                ends = zip(trouble.context.get("from", []), trouble.context.get("to", []), strict=False)
                refused |= dict.fromkeys(ends, self.http.redact(trouble.message)[:300])
        return refused


def spelled(values: Mapping[str, Value]) -> dict[str, str]:
    """Our fields in HubSpot's spelling; those that it has no property for are left out, an empty text clears."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in COMPANY}
    return {COMPANY[name]: "" if value is None else str(value) for name, value in known.items()}
