"""Opt-outs sent to HubSpot: of all e-mail for marketing, of one subscription otherwise.

The calls of a hundred at once take a right that only the largest plan can give; without it people leave one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import Change, Outcome, Result
from connectors.batches import in_batches, one_by_one
from connectors.errors import TooNarrow
from connectors.http import Http
from connectors.hubspot_answers import Answers, concerned
from connectors.over_http import decoded
from mapping.model import MARKETING

BATCH_SIZE = 100
AT_ONCE = 8
"""Opt-outs in flight where they go one by one."""

_statuses = msgspec.json.Decoder(wire.Statuses)
_definitions = msgspec.json.Decoder(wire.Definitions)


@dataclass(slots=True)
class OptOuts:
    """The opt-outs of one account. `one_by_one` remembers that it may not send them in batches."""

    http: Http
    answers: Answers
    purposes: Mapping[str, str] = field(default_factory=dict)  # a subscription's number → what it is for
    one_by_one: bool = False

    def send(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        """One outcome per change, in order. Repeating it changes nothing."""
        number = "" if purpose == MARKETING else self._subscription(purpose)

        def send(batch: Sequence[Change]) -> Sequence[Outcome]:
            if number:
                members: list[Any] = [_leaving(change.address, int(number)) for change in batch]
                return self._left(batch, wire.WRITE_STATUSES, (), members)
            return self._left(batch, wire.UNSUBSCRIBE_ALL, (("channel", "EMAIL"),), [one.address for one in batch])

        if not self.one_by_one:
            try:
                return in_batches(changes, BATCH_SIZE, send, lambda change: change.address.lower())
            except TooNarrow:
                self.one_by_one = True
        return one_by_one(changes, lambda change: self._leave(change, number), AT_ONCE)

    def _leave(self, change: Change, number: str) -> Outcome:
        """One person out of one subscription, or of all e-mail."""
        path = wire.STATUS_OF.format(quote(change.address, safe=""))
        if number:
            status = {name: value for name, value in _leaving("", int(number)).items() if value}
            body = msgspec.json.encode(status)
            response = self.http.request("POST", path, json=body, idempotent=True, operation="opt out one")
        else:
            query, path = (("channel", "EMAIL"),), f"{path}/unsubscribe-all"
            response = self.http.request("POST", path, query=query, idempotent=True, operation="opt out one")
        if response.ok:
            return Outcome(Result.APPLIED, change.remote_id)
        return Outcome(Result.REFUSED, change.remote_id, reason=self.http.explain(response), code="invalid")

    def _left(
        self, changes: Sequence[Change], path: str, query: tuple[tuple[str, str], ...], members: list[Any]
    ) -> Sequence[Outcome]:
        response = self.http.request(
            "POST", path, query=query, json=wire.inputs(members), idempotent=True, operation="opt out"
        )
        if not response.ok:
            self.answers.refuse_whole(response)
        answer = decoded(self.http, _statuses, response, "opt out")
        out = {found.subscriberIdString.lower() for found in answer.results if found.status != "SUBSCRIBED"}
        failed = {one.lower(): trouble for trouble in answer.errors for one in concerned(trouble)}
        return [
            Outcome(Result.APPLIED, change.remote_id)
            if change.address.lower() in out
            else self.answers.outcome(change, None, failed.get(change.address.lower()))
            for change in changes
        ]

    def _subscription(self, purpose: str) -> str:
        """The id of the subscription type that a purpose names."""
        number = next((number for number, known in self.purposes.items() if known == purpose), purpose)
        if number.isdigit():
            return number
        response = self.http.request("GET", wire.DEFINITIONS, operation="list subscription types")
        for found in decoded(self.http, _definitions, response, "list subscription types").results:
            if found.name.casefold() == purpose.casefold():
                return found.id
        raise self.http.misread("opt out", f"the account has no subscription type {purpose!r}")


def _leaving(address: str, subscription: int) -> dict[str, Any]:
    return {
        "subscriberIdString": address,
        "subscriptionId": subscription,
        "statusState": "UNSUBSCRIBED",
        "channel": "EMAIL",
    }
