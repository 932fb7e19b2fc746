"""What is written to HubSpot's contacts: set, create and put away, in batches of a hundred."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import Change, Outcome, Result
from connectors.batches import in_batches, one_by_one
from connectors.http import Response
from connectors.hubspot_answers import Answers, concerned
from connectors.hubspot_fields import OWN_KEY
from connectors.hubspot_lookup import BATCH_SIZE, Lookup


@dataclass(frozen=True, slots=True)
class Writes:
    """The writes of one account."""

    apis: Callable[[], wire.Apis]
    answers: Answers
    lookup: Lookup
    own_key: bool

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One outcome per change. The answer shows only the properties that were set: `shown.fields` is to be
        trusted for the names in `Change.values` and for nothing else, and there is no `raw`."""
        return in_batches(changes, BATCH_SIZE, self._update, lambda change: change.remote_id)

    def _update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = [{"id": change.remote_id, "properties": self.answers.spelled(change)} for change in changes]
        response = self.apis().batch.update(wire.inputs(members), _preload_content=False)
        answer = self.answers.taken(response, "update contacts")
        written = {entry.id: entry for entry in self.answers.entries(answer)}
        failed = {one: trouble for trouble in answer.errors for one in concerned(trouble)}
        return [
            self.answers.outcome(change, written.get(change.remote_id), failed.get(change.remote_id))
            for change in changes
        ]

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """By our own key where the account has it, so that a lost answer doubles nobody; else by address."""
        if self.own_key and all(change.key for change in changes):
            outcomes = in_batches(changes, BATCH_SIZE, self._upsert, lambda change: change.key)
        else:
            by_address = lambda change: (change.email or change.address).lower() or str(id(change))  # noqa: E731
            outcomes = in_batches(changes, BATCH_SIZE, self._create, by_address)
        there = [found.remote_id for found in outcomes if found.code == "exists" and found.remote_id and not found.raw]
        raws = self.lookup.read(there) if there else {}
        return [
            replace(found, raw=raws[found.remote_id]) if found.code == "exists" and raws.get(found.remote_id) else found
            for found in outcomes
        ]

    def _upsert(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        members = [
            {
                "id": change.key,
                "idProperty": OWN_KEY,
                "objectWriteTraceId": change.key,
                "properties": {**self._born(change), OWN_KEY: change.key},
            }
            for change in changes
        ]
        made = self._made(changes, self.apis().batch.upsert(wire.inputs(members), _preload_content=False))
        return [made[id(change)] for change in changes]

    def _create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        there = self.lookup.find([one for change in changes if (one := change.email or change.address)], [])
        fresh = [change for change in changes if (change.email or change.address) not in there]
        members = [
            {"objectWriteTraceId": str(index), "properties": self._born(change)} for index, change in enumerate(fresh)
        ]
        send = self.apis().batch.create
        made = self._made(fresh, send(wire.inputs(members), _preload_content=False)) if fresh else {}
        return [
            made[id(change)] if id(change) in made else _exists(there[change.email or change.address].remote_id)
            for change in changes
        ]

    def _born(self, change: Change) -> dict[str, str]:
        properties = {name: text for name, text in self.answers.spelled(change).items() if text}
        address = change.email or change.address
        return {**properties, "email": address} if address else properties

    def _made(self, changes: Sequence[Change], response: Response) -> dict[int, Outcome]:
        """Outcomes of creates by identity of the change: matched by trace id, else by our key, else by address."""
        answer = self.answers.taken(response, "create contacts")
        entries = self.answers.entries(answer)
        by_trace = {entry.objectWriteTraceId: entry for entry in entries if entry.objectWriteTraceId}
        by_key = {entry.properties.get(OWN_KEY): entry for entry in entries if entry.properties.get(OWN_KEY)}
        by_address = {(entry.properties.get("email") or "").lower(): entry for entry in entries}
        failed = {one: trouble for trouble in answer.errors for one in concerned(trouble)}
        made: dict[int, Outcome] = {}
        for index, change in enumerate(changes):
            trace = change.key if self.own_key and change.key else str(index)
            address = (change.email or change.address).lower()
            entry = by_trace.get(trace) or by_key.get(change.key) or (by_address.get(address) if address else None)
            made[id(change)] = self.answers.outcome(change, entry, failed.get(trace) or failed.get(address))
        return made

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Put contacts away; HubSpot keeps them for 90 days."""
        return in_batches(changes, BATCH_SIZE, self._archive, lambda change: change.remote_id)

    def _archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        body = wire.inputs([{"id": change.remote_id} for change in changes])
        response = self.apis().batch.archive(body, _preload_content=False)
        if not response.ok:
            self.answers.refuse_whole(response)
        return [Outcome(Result.APPLIED, change.remote_id) for change in changes]

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Erase contacts for good, one call each: HubSpot has no batch for it."""
        return one_by_one(changes, self._erase, 1)

    def _erase(self, change: Change) -> Outcome:
        body = msgspec.json.encode({"objectId": change.remote_id})
        response = self.apis().basic.purge(body, _preload_content=False)
        if response.status == 404:
            return Outcome(Result.GONE, change.remote_id)
        if not response.ok:
            return Outcome(Result.REFUSED, change.remote_id, reason=self.answers.http.explain(response))
        return Outcome(Result.APPLIED, change.remote_id)


def _exists(remote_id: str) -> Outcome:
    return Outcome(Result.REFUSED, remote_id, reason="a contact has this address already", code="exists")
